"""`tsrep config`, `tsrep cache` and `tsrep doctor`."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.cli.conftest import Command
from tsrep.datasets.cache_contents import cache_contents, remove, to_clear
from tsrep.datasets.dataset import cache_folder, default_folder
from tsrep.errors import ConfigError
from tsrep.registry import DATASETS
from tsrep.runs.config import configure, plain
from tsrep.runs.explained_config import annotated, explained, parameter_texts
from tsrep.runs.machine import extras
from tsrep.yaml_files import read_yaml


@pytest.mark.parametrize("name", ["ptb-xl-sim", "etth1"])
def test_an_annotated_file_says_the_same_as_nothing(name: str) -> None:
    text = annotated({"dataset": {"name": name}})
    assert plain(configure(read_yaml(text, "text"))) == plain(configure({"dataset": name}))
    assert "# number > 0; learning rate after the warm-up" in text
    assert max(map(len, text.splitlines())) <= 110


def test_what_a_data_set_needs_is_to_be_filled_in() -> None:
    required = {
        name: [
            key for key, field in DATASETS.entry(name).settings.model_fields.items() if field.is_required()
        ]
        for name in DATASETS.names()
    }
    name, keys = next((name, keys) for name, keys in required.items() if keys)
    values = yaml.safe_load(annotated({"dataset": {"name": name}}))
    assert all(values["dataset"][key] == "FILL IN" for key in keys)


def test_a_setting_tells_where_it_came_from(tmp_path: Path, command: Command) -> None:
    (tmp_path / "c.yaml").write_text("objective: {name: cpc}\ntraining: {epochs: 3}\n")
    told = command("config", "show", tmp_path / "c.yaml", "--set", "training.lr=0.01", "--json").stdout
    origin = {each["path"]: (each["value"], each["origin"]) for each in json.loads(told)}
    assert origin["training.epochs"] == (3, str(tmp_path / "c.yaml"))
    assert origin["training.lr"] == (0.01, "--set")
    assert origin["encoder.name"] == ("s4d", "objective cpc")
    assert origin["seed"] == (0, "default")
    line = next(
        each
        for each in command("config", "show", "-o", "simclr").stdout.splitlines()
        if each.startswith("objective.temperature")
    )
    assert line.split()[:3] == ["objective.temperature", "0.1", "default"]
    assert 'number from 0.01 to 10 or "learned"; Of NT-Xent' in line


def test_the_settings_of_a_part_that_was_replaced_are_not_its_own() -> None:
    layers = [
        ("file", {"objective": {"name": "simclr", "temperature": 0.5}}),
        ("option", {"objective": "moco"}),
    ]
    found = {each.path: each.origin for each in explained(layers)}
    assert (found["objective.name"], found["objective.temperature"]) == ("option", "default")


def test_check_names_file_and_setting(tmp_path: Path, command: Command, refused: Callable[..., str]) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text("dataset: ptb-xl\n")
    bad.write_text("training: {epocs: 3}\n")
    assert command("config", "check", good).stdout == f"{good}: valid, comet on ptb-xl\n"
    assert refused("config", "check", good, bad) == (
        f"tsrep: {bad}: unknown setting training.epocs; did you mean 'epochs'?\n"
    )
    written = command("config", "init", "ptb-xl", "--out", tmp_path / "new.yaml")
    assert written.returncode == 0
    assert "is there already" in refused("config", "init", "ptb-xl", "--out", tmp_path / "new.yaml")
    below = good / "new.yaml"
    assert str(good) in refused("config", "init", "ptb-xl", "--out", below)


def test_docstrings_say_what_settings_do() -> None:
    texts = parameter_texts(DATASETS.entry("wfdb").settings)
    assert texts["patient"] == "Column that says whose a record is"


def test_the_cache_is_listed_and_cleared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Command
) -> None:
    monkeypatch.setenv("TSREP_CACHE", str(tmp_path))
    for name, size in (
        ("wfdb-" + "a" * 20, 2_000_000),
        ("wfdb-" + "b" * 20, 500_000),
        ("eeg-" + "c" * 20, 10),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "signals.npy").write_bytes(bytes(size))
    os.utime(tmp_path / ("wfdb-" + "a" * 20), (0, 0))
    assert [(each.name, each.size, len(each.entries)) for each in cache_contents()] == [
        ("wfdb", 2_500_000, 2),
        ("eeg", 10, 1),
    ]
    assert "2.5 MB" in command("cache", "list").stdout
    assert to_clear("wfdb", older_than=1) == (tmp_path / ("wfdb-" + "a" * 20),)
    with pytest.raises(ConfigError, match="has nothing of 'wfd'; did you mean 'wfdb'"):
        to_clear("wfd")
    assert command("cache", "clear", "wfdb", "--yes").stdout == "removed 2.5 MB\n"
    remove(to_clear())
    assert not list(tmp_path.iterdir())


def test_what_others_keep_in_the_folder_of_the_cache_is_not_cleared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Command
) -> None:
    monkeypatch.setenv("TSREP_CACHE", str(tmp_path))
    mine = ["records.csv", "ptb-xl", "2026-11-29", "run-20261129", "a.npy", ".hidden", "thesis"]
    kept = ["eeg-" + "c" * 20, "fingerprints-" + "d" * 16 + ".npz", ".eeg-" + "c" * 20 + ".77-abcdef12.part"]
    for name in (*mine, *kept, "converted-" + "e" * 32 + ".npy.sha256", "simulated", "foreign", "gpu.json"):
        (tmp_path / name).write_bytes(bytes(1000))
    assert command("cache", "clear", "--yes").stdout == "removed 0.0 MB\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(mine)


def test_an_empty_variable_does_not_name_the_working_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TSREP_CACHE", "TSREP_DATA"):
        monkeypatch.delenv(name, raising=False)
    unset = cache_folder(None), default_folder("ptb-xl")
    for name in ("TSREP_CACHE", "TSREP_DATA"):
        monkeypatch.setenv(name, "")
    assert (cache_folder(None), default_folder("ptb-xl")) == unset


def test_doctor_tells_versions_and_extras(command: Command) -> None:
    found = {each["what"]: each["value"] for each in json.loads(command("doctor", "--json").stdout)}
    assert found["cores"].isdigit()
    assert {"tsrep", "torch", "bfloat16", "cache", "extra tensorboard"} <= found.keys()
    assert extras()["parquet"] == ["pyarrow"]
    assert command("doctor").stdout.splitlines()[0].startswith("tsrep ")

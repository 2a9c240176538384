"""Settings of the data set are given by `--set`: the column with the class, the channels of a series."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from tests.datasets.eeg_files import write_bids
from tsrep.cli.app import app
from tsrep.errors import ConfigError, DataError


def tsrep(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, list(map(str, arguments)))


def dataset_of(done: Result) -> dict[str, object]:
    assert done.exit_code == 0, done.output
    found: dict[str, object] = yaml.safe_load(done.output)["dataset"]
    return found


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "c.yaml"
    path.write_text("dataset: {name: bids, label: diagnosis, task: rest}")
    return path


def test_it_sets_the_label_of_the_data_set(config: Path) -> None:
    given = dataset_of(tsrep("fit", "--dataset", "bids", "--set", "dataset.label=sex", "--show-config"))
    assert (given["name"], given["label"]) == ("bids", "sex")
    above = dataset_of(tsrep("fit", "-c", config, "--set", "dataset.label=group", "--show-config"))
    assert (above["label"], above["task"]) == ("group", "rest")
    assert dataset_of(tsrep("fit", "-c", config, "--show-config"))["label"] == "diagnosis"
    other = dataset_of(
        tsrep("fit", "-c", config, "--dataset", "eeg", "--set", "dataset.label='2'", "--show-config")
    )
    assert (other["name"], other["label"]) == ("eeg", "2")


def test_a_series_can_be_its_target_alone() -> None:
    words = ("--dataset", "series-csv", "--set", "dataset.target=load", "--set", "dataset.variables=target")
    given = dataset_of(tsrep("fit", *words, "--show-config"))
    assert (given["target"], given["variables"]) == ("load", "target")


@pytest.mark.parametrize("arguments", [(), ("--dataset", "ptb-xl"), ("--dataset", "etth1")])
def test_it_is_refused_where_there_is_no_such_setting(arguments: tuple[str, ...]) -> None:
    words = ("data", "check", arguments[1]) if arguments else ("fit",)
    for command in (("fit", *arguments), words):
        for setting in ("label=group", "variables=targets"):
            done = tsrep(*command, "--set", f"dataset.{setting}")
            assert isinstance(done.exception, ConfigError)
            said = str(done.exception)
            assert said.startswith(("unknown setting dataset.", "dataset.variables is 'targets'"))
            assert "\n" not in said


def test_a_run_that_goes_on_has_its_label(tmp_path: Path) -> None:
    done = tsrep("fit", "--resume", tmp_path, "--set", "dataset.label=group")
    assert isinstance(done.exception, ConfigError)
    assert "--resume takes all settings from the run" in str(done.exception)


def test_a_bids_folder_by_a_column_of_its_participants(tmp_path: Path) -> None:
    root = write_bids(tmp_path / "bids", subjects=12)
    table = root / "participants.tsv"
    table.write_text(table.read_text().replace("group", "sex", 1))
    size = ("--set", "dataset.epoch_seconds=2", "--set", "window.seconds=2")
    done = tsrep("data", "check", "bids", "--root", root, "--set", "dataset.label=sex", *size)
    assert done.exit_code == 0, done.output
    assert "36 records of 12 patients, 6 channels at 128 Hz, 2 classes" in done.output
    done = tsrep("data", "check", "bids", "--root", root, "--set", "dataset.label=sx", *size)
    assert isinstance(done.exception, DataError)
    assert "participants.tsv has no column 'sx'; did you mean 'sex'?" in str(done.exception)

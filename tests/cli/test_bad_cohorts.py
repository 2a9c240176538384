"""Folders and settings of published data sets and cohorts that are wrong: one sentence and exit code 2."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.datasets.ecg_folders import beats, mitdb_folder, write_cinc
from tests.datasets.recordings import write_ptb_xl

OF = "dataset.of={{a: {{name: ptb-xl, root: {0}/xl}}, b: {{name: cinc2021, root: {0}/cinc, {1}}}}}"
RHYTHM = ["--set", "dataset.task=rhythm4", "--set", "dataset.sources=[georgia]"]
CASES: list[tuple[str, list[str], str]] = [
    ("ptb-xl", ["--root", "cinc"], "ptbxl_database.csv is missing"),
    ("ptb-xl", ["--root", "up"], "they are in {0}/up/xl: give --root {0}/up/xl"),
    ("code15", ["--root", "xl"], "it looks like ptb-xl: use --dataset ptb-xl"),
    ("cinc2021", ["--root", "old"], "headers of the 2020 release"),
    ("cinc2021", ["--root", "xl"], "no records of the 2021 challenge"),
    ("cinc2021", ["--root", "cinc", "--set", "dataset.sources=[ptb]"], "it has georgia (4)"),
    ("cinc2021", ["--root", "cinc", *RHYTHM], "rhythm4 is defined on chapman_shaoxing"),
    ("mitdb", ["--root", "mitdb", "--set", "dataset.lead=V1"], "dataset.lead is 'V1'"),
    ("mitdb", ["--root", "mitdb", "--set", "split=random"], "unknown split 'random'"),
    ("sleep-edf", ["--root", "xl"], "has no nights of sc78"),
    ("ptb-xl-plus", ["--root", "plus", "--set", "dataset.recordings={0}/cinc"], "set dataset.recordings to"),
    ("ptb-xl-plus", ["--root", "plus", "--set", "dataset.targets=[qtx]"], "did you mean 'qt"),
    ("cohorts", ["--set", OF.replace("{1}", "use: tested")], "did you mean 'test'"),
    ("cohorts", ["--set", OF.replace("{1}", "sources: [ptb-xl]")], "hold the same recordings"),
    ("cohorts", ["--set", OF.replace("{1}", "sources: [georgia]")], "no class in common"),
    ("cohorts", ["--set", OF.replace("{1}", "tusk: scored")], "unknown setting tusk"),
    ("cohorts", ["--set", OF.replace("{1}", "sources: [georgia]"), "--root", "xl"], "no root of their own"),
    ("cohorts", [], "dataset.of is missing"),
]  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("places")
    write_ptb_xl(root / "xl", [{"NORM": 100.0}, {"IMI": 100.0}] * 4)
    write_ptb_xl(root / "up/xl", [{"NORM": 100.0}] * 2)
    for k in range(4):
        write_cinc(root / f"cinc/E0000{k}", beats(k, 1000))
    write_cinc(root / "old/E00001", beats(0, 1000), gain="4880.0(0)")
    mitdb_folder(root / "mitdb")
    (root / "plus/features").mkdir(parents=True)
    return root


@pytest.mark.parametrize(("name", "arguments", "message"), CASES)
def test_it_is_said_in_one_sentence(
    refused: Callable[..., str],
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    name: str,
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.setenv("TSREP_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    words = [word.replace("{{", "{").replace("}}", "}").replace("{0}", str(place)) for word in arguments]
    before = ["", *words][: len(words)]
    words = [str(place / word) if b == "--root" else word for b, word in zip(before, words, strict=True)]
    said = refused("fit", "--dataset", name, *words, "--out", "run")
    assert message.replace("{0}", str(place)) in said
    assert not Path("run").exists()


def test_a_disk_that_is_full_is_said_before(
    refused: Callable[..., str], place: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TSREP_CACHE", str(tmp_path))
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("usage", (), {"free": 1000}))
    said = refused("data", "check", "cinc2021", "--root", place / "cinc")
    assert "MB are free there" in said
    assert np.all([path.suffix == ".npz" for path in tmp_path.iterdir()])  # headers, and no signals

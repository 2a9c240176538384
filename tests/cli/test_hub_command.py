"""What the command line says of encoders that cannot be shared, fetched or scored."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import Command
from tests.runs.test_ledger_of_runs import A, B, config, written
from tsrep.runs.fit import fit

Refused = Callable[..., str]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on forty recordings."""
    place = tmp_path_factory.mktemp("seen")
    return fit(config(written(place / "a", A)), out=place / "run", progress=False).path


@pytest.mark.usefixtures("plain_reports")
def test_seen_recordings_are_refused_and_left_out_when_asked(
    run: Path, refused: Refused, command: Command, tmp_path: Path
) -> None:
    root = written(tmp_path / "b", np.concatenate([A[:30], B[:30]]))
    told = ("evaluate", run, "--dataset", "arrays", "--root", root, "--out", tmp_path / "scores")
    told = (*told, "--set", "dataset.sfreq=100", "--set", "evaluation.n_bootstrap=100")
    channels = "[I, II, III, aVR, aVL, aVF, V1, V2, V3, V4, V5, V6]"
    told = (*told, "--set", f"dataset.channels={channels}")
    sentence = refused(*told)
    assert " was trained on " in sentence
    assert (
        "records to be scored; score another part, or say what to do with them: --seen leave-out" in sentence
    )
    assert not (tmp_path / "scores").exists()
    done = command(*told, "--seen", "leave-out")
    assert done.returncode == 0, done.stderr
    assert "are left out" in (tmp_path / "scores" / "scores.json").read_text()


def test_what_cannot_be_pushed(run: Path, tiny_run: Path, refused: Refused, tmp_path: Path) -> None:
    to = ("--to", tmp_path / "out", "--licence", "mit")
    unfinished = shutil.copytree(tiny_run, tmp_path / "unfinished")
    (unfinished / "encoder.safetensors").unlink()
    assert "has no encoder yet; finish it with: tsrep fit --resume" in refused("hub", "push", unfinished, *to)
    assert "share it with --synthetic" in refused("hub", "push", tiny_run, *to)
    assert "has no licence, without which" in refused("hub", "push", run, "--to", tmp_path / "out")
    assert "did you mean 'mit'" in refused("hub", "push", run, *to[:2], "--licence", "mitt")
    assert "is no run folder, file, hub reference" in refused("hub", "push", tmp_path / "none", *to)
    assert "write hub:owner/name" in refused("hub", "push", run, "--to", "hub:o", "--licence", "mit")
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_pulled(refused: Refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setenv("TSREP_HUB", str(tmp_path))
    assert "write hub:owner/name" in refused("hub", "pull", "o/n")
    assert "is not in the local cache" in refused("hub", "pull", "hub:o/n", "--offline")
    (tmp_path / "o" / "n").mkdir(parents=True)
    assert "hub:o/n has no revision main; " in refused("hub", "pull", "hub:o/n")


def test_a_run_may_keep_its_ledger_to_itself(run: Path, command: Command, tmp_path: Path) -> None:
    done = command("hub", "push", run, "--to", tmp_path / "out", "--licence", "mit")
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "out" / "fingerprints.safetensors").exists()
    assert (
        "were not published, so what it has seen is unknown" in (tmp_path / "out" / "README.md").read_text()
    )
    always = command("hub", "push", run, "--to", tmp_path / "b", "--licence", "mit", "--ledger", "always")
    assert always.returncode == 0
    assert (tmp_path / "b" / "fingerprints.safetensors").exists()

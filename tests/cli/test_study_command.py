"""`tsrep study` as a user runs it: from a file to a report, resumed, and every mistake in one sentence."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Command

TINY = """
version: 1
study: tiny
question: Does it run?
config:
  dataset: {name: seasonal-sim, steps: 900, noise: 1.0, channels: 1}
  window: {hop_steps: 7}
  encoder: {name: patch-transformer, width: {one_of: [8, 16]}, depth: 1, heads: 2, patch: 12}
  objective: {name: forecast, lookback: 48, horizon: 12}
  training: {epochs: 1, batch_size: 16}
sampler: random
budget: {trials: 2}
confirmation: {finalists: 1, seeds: 1}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a study file."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.yaml").write_text(TINY)
    return tmp_path


def test_a_study_runs_to_its_report_and_takes_more_trials(folder: Path, command: Command) -> None:
    done = command("study", "run", "tiny.yaml", "--set", "training.lr=0.005")
    assert done.returncode == 0, done.stderr
    assert "2 of 2 trials ended (2 complete" in done.stdout
    report = folder / "runs" / "studies" / "tiny" / "report"
    assert (report / "index.html").is_file()
    assert "On test" in (report / "report.md").read_text()
    more = command("study", "resume", "tiny", "--trials", "3", "--workers", "2", "--no-confirm")
    assert more.returncode == 0, more.stderr
    said = command("study", "status", "tiny")
    assert "3 of 3 trials ended (3 complete" in said.stdout
    best = said.stdout.split("best: ")[1].splitlines()[0]
    assert re.search(r"encoder.width=(8|16)$", best), best


@pytest.mark.parametrize(
    ("change", "words", "told"),
    [
        (("width", "widht"), (), "did you mean 'width'"),
        (("dataset: {name", "split: {name: {one_of: [a]}}\n  dataset: {name"), (), "cannot be searched"),
        (("[8, 16]}", "[8, 16], when: {objective.norm: revin}}"), (), "which is not searched"),
        (("", ""), ("--storage", "postgresql+psycopg://me:secret@127.0.0.1:1/none"), "127.0.0.1"),
        (("", ""), ("--storage", "redis://host"), "redis"),
        (("", ""), ("--hours", "0"), "give a positive number"),
        (("", ""), ("--set", "training.epochs"), "path=value"),
        (("trials: 2", "trails: 2"), (), "did you mean 'trials'"),
    ],
)
def test_a_mistake_is_one_sentence_and_leaves_nothing(
    folder: Path, refused: Callable[..., str], change: tuple[str, str], words: tuple[str, ...], told: str
) -> None:
    (folder / "tiny.yaml").write_text(TINY.replace(*change))
    said = refused("study", "run", "tiny.yaml", *words)
    assert told in said
    assert "secret" not in said
    assert not (folder / "runs").exists()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--cpus", "1"], "--cpus is for jobs of a cluster; add --slurm"),
        (["--jobs", "2", "--memory", "4"], "--jobs is for jobs of a cluster; add --slurm"),
        (["--slurm", "--workers", "1"], "--workers is for processes here; give --jobs"),
        (["--slurm", "--sbatch", "partition"], "--sbatch partition is not NAME=VALUE"),
        (["--slurm", "--sbatch", "partition=a", "--sbatch", "--partition=b"], "partition is given twice"),
        (["--slurm", "--sbatch", "cpus-per-task=4"], "asks for what --cpus asks for"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_options_of_jobs_are_refused_where_nothing_would_follow_them(
    options: list[str], told: str, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tsrep.cli.study._opened", lambda *_: None)
    assert told in refused("study", "work", "tiny", *options)


@pytest.mark.usefixtures("folder")
def test_a_study_that_is_not_there_is_one_sentence(refused: Callable[..., str]) -> None:
    for command in ("status", "resume", "work", "report", "confirm"):
        assert "not the folder of a study" in refused("study", command, "nothing")
    assert "check the path" in refused("study", "run", "nothing.yaml")

"""The folder of a run appears complete, belongs to one process at a time and says what its files must be."""

from __future__ import annotations

import io
import os
import resource
import shutil
import signal
import stat
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

import tsrep
from tests.conftest import TINY
from tsrep.digests import is_as_noted, note_digest
from tsrep.errors import ConfigError, RunError
from tsrep.files import in_order, write_text
from tsrep.report.contents import read_run
from tsrep.runs import fit as fitting
from tsrep.runs.evaluate import evaluate
from tsrep.runs.fit import fit
from tsrep.runs.folder import Run
from tsrep.runs.in_progress import begin, numbered
from tsrep.runs.lock import locked
from tsrep.runs.manifest import FILE, changing, read_digests
from tsrep.runs.unchanged import own_data
from tsrep.training.checkpoint import Position, load_weights, save_state, save_weights
from tsrep.training.distributed import ALONE
from tsrep.training.hooks import Hook
from tsrep.training.interrupt import Interrupted


@pytest.fixture
def run(tiny_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_run, tmp_path / "run"))


def flip(path: Path) -> None:
    """Another value of one bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 16
    path.write_bytes(content)


def test_the_manifest_has_all_that_is_read_again(tiny_run: Path) -> None:
    assert set(read_digests(tiny_run)) == {
        "config.yaml",
        "contract.json",
        "embeddings.npz",
        "encoder.safetensors",
        "examples.npz",
        "fingerprints.safetensors",
        "flow.json",
        "provenance.json",
        "split.json",
        "traces.npz",
        "weights.safetensors",
    }


@pytest.mark.parametrize("name", ["encoder.safetensors", "weights.safetensors", "provenance.json"])
def test_a_flipped_bit_is_refused_by_name(run: Path, name: str) -> None:
    flip(run / name)
    with pytest.raises(RunError, match=rf"{name} is not as it was written .* restore it"):
        Run(run).objective()


def test_a_flipped_bit_in_arrays_is_told_by_the_report(run: Path) -> None:
    flip(run / "examples.npz")
    found = read_run(run)
    assert found.examples is None
    assert found.embeddings is not None
    assert f"{run / 'examples.npz'} is not as it was written" in found.unread[0]


def test_scores_that_were_edited_are_not_added_to(run: Path) -> None:
    with changing(run, "scores.json"):
        write_text(run / "scores.json", '{"format": "tsrep.scores/3", "notes": [], "scores": []}\n')
    write_text(run / "scores.json", '{"format": "tsrep.scores/3", "notes": ["better"], "scores": []}\n')
    with pytest.raises(RunError, match=r"scores.json is not as it was written"):
        evaluate(run, protocols=("knn",), progress=False)


@pytest.mark.parametrize(
    ("content", "told"),
    [(None, "manifest.json is missing"), ('{"format": 2}', "by a newer tsrep"), ("{", "cannot be read")],
)
def test_a_manifest_that_is_lost_or_damaged_is_named(run: Path, content: str | None, told: str) -> None:
    (run / FILE).unlink()
    if content is not None:
        (run / FILE).write_text(content)
    with pytest.raises(RunError, match=told):
        Run(run).encoder()


def test_a_killed_writer_leaves_files_that_can_be_read(run: Path) -> None:
    with changing(run, "split.json"):
        assert "split.json" not in read_digests(run)  # as a kill leaves it
        own_data(Run(run), Run(run).task, progress=False)
    assert "split.json" in read_digests(run)


def test_a_run_is_refused_to_a_second_process(run: Path) -> None:
    (run / "encoder.safetensors").unlink()
    with locked(run), pytest.raises(RunError, match="is being trained or scored by another process"):
        fit(resume=run, progress=False)


def test_a_second_evaluation_waits(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held, told = threading.Event(), io.StringIO()
    monkeypatch.setattr(sys, "stderr", told)

    def first() -> None:
        with locked(run):
            held.set()
            while not told.getvalue().endswith("\n"):
                time.sleep(0.01)

    thread = threading.Thread(target=first)
    thread.start()
    held.wait()
    with locked(run, wait=True):
        assert "waiting for another process that writes into" in told.getvalue()
    thread.join()


def test_a_folder_is_taken_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    def fill(folder: Path) -> None:
        (folder / "file").write_text("whole")

    with ExitStack() as stack:
        begin(fill, [Path("out")], ALONE, stack)
        with pytest.raises(RunError, match="being trained"), locked(Path("out")):
            pass
        with pytest.raises(RunError, match="out was taken by another process meanwhile"):
            begin(fill, [Path("out")], ALONE)
    names = [begin(fill, numbered("a"), ALONE) for _ in range(2)]
    twice = [Path("runs/a-1"), Path("runs/a-3")]  # of which another process has made the first meanwhile
    assert [*names, begin(fill, twice, ALONE)] == [Path(f"runs/a-{k}") for k in (1, 2, 3)]
    assert not list(tmp_path.rglob("*.part"))
    assert stat.S_IMODE(Path("out").stat().st_mode) == 0o777 & ~mask()


def mask() -> int:
    found = os.umask(0)
    os.umask(found)
    return found


def test_what_stops_before_the_run_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = fitting._new_run

    def stopped(*args: Any, **kwargs: Any) -> None:
        real(*args, **kwargs)
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(fitting, "_new_run", stopped)
    with pytest.raises(Interrupted, match="stopped before the run began") as told:
        fit(TINY, out=tmp_path / "run", progress=False)
    assert told.value.exit_code == 130
    assert not list(tmp_path.iterdir())


class Faulty(Hook):
    def __init__(self, error: BaseException) -> None:
        self.error = error

    def on_step(self, step: int) -> None:
        raise self.error


def test_a_fault_in_the_first_step_leaves_no_run(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        fit(TINY, out=tmp_path / "run", progress=False, hooks=[Faulty(ZeroDivisionError())])
    assert not list(tmp_path.iterdir())


def test_a_protocol_that_cannot_score_the_data_is_refused_before_training(tmp_path: Path) -> None:
    settings = TINY | {"evaluation": {"protocols": ["svm"]}}
    with pytest.raises(ConfigError, match="protocol svm needs one class per sample"):
        fit(settings, out=tmp_path / "run", progress=False, evaluation=True)
    assert not list(tmp_path.iterdir())


def test_a_second_ctrl_c_says_how_to_resume(tmp_path: Path) -> None:
    with pytest.raises(Interrupted, match=rf"run was stopped; resume with: tsrep fit --resume {tmp_path}"):
        fit(TINY, out=tmp_path / "run", progress=False, hooks=[Faulty(KeyboardInterrupt())])
    assert not Run(tmp_path / "run").finished


@pytest.mark.parametrize("way", ["resume", "out"])
def test_a_half_made_folder_is_told_as_such(tmp_path: Path, way: str) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "provenance.json").write_text("{}")
    with pytest.raises(RunError, match=r"no config.yaml, so there is no run in it .*remove the folder"):
        tsrep.fit(**{way: tmp_path / "run"}, progress=False)


def test_the_working_directory_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RunError, match="is the working directory; give a folder in it"):
        fit(TINY, out=".", progress=False)


def test_files_of_a_run_have_the_same_mode(tiny_run: Path) -> None:
    modes = {stat.S_IMODE(path.stat().st_mode) for path in tiny_run.iterdir() if path.name != ".lock"}
    assert modes == {0o666 & ~mask()}


def test_equal_weights_are_equal_files(tmp_path: Path) -> None:
    weights = {"b": torch.arange(5.0), "a": torch.ones(3, dtype=torch.bfloat16)}
    metadata = {f"name {k}": "é" * k for k in range(12)}
    for name in ("one", "two"):
        save_weights(tmp_path / name, weights, metadata)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    found = load_weights(tmp_path / "one")
    assert all(torch.equal(found[name], weights[name]) for name in weights)
    assert in_order((tmp_path / "one").read_bytes()) == (tmp_path / "one").read_bytes()


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """The limit of the operating system, past which a write fails as on a full disk."""
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_full_disk_is_one_sentence_and_leaves_the_file_before(tmp_path: Path) -> None:
    module = torch.nn.Linear(300, 300)
    state, weights = tmp_path / "state.pt", tmp_path / "weights.safetensors"
    save_state(state, Position(), net=module)
    save_weights(weights, module.state_dict())
    before = state.read_bytes(), weights.read_bytes()
    with files_of_at_most(100_000):
        with pytest.raises(RunError, match=r"state.pt cannot be written \(File too large\); free space"):
            save_state(state, Position(step=1), net=module)
        with pytest.raises(RunError, match=r"weights.safetensors cannot be written \(File too large\)"):
            save_weights(weights, module.state_dict())
    assert (state.read_bytes(), weights.read_bytes()) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["state.pt", "weights.safetensors"]


def test_a_large_file_is_hashed_again_when_it_changed(tmp_path: Path) -> None:
    path = tmp_path / "store.npy"
    path.write_bytes(bytes(100))
    assert not is_as_noted(path)
    note_digest(path)
    assert is_as_noted(path)
    os.utime(path)  # the same content with another time
    assert is_as_noted(path)
    flip(path)
    assert not is_as_noted(path)

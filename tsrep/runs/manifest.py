"""What the files of a run must be: digests that are noted when they are written, checked when they are read.

A file is taken out of the manifest before it is replaced and noted again afterwards, so a process that is
killed in between leaves a file that is whole but not checked, never one that is refused without reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tsrep.digests import sha256_of
from tsrep.errors import RunError
from tsrep.evaluation.scores import Scores
from tsrep.files import write_json
from tsrep.reading import read_json, readable, refuse_other_format

FILE, FORMAT = "manifest.json", 1
SCORED = ("scores.json", "predictions.npz", "values.npz", "forecasts.npz")
SHOWN = (
    "embeddings.npz", "examples.npz", "traces.npz", "cohorts.json", "coverage.json", "intervals.npz",
)  # fmt: skip


@contextmanager
def changing(folder: Path, *names: str) -> Iterator[None]:
    """A block that writes some files of a folder; their digests are noted when it ends, well or not.

    Parameters
    ----------
    folder : Path
        Of a run, or of scores on other data.
    *names : str
        Files, relative to the folder; those that are not there in the end are left out.
    """
    if read_digests(folder).keys() & set(names):
        _write(folder, {name: told for name, told in read_digests(folder).items() if name not in names})
    try:
        yield
    finally:
        there = {name: sha256_of(folder / name) for name in names if (folder / name).is_file()}
        _write(folder, read_digests(folder) | there)


def changed(folder: Path, name: str) -> str:
    """What is wrong with a file that is there, for a message; empty where it is what was written."""
    noted, path = read_digests(folder).get(name), folder / name
    if noted is None or not path.is_file() or sha256_of(path) == noted:
        return ""
    return f"{path} is not as it was written (its SHA-256 is not the {noted[:12]} of {FILE})"


def refuse_changed(folder: Path, *names: str) -> None:
    """Check that files of a folder are as they were written.

    Raises
    ------
    RunError
        Naming the first that was edited, damaged or taken from elsewhere.
    """
    for name in names:
        if fault := changed(folder, name):
            raise RunError(f"{fault}; it was edited, damaged or taken from another run: restore it")


def refuse_without(folder: Path) -> None:
    """Check that the folder of a run says what its files must be.

    Raises
    ------
    RunError
    """
    if not (folder / FILE).is_file():
        raise RunError(
            f"{folder / FILE} is missing, so nothing tells whether the files of the run belong together; "
            "restore it, or use encoder.safetensors by itself"
        )


def stored_scores(folder: Path) -> Scores:
    """Scores of a folder with predictions and forecasts, all as they were written.

    Raises
    ------
    RunError
        When there are none, or a file cannot be read or is not as it was written.
    """
    refuse_changed(folder, *SCORED)
    return Scores.load(folder)


def scores_so_far(folder: Path) -> Scores:
    """The same, and none where a folder has no scores yet."""
    return stored_scores(folder) if (folder / SCORED[0]).exists() else Scores()


def read_digests(folder: Path) -> dict[str, str]:
    """SHA-256 of files by their name; none where a folder has no manifest.

    Raises
    ------
    RunError
        When the manifest is damaged.
    """
    path = folder / FILE
    if not path.is_file():
        return {}
    with readable(path, "a manifest", "restore it"):
        found = read_json(path)
        refuse_other_format(path, found["format"], FORMAT)
        return {str(name): str(digest) for name, digest in found["sha256"].items()}


def _write(folder: Path, digests: dict[str, str]) -> None:
    write_json(folder / FILE, {"format": FORMAT, "sha256": dict(sorted(digests.items()))})

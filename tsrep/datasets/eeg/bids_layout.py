"""Finding EEG recordings in a BIDS folder, and what its table says of participants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tsrep.datasets.eeg.reading import SUFFIXES, suffix_of
from tsrep.datasets.tables.tsv import read_tsv
from tsrep.errors import ConfigError, DataError
from tsrep.registry import nearest

MISSING = ("", "n/a", "nan")


@dataclass(frozen=True)
class BidsFile:
    """A recording.

    Attributes
    ----------
    base : Path
        The folder that has ``sub-*`` in it.
    path : Path
    name : str
        The path in ``base``.
    subject : str
        Such as ``sub-01``.
    entities : dict of str to str
        Of its file name: ``subject``, ``session``, ``task`` and so on, as far as it has them.
    """

    base: Path
    path: Path
    name: str
    subject: str
    entities: dict[str, str]


def mne_bids() -> Any:
    """The package mne-bids.

    Raises
    ------
    ConfigError
        When it is not installed.
    """
    try:
        import mne_bids as package
    except ImportError as error:
        raise ConfigError("folders in BIDS layout are read with mne-bids; install tsrep[bids]") from error
    return package


def find_recordings(
    base: Path,
    *,
    task: str | None = None,
    session: str | None = None,
    suffixes: Sequence[str] = SUFFIXES,
) -> list[BidsFile]:
    """EEG recordings below ``sub-*`` folders, in the order of their names.

    Parameters
    ----------
    base : Path
        The data set's folder, or one of its derivatives.
    task, session : str or None
        Only those.
    suffixes : sequence of str

    Raises
    ------
    DataError
        When there are none, two files hold one recording, or one lies in another participant's folder.
    """
    found: dict[str, BidsFile] = {}
    seen: dict[str, set[str]] = {"task": set(), "session": set()}
    for path in sorted(base.glob("sub-*/**/*"), key=lambda p: p.as_posix()):
        suffix = path.suffix.lower() if suffixes == (".csv",) else suffix_of(path)
        if suffix not in suffixes or not path.name[: -len(suffix)].endswith("_eeg"):
            continue
        file = _described(base, path)
        for key, values in seen.items():
            values.add(file.entities.get(key, ""))
        wanted = task in (None, file.entities.get("task")) and session in (None, file.entities.get("session"))
        if not wanted or _goes_on(file):
            continue
        stem = path.as_posix()[: -len(suffix)]
        if stem in found:
            raise DataError(
                f"{found[stem].name} and {path.name} hold the same recording; keep one of the two"
            )
        found[stem] = file
    if not found:
        asked = " and ".join(
            f"{what} {value}" for what, value in (("task", task), ("session", session)) if value is not None
        )
        there = "; ".join(
            f"{what} there: {', '.join(sorted(filter(None, values)))}"
            for what, values in (("tasks", seen["task"]), ("sessions", seen["session"]))
            if any(values)
        )
        raise DataError(
            f"{base} has no recordings sub-*/**/*_eeg ({' '.join(suffixes)})"
            + (f" of {asked}" if asked else "")
            + (f"; {there}" if there else "; give the folder that has sub-* in it")
        )
    return list(found.values())


def _goes_on(file: BidsFile) -> bool:
    """Whether it is a later part of a split FIF file, which MNE reads with the first."""
    split = file.entities.get("split", "1")
    return file.path.name.lower().endswith(".fif") and split.isdigit() and int(split) > 1


def _described(base: Path, path: Path) -> BidsFile:
    name = path.relative_to(base)
    entities = mne_bids().get_entities_from_fname(path.name, on_error="ignore")
    entities = {key: value for key, value in entities.items() if value is not None}
    subject = name.parts[0]
    if entities.get("subject", subject[4:]) != subject[4:]:
        raise DataError(
            f"{name.as_posix()} is in the folder of {subject} but has sub-{entities['subject']} in its name; "
            "move or rename it"
        )
    return BidsFile(base, path, name.as_posix(), subject, entities)


def read_participants(path: Path, key: str, column: str) -> list[tuple[str, str]]:
    """Participant and value of a column, row by row; empty rows are passed over.

    Raises
    ------
    DataError
        When the table or a column is missing.
    """
    if not path.is_file():
        raise DataError(f"there is no {path}; the table of participants says who has which label")
    header, rows = read_tsv(path)
    for name in (key, column):
        if name not in header:
            raise DataError(f"{path} has no column {name!r}; {nearest(name, header or ['no columns'])}")
    at, value = header.index(key), header.index(column)
    filled = [row for row in rows if len(row) > max(at, value) and row[at].strip() not in MISSING]
    if not filled:
        raise DataError(f"{path} has a header but no participants; it must have one row for each")
    return [(row[at].strip(), row[value].strip()) for row in filled]

"""EEG recordings of a BIDS folder, with what its tables and sidecars say of participants and channels.

mne-bids finds the sidecars, those of a whole session, subject or folder too, and reads the events. Its
``read_raw_bids`` does not open the recordings: it puts events.tsv in the place of the file's own bad
segments, makes EEG of an unknown type ``misc``, and fails for sidecars that nothing here depends on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tsrep.datasets.eeg.preparation import Recording
from tsrep.datasets.eeg.reading import (
    SUFFIXES,
    marks_bad,
    plain_names,
    silent_mne,
    suffix_of,
    without_type,
)
from tsrep.datasets.segments import Span
from tsrep.datasets.tables.reading import read_table, read_text
from tsrep.errors import ConfigError, DataError

MISSING = ("", "n/a", "nan")
Types = tuple[tuple[str, str], ...]
# types of channels.tsv, as MNE calls them
TYPES = {kind: kind.lower() for kind in ("EEG", "EOG", "ECG", "EMG", "MISC", "GSR", "RESP")}
TYPES |= {"HEOG": "eog", "VEOG": "eog", "REF": "misc", "AUDIO": "misc", "TRIG": "stim", "TEMP": "temperature"}


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
    wanted = {key: value for key, value in (("task", task), ("session", session)) if value is not None}
    found: dict[str, BidsFile] = {}
    seen: dict[str, set[str]] = {"task": set(), "session": set()}
    for path in sorted(base.glob("sub-*/**/*"), key=lambda p: p.as_posix()):
        suffix = path.suffix.lower() if suffixes == (".csv",) else suffix_of(path)
        if suffix not in suffixes or not path.name[: -len(suffix)].endswith("_eeg"):
            continue
        file = _described(base, path)
        for key, values in seen.items():
            values.update({file.entities[key]} if key in file.entities else ())
        if any(file.entities.get(key) != value for key, value in wanted.items()) or _continues(file):
            continue
        stem = path.as_posix()[: -len(suffix)]
        if stem in found:
            raise DataError(
                f"{found[stem].name} and {path.name} hold the same recording; keep one of the two"
            )
        found[stem] = file
    if not found:
        asked = " and ".join(f"{key} {value}" for key, value in wanted.items())
        there = "; ".join(f"{key}s there: {', '.join(sorted(seen[key]))}" for key in seen if seen[key])
        raise DataError(
            f"{base} has no recordings sub-*/**/*_eeg ({' '.join(suffixes)})"
            + (f" of {asked}" if asked else "")
            + f"; {there or 'give the folder that has sub-* in it'}"
        )
    return list(found.values())


def _continues(file: BidsFile) -> bool:
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
    table = read_table(path, [key, column])
    told = [(name.strip(), value.strip()) for name, value in zip(table[key], table[column], strict=True)]
    filled = [(name, value) for name, value in told if name not in MISSING]
    if not filled:
        raise DataError(f"{path} has rows but no participants; it must have one row for each")
    return filled


def as_recording(file: BidsFile) -> Recording:
    """The recording with what channels.tsv and events.tsv say of it, where it has them.

    Raises
    ------
    DataError
        When a sidecar cannot be read, or two could be the recording's.
    """
    channels, events = (_sidecar(file, what) for what in ("channels", "events"))
    name_of = without_type if suffix_of(file.path) in (".edf", ".bdf") else str
    types, bads = ((), ()) if channels is None else read_channels(channels, name_of)
    return Recording(file.path, file.name, bads, types, () if events is None else read_bad_spans(events))


def _sidecar(file: BidsFile, suffix: str) -> Path | None:
    package = mne_bids()
    with silent_mne():
        of = package.BIDSPath(root=file.base, datatype=file.path.parent.name, suffix="eeg", check=False)
        of.update(**{key: value for key, value in file.entities.items() if key in of.entities})
        try:
            return Path(of.find_matching_sidecar(suffix, ".tsv"))
        except (RuntimeError, ValueError, KeyError) as error:
            if "Expected to find a single" in str(error):
                raise DataError(
                    f"{file.name} has more than one {suffix}.tsv that could be its; keep one"
                ) from error
            if isinstance(error, RuntimeError):  # there is none
                return None
            raise DataError(
                f"a {suffix}.tsv near {file.name} is not named as in BIDS ({_said(error)}); rename it"
            ) from error


def read_channels(path: Path, name_of: Callable[[str], str] = str) -> tuple[Types, tuple[str, ...]]:
    """Types of channels, and those that are bad, from channels.tsv; of types that MNE lacks nothing is said.

    Parameters
    ----------
    path : Path
    name_of : callable
        What MNE calls a channel of this name.

    Raises
    ------
    DataError
        When it cannot be read, or has no names.
    """
    header, rows = read_text(path)
    if "name" not in header:
        raise DataError(f"{path} has no column 'name'; BIDS wants one")
    names = plain_names([name_of(row[header.index("name")].strip()) for row in rows])
    kinds, states = (
        [row[header.index(column)].strip() for row in rows] if column in header else [""] * len(rows)
        for column in ("type", "status")
    )
    types = tuple(
        (n, TYPES[kind.upper()]) for n, kind in zip(names, kinds, strict=True) if kind.upper() in TYPES
    )
    return types, tuple(n for n, state in zip(names, states, strict=True) if state.lower() == "bad")


def read_bad_spans(path: Path) -> tuple[Span, ...]:
    """Events that mark data as unusable, in seconds from the start of the recording.

    Raises
    ------
    DataError
        When events.tsv cannot be read.
    """
    _, rows = read_text(path)
    if not rows:
        return ()
    try:
        with silent_mne():
            events = mne_bids().events_file_to_annotation_kwargs(path)
    except Exception as error:  # what a broken table makes mne-bids raise has no common class
        raise DataError(f"{path} cannot be read as a table of events ({_said(error)}); fix it") from error
    columns = (events["onset"].tolist(), events["duration"].tolist(), events["description"].tolist())
    return tuple(Span(t, t + lasts, name) for t, lasts, name in zip(*columns, strict=True) if marks_bad(name))


def _said(error: Exception) -> str:
    return " ".join(str(error).strip("'\"").split())[:160].rstrip(".") or type(error).__name__

"""What the sidecars of a BIDS recording say: types and state of channels, and stretches marked as bad.

mne-bids finds them, those of a whole session, subject or folder too, and reads the events. Its
``read_raw_bids`` does not open the recordings: it puts events.tsv in the place of the file's own bad
stretches, makes EEG of an unknown type ``misc``, and fails for sidecars that nothing here depends on.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tsrep.datasets.eeg.bids_layout import BidsFile, mne_bids
from tsrep.datasets.eeg.preparation import Recording
from tsrep.datasets.eeg.reading import (
    Span,
    marks_bad,
    plain_names,
    silent_mne,
    suffix_of,
    without_type,
)
from tsrep.datasets.tables.tsv import read_tsv
from tsrep.errors import DataError

# types of channels.tsv, as MNE calls them
TYPES = {
    "EEG": "eeg",
    "EOG": "eog",
    "HEOG": "eog",
    "VEOG": "eog",
    "ECG": "ecg",
    "EMG": "emg",
    "MISC": "misc",
    "REF": "misc",
    "TRIG": "stim",
    "AUDIO": "misc",
    "GSR": "gsr",
    "RESP": "resp",
    "TEMP": "temperature",
}


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
            found: Path = of.find_matching_sidecar(suffix, ".tsv")
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
    return found


Types = tuple[tuple[str, str], ...]


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
    header, rows = read_tsv(path)
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
    _, rows = read_tsv(path)
    if not rows:
        return ()
    try:
        with silent_mne():
            events = mne_bids().events_file_to_annotation_kwargs(path)
    except Exception as error:  # what a broken table makes mne-bids raise has no common class
        raise DataError(f"{path} cannot be read as a table of events ({_said(error)}); mend it") from error
    columns = (events["onset"].tolist(), events["duration"].tolist(), events["description"].tolist())
    return tuple(Span(t, t + lasts, name) for t, lasts, name in zip(*columns, strict=True) if marks_bad(name))


def _said(error: Exception) -> str:
    return " ".join(str(error).strip("'\"").split())[:160].rstrip(".") or type(error).__name__

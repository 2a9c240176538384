"""Finding EEG recordings in a BIDS folder, and what its tables say of participants and channels."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tsrep.datasets.eeg_preparation import Recording
from tsrep.datasets.eeg_reading import SUFFIXES, plain_names, suffix_of
from tsrep.errors import DataError
from tsrep.registry import nearest

MISSING = ("", "n/a", "nan")
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


@dataclass(frozen=True)
class BidsFile:
    """A recording, and the entities of its name: ``subject`` is such as ``sub-01``."""

    path: Path
    name: str
    subject: str
    entities: dict[str, str]


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
        When there are none, or two files hold one recording.
    """
    found: dict[str, BidsFile] = {}
    seen: dict[str, set[str]] = {"task": set(), "ses": set()}
    for path in sorted(base.glob("sub-*/**/*"), key=lambda p: p.as_posix()):
        suffix = path.suffix.lower() if suffixes == (".csv",) else suffix_of(path)
        if suffix not in suffixes or not path.name[: -len(suffix)].endswith("_eeg"):
            continue
        entities = dict(re.findall(r"(?:^|_)([a-z]+)-([A-Za-z0-9]+)", path.name))
        for key, values in seen.items():
            values.add(entities.get(key, ""))
        if task not in (None, entities.get("task")) or session not in (None, entities.get("ses")):
            continue
        stem = path.as_posix()[: -len(suffix)]
        if stem in found:
            raise DataError(
                f"{found[stem].name} and {path.name} hold the same recording; keep one of the two"
            )
        name = path.relative_to(base).as_posix()
        found[stem] = BidsFile(path, name, path.relative_to(base).parts[0], entities)
    if not found:
        asked = " and ".join(
            f"{what} {value}" for what, value in (("task", task), ("session", session)) if value is not None
        )
        there = "; ".join(
            f"{what} there: {', '.join(sorted(filter(None, values)))}"
            for what, values in (("tasks", seen["task"]), ("sessions", seen["ses"]))
            if any(values)
        )
        raise DataError(
            f"{base} has no recordings sub-*/**/*_eeg ({' '.join(suffixes)})"
            + (f" of {asked}" if asked else "")
            + (f"; {there}" if there else "; give the folder that has sub-* in it")
        )
    return list(found.values())


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


def as_recording(file: BidsFile) -> Recording:
    """The recording with what its channels.tsv says, where it has one.

    Raises
    ------
    DataError
        When the table has no names.
    """
    table = file.path.with_name(re.sub(r"_eeg$", "", file.path.name.split(".")[0]) + "_channels.tsv")
    if not table.is_file():
        return Recording(file.path, file.name)
    header, rows = read_tsv(table)
    if "name" not in header:
        raise DataError(f"{table} has no column 'name'; BIDS wants one")
    names = plain_names([row[header.index("name")] for row in rows])
    cells = {
        column: [row[header.index(column)].strip() for row in rows] if column in header else [""] * len(rows)
        for column in ("type", "status")
    }
    return Recording(
        file.path,
        file.name,
        bads=tuple(n for n, status in zip(names, cells["status"], strict=True) if status.lower() == "bad"),
        types=tuple(
            (n, TYPES[kind.upper()])
            for n, kind in zip(names, cells["type"], strict=True)
            if kind.upper() in TYPES
        ),
    )


def read_tsv(path: Path) -> tuple[list[str], list[list[str]]]:
    """Header and rows of a table with tabs.

    Raises
    ------
    DataError
        When it cannot be read.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            rows = [row for row in csv.reader(stream, delimiter="\t") if any(cell.strip() for cell in row)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read as a table with tabs ({error})") from error
    header = [name.strip() for name in rows[0]] if rows else []
    short = next((i for i, row in enumerate(rows) if len(row) != len(header)), None)
    if short is not None:
        raise DataError(f"row {short + 1} of {path} has {len(rows[short])} fields of {len(header)}; mend it")
    return header, rows[1:]

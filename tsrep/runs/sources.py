"""Data sets that weights or recordings come from, by name."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import PurePath

ALSO = {
    "ptbdiagnosticecgdatabase": "ptb",
    "chapman": "chapmanshaoxing",
    "physionet2020": "cinc2020",
    "physionet2021": "cinc2021",
    "challenge2020": "cinc2020",
    "challenge2021": "cinc2021",
}


@dataclass(frozen=True)
class Source:
    """A data set that recordings come from.

    Attributes
    ----------
    name : str
        As its panel says, such as ``"PTB-XL 1.0.3"``.
    public : bool
        Whether anybody can have the recordings.
    records, patients : int
        How many are in the ledger.
    """

    name: str
    public: bool = False
    records: int = 0
    patients: int = 0


def set_of(source: str) -> str:
    """Name of a data set without version and details: ``"PTB-XL"`` of ``"PTB-XL 1.0.3"``."""
    name = re.split(r",| \(", source)[0]
    return re.sub(r"\s+(v\d[\w.]*|\d+\.[\w.]*)$", "", name).strip()


def summed(sources: Iterable[Source]) -> tuple[Source, ...]:
    """Sources of the same name as one."""
    result: dict[str, Source] = {}
    for one in sources:
        had = result.get(one.name, Source(one.name, one.public))
        records, patients = had.records + one.records, had.patients + one.patients
        result[one.name] = Source(one.name, had.public and one.public, records, patients)
    return tuple(result.values())


@dataclass(frozen=True)
class Overlap:
    """A published set that is wholly or partly within another one.

    Attributes
    ----------
    set, within : str
    records : int
        Of the first in the second.
    names : str
        Pattern of the names that they have there; empty where they could be others' names too.
    certain : bool
        False where it is only possible.
    note, source : str
        What to know of it, and who says so.
    """

    set: str
    within: str
    records: int
    names: str
    certain: bool
    note: str
    source: str

    @property
    def sentence(self) -> str:
        """In words."""
        note = f" ({self.note})" if self.note else ""
        if not self.certain:
            return f"{self.set} and {self.within}: {self.note}"
        return f"{self.within} holds {self.records:,} records of {self.set}{note}"


@cache
def overlaps() -> tuple[Overlap, ...]:
    """All of the table ``known_overlaps.csv``."""
    text = (files("tsrep.runs") / "known_overlaps.csv").read_text(encoding="utf-8")
    return tuple(
        Overlap(**row | {"records": int(row["records"]), "certain": row["certain"] == "yes"})
        for row in csv.DictReader(text.splitlines())
    )


def known_overlaps(trained_on: Sequence[str], scored: str, names: Sequence[str] = ()) -> tuple[str, ...]:
    """What published sets that an encoder was trained on share with one that is scored.

    Parameters
    ----------
    trained_on : sequence of str
        Names of data sets, with or without a version.
    scored : str
        Name of the data set that is scored.
    names : sequence of str
        Of its records, which may tell a set that goes by another name.

    Returns
    -------
    tuple of str
        A sentence each; empty where nothing is known, which does not mean that nothing is shared.
    """
    mine = {_plain(set_of(scored)): ""} | _by_names(names)
    found = [
        sentence for one in trained_on for other, how in mine.items() for sentence in _shared(one, other, how)
    ]
    return tuple(dict.fromkeys(found))


def _by_names(names: Sequence[str]) -> dict[str, str]:
    """Sets that all records seem to be of by their names, with how that is told."""
    patterns = {one.set: one.names for one in overlaps() if one.names}
    found: dict[str, str] = {}
    for of, pattern in patterns.items():
        hits = [name for name in names if re.fullmatch(pattern, PurePath(name).stem)]
        if hits:
            found[_plain(of)] = f"; {len(hits):,} of its records are called as those of {of} ({hits[0]})"
    return found


def _shared(trained_on: str, scored: str, how: str) -> Iterator[str]:
    one = _plain(set_of(trained_on))
    if one == scored:
        yield f"it was trained on {trained_on}{how}"
    for row in overlaps():
        part, whole = _plain(row.set), _plain(row.within)
        if {one, scored} == {part, whole}:
            yield f"it was trained on {trained_on}, and {row.sentence}{how}"
        elif one == whole and row.certain and scored in _other_wholes(row.set) - {whole}:
            yield f"it was trained on {trained_on}, and {row.sentence}, which are in {scored} too{how}"


def _other_wholes(part: str) -> set[str]:
    return {_plain(row.within) for row in overlaps() if row.set == part and row.certain}


def _plain(name: str) -> str:
    """A name without what spellings differ in."""
    plain = re.sub(r"[\W_]+", "", name).casefold()
    return ALSO.get(plain, plain)

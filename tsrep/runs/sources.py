"""Data sets that weights or recordings come from, by name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass


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
    """Name of a data set without its version: ``"PTB-XL"`` of ``"PTB-XL 1.0.3"``."""
    return re.sub(r"\s+v?\d[\w.]*$", "", source.partition(",")[0]).strip()


def summed(sources: Iterable[Source]) -> tuple[Source, ...]:
    """Sources of the same name as one."""
    result: dict[str, Source] = {}
    for one in sources:
        had = result.get(one.name, Source(one.name, one.public))
        records, patients = had.records + one.records, had.patients + one.patients
        result[one.name] = Source(one.name, had.public and one.public, records, patients)
    return tuple(result.values())

"""A block of an audit: numbers beside their references, and what they say and do not say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tsrep.evaluation.bootstrap import Interval, Resampled
from tsrep.evaluation.difference import difference_from_random
from tsrep.evaluation.scores import RANDOM_INIT

NAN = float("nan")
MINUS_RANDOM = f"minus {RANDOM_INIT}"


@dataclass(frozen=True)
class Row:
    """A number of the audit.

    Attributes
    ----------
    table : str
        Caption of the table that it stands in.
    line : str
        What was measured.
    of : str
        The encoder, or the reference beside it.
    value, low, high : float
        With the ends of the 95 % interval, NaN where there is none.
    chance : float
        NaN where there is no such value.
    recordings, patients : int
        That it was measured on.
    note : str
        Why there is no value.
    """

    table: str
    line: str
    of: str
    value: float = NAN
    low: float = NAN
    high: float = NAN
    chance: float = NAN
    recordings: int = 0
    patients: int = 0
    note: str = ""

    @property
    def interval(self) -> Interval:
        """Value and ends."""
        return Interval(self.value, self.low, self.high)


@dataclass(frozen=True)
class Block:
    """A question of the audit and its answer.

    Attributes
    ----------
    key, title : str
    says : sequence of str
        Sentences with numbers; where the question cannot be asked, why.
    silent_on : str
        What the numbers do not show.
    rows : sequence of Row
        Empty where the question cannot be asked.
    """

    key: str
    title: str
    says: Sequence[str]
    silent_on: str
    rows: Sequence[Row] = field(default_factory=tuple)

    def find(self, line: str, of: str) -> Row | None:
        """A row by what was measured, of whom."""
        return next((row for row in self.rows if (row.line, row.of) == (line, of)), None)


def rows_of(
    table: str,
    line: str,
    metric: str,
    found: Mapping[str, Resampled],
    *,
    chance: float = NAN,
    recordings: int,
    patients: int,
) -> Iterator[Row]:
    """A metric of the encoder, the first, and of its references; and what it adds to random initialisation.

    Parameters
    ----------
    table, line : str
    metric : str
        Name in ``found``.
    found : mapping of str to Resampled
    chance : float
    recordings, patients : int
    """
    about: dict[str, Any] = {"chance": chance, "recordings": recordings, "patients": patients}
    for of, each in found.items():
        ends = each.intervals()[metric]
        yield Row(table, line, of, ends.value, ends.low, ends.high, **about)
    first = next(iter(found))
    if RANDOM_INIT in found:
        gain = difference_from_random(found[first], found[RANDOM_INIT])[metric]
        about = {"recordings": recordings, "patients": patients}
        yield Row(table, line, f"{first} {MINUS_RANDOM}", gain.value, gain.low, gain.high, **about)


def told(row: Row, digits: int = 3) -> str:
    """``0.812 (95 % interval 0.780 to 0.840)``."""
    value = f"{row.value:.{digits}f}"
    if np.isnan(row.low) or np.isnan(row.high):
        return value.replace("-", "−")
    return f"{value} (95 % interval {row.low:.{digits}f} to {row.high:.{digits}f})".replace("-", "−")

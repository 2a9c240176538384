"""Tables of a report as plain cells, for the page and for the terminal."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from tsrep.evaluation.bootstrap import Interval
from tsrep.evaluation.scores import Score, drawn_labels
from tsrep.report.contents import Contents
from tsrep.report.verdicts import adjusted, significance
from tsrep.report.wording import (
    NOTHING,
    apart_from_zero,
    count,
    digits_of,
    interval,
    number,
    p_value,
    protocol_title,
    share,
    short_name,
    signed,
    stamp,
)

T = TypeVar("T")


@dataclass(frozen=True)
class Cell:
    """Text of a cell, the interval under it, and whether it is a number or stands out."""

    text: str
    below: str = ""
    numeric: bool = False
    strong: bool = False
    tone: str = ""


@dataclass(frozen=True)
class Table:
    """Cells under a caption, false where it has no rows.

    Attributes
    ----------
    caption : str
    header : tuple of Cell
    rows : list of tuple of Cell
    breaks : frozenset of int
        Rows that begin a group.
    shared : int
        How many first columns only the first row of each group fills.
    """

    caption: str
    header: tuple[Cell, ...]
    rows: list[tuple[Cell, ...]]
    breaks: frozenset[int] = frozenset()
    shared: int = 0

    def __len__(self) -> int:
        return len(self.rows)


Columns = Mapping[str | Cell, Callable[[T], Cell]]


def table(caption: str, items: Sequence[T], columns: Columns[T], breaks: Iterable[int] = ()) -> Table:
    """A row for each item and a column for each heading; conditions that never change go into the caption."""
    rows = [tuple(cell(item) for cell in columns.values()) for item in items]
    header = (
        head if isinstance(head, Cell) else Cell(head, numeric=bool(rows) and rows[0][i].numeric)
        for i, head in enumerate(columns)
    )
    return _without_the_same(Table(caption, tuple(header), rows, frozenset(breaks)))


def _without_the_same(whole: Table) -> Table:
    heads = [cell.text for cell in whole.header]
    same = {i for i, head in enumerate(heads) if head in FOLDED and len({row[i] for row in whole.rows}) == 1}
    if not same:
        return whole
    told = ", ".join(f"{heads[i]} {whole.rows[0][i].text}" for i in sorted(same))

    def kept(row: tuple[Cell, ...]) -> tuple[Cell, ...]:
        return tuple(cell for i, cell in enumerate(row) if i not in same)

    caption = f"{whole.caption} ({told})"
    return Table(caption, kept(whole.header), [kept(row) for row in whole.rows], whole.breaks)


def begins(items: Sequence[T], key: Callable[[T], object]) -> set[int]:
    """Where a row has another key than the one before."""
    return {i for i, item in enumerate(items) if i and key(item) != key(items[i - 1])}


def grouped(whole: Table, breaks: Iterable[int], shared: int = 1) -> Table:
    """A table whose first columns are written only where they change, which begins a group."""
    first = frozenset({0, *breaks})
    blank = tuple(replace(cell, text="") for cell in whole.header[:shared])
    rows = [row if i in first else (*blank, *row[shared:]) for i, row in enumerate(whole.rows)]
    return replace(whole, rows=rows, breaks=first, shared=shared)


def integer(value: int | None) -> Cell:
    """A whole number."""
    return Cell(count(value), numeric=True)


METHOD: Columns[Score] = {"method": lambda s: Cell(s.called, strong=s.role == "method")}
LABELS: Columns[Score] = {
    "labels": lambda s: Cell(share(s.fraction), drawn_labels(s), numeric=True),
    "subsampled by": lambda s: Cell(NOTHING if s.subsample_by == "all" else s.subsample_by),
}
PROTOCOL: Columns[Score] = {"protocol": lambda s: Cell(protocol_title(s))}
TARGET: Columns[Score] = {"target": lambda s: Cell(s.target or NOTHING)}
HORIZON: Columns[Score] = {"horizon": lambda s: integer(s.horizon)}
CONDITIONS: Columns[Score] = {
    "seeds": lambda s: integer(s.seeds),
    "part": lambda s: Cell(s.part),
    "scored on": lambda s: Cell(f"{count(s.n)} {s.unit}s"),
}
PATIENTS: Columns[Score] = {"patients": lambda s: integer(s.patients)}
FOLDED = {*CONDITIONS, *PATIENTS, "interval over"}
BLOCKS: Columns[Score] = {
    "blocks": lambda s: Cell(f"{s.blocks}", "interval unreliable" * s.unreliable, numeric=True)
}


def value_cell(
    found: Interval | None, digits: int = 3, *, intervals: bool = True, strong: bool = False
) -> Cell:
    """A value over its interval, unless that is a point."""
    if found is None:
        return Cell(NOTHING, numeric=True)
    spread = interval(found, lambda v: number(v, digits)).replace(" to ", "–")
    below = spread if intervals and found.low != found.high else ""
    return Cell(number(found.value, digits), below, numeric=True, strong=strong)


def difference_cell(found: Interval | None) -> Cell:
    """A difference over its interval."""
    if found is None:
        return Cell(NOTHING, numeric=True)
    places = apart_from_zero(found)
    return Cell(signed(found.value, places), interval(found, lambda v: signed(v, places)), numeric=True)


def difference_table(
    caption: str,
    scores: Sequence[Score],
    before: Columns[Score],
    metrics: Iterable[str],
    after: Columns[Score],
    primary: Score | None = None,
) -> Table:
    """Differences to the control with their intervals, and the significance of those of the primary metric.

    Parameters
    ----------
    caption : str
    scores : sequence of Score
    before, after : mappings of columns
        To both sides of the differences.
    metrics : iterable of str
    primary : Score, optional
        The one named before scoring; the p values of the others are adjusted for their number.
    """
    digits = digits_of(scores)

    def difference(metric: str, score: Score) -> Cell:
        found = score.difference.get(metric, Interval(math.nan, math.nan, math.nan))
        places = apart_from_zero(found, digits)
        return Cell(signed(found.value, places), interval(found, lambda v: signed(v, places)), numeric=True)

    differences: Columns[Score] = {f"{short_name(m)} difference": partial(difference, m) for m in metrics}
    columns = {**before, **differences, **_significance(scores, primary), **after}
    key = (lambda s: s.method) if scores and scores[0].horizon else (lambda s: s.protocol)
    return table(caption, scores, columns, begins(scores, key))


def _significance(scores: Sequence[Score], primary: Score | None) -> Columns[Score]:
    """P values as they are and, of several, adjusted; what they say; and what the intervals cover."""
    p_values = {s.identity: p for s, p in zip(scores, adjusted(scores, primary), strict=True)}

    def word(score: Score) -> Cell:
        found = significance(score, p_values[score.identity])
        tone = found if found in ("better", "worse") else ""
        return Cell(found, "primary comparison" if score is primary else "", tone=tone)

    def plain(score: Score) -> Cell:
        return Cell(NOTHING if score.gain is None else p_value(score.gain.p), numeric=True)

    shown: Columns[Score] = {"p": plain}
    if len(scores) > 1:
        shown = {**shown, "p (Holm)": lambda s: Cell(p_value(p_values[s.identity]), numeric=True)}
    covers: Columns[Score] = {"interval over": lambda s: Cell("" if s.gain is None else s.gain.covers)}
    return {**shown, "significance": word, **covers}


def split_table(contents: Contents, columns: Mapping[str, str]) -> Table:
    """How much each part has.

    Parameters
    ----------
    contents : Contents
    columns : mapping of str to str
        Heading to name of the count, or of the time stamp.
    """

    def cell(name: str, part: str) -> Cell:
        value = contents.counts[part].get(name)
        return Cell(stamp(value)) if isinstance(value, str) else integer(value)

    caption = f"Split: {contents.split.get('how', 'unknown')}"
    named: Columns[str] = {heading: partial(cell, name) for heading, name in columns.items()}
    return table(caption, list(contents.counts), {"part": lambda part: Cell(part, strong=True), **named})


def lowest(values: Iterable[float]) -> float:
    """The lowest value that is defined; NaN where none is."""
    return min((v for v in values if not math.isnan(v)), default=math.nan)

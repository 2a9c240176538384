"""Names, numbers and tables as a reader of a study wants them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tsrep.report.tables import Cell, Table
from tsrep.report.wording import METRICS, NOTHING, duration, number, signed

PRESET = "preset:"


def is_preset(name: str) -> bool:
    """Whether a study trial was asked for by name, and not by a sampler or a grid."""
    return str(name).startswith(PRESET)


def origin(name: str) -> str:
    """``preset autotcl`` of ``preset:autotcl``."""
    return str(name).replace(":", " ", 1)


def metric_name(metric: str) -> str:
    """A metric as it is written: ``MSE``."""
    return METRICS.get(metric, metric.upper() if len(metric) <= 5 else metric)


def time(seconds: float) -> str:
    """A duration; tenths of seconds below ten."""
    if not math.isfinite(seconds):
        return NOTHING
    return f"{seconds:.1f} s" if seconds < 10 else duration(seconds)


def p_text(p: float) -> str:
    """A p-value with three digits; a dash where nothing was tested."""
    if math.isnan(p):
        return NOTHING
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def ends(low: float, high: float, digits: int = 3) -> str:
    """An interval of differences; nothing where there is none."""
    return "" if math.isnan(low) else f"{signed(low, digits)} to {signed(high, digits)}"


def right(value: Any, digits: int = 4, *, strong: bool = False) -> Cell:
    """A cell with a number, or with a text that stands to the right as numbers do."""
    text = number(value, digits) if isinstance(value, float) else str(value)
    return Cell(text, numeric=True, strong=strong)


def table_of(
    caption: str, names: Sequence[str], rows: Sequence[Sequence[Cell]], *, breaks: Sequence[int] = ()
) -> Table:
    """A table with its header, whose cells stand to the right above numbers."""
    header = tuple(Cell(name, numeric=cell.numeric) for name, cell in zip(names, rows[0], strict=True))
    return Table(caption, header, [tuple(row) for row in rows], frozenset(breaks))


def grouped_table(caption: str, names: Sequence[str], rows: Sequence[Sequence[Cell]]) -> Table:
    """A table whose first column is written where it changes."""
    breaks = [i for i, row in enumerate(rows) if not i or row[0] != rows[i - 1][0]]
    once = [row if i in breaks else (Cell(""), *row[1:]) for i, row in enumerate(rows)]
    return table_of(caption, names, once, breaks=breaks)

"""How figures, tables and sentences of a study present trials, numbers and names."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from tsrep.inspect.figures.style import ACCENT, MUTED, PALETTE
from tsrep.report.tables import Cell, Table, begins
from tsrep.report.tables import grouped as by_group
from tsrep.report.wording import NOTHING, duration, number, signed
from tsrep.studies.define.ranges import Array, Range
from tsrep.studies.keep.trial_table import TrialTable
from tsrep.text import plural

BASELINE: dict[str, Any] = {"color": MUTED, "lw": 1.1, "ls": (0, (4, 3))}


def is_preset(name: str) -> bool:
    """Whether a study trial was asked for by name, and not by a sampler or a grid."""
    return str(name).startswith("preset:")


def origin(name: str) -> str:
    """``preset autotcl`` of ``preset:autotcl``."""
    return str(name).replace(":", " ", 1)


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


def column(name: str) -> Callable[[Mapping[str, Any]], Cell]:
    """A column of a table whose items are rows with such a number."""
    return lambda row: right(row[name])


def grouped(found: Table) -> Table:
    """A table whose first column is written where it changes, which begins a group."""
    return by_group(found, begins(found.rows, lambda row: row[0]))


def value_label(table: TrialTable, width: int = 46) -> str:
    """Name of the value on as many lines as it takes."""
    return textwrap.fill(table.value_name, width, break_on_hyphens=False)


def scatter(axes: Axes, table: TrialTable, x: Array, y: Array, *, upright: bool = True, **look: Any) -> None:
    """Dots of values ``y`` (across unless ``upright``); triangles on the edge for those beyond."""
    off, held = (y < table.scale.low) | (y > table.scale.high), table.scale.place(y)
    edge = ("^v" if upright else "><")[table.maximise]
    for mask, mark in ((~off, look.get("marker", "o")), (off, edge)):
        if mask.any():
            style = {name: v[mask] if isinstance(v, np.ndarray) else v for name, v in look.items()}
            places = (x[mask], held[mask]) if upright else (held[mask], x[mask])
            axes.scatter(*places, **style | {"marker": mark, "linewidths": 0})


def baseline_line(axes: Axes, table: TrialTable, *, upright: bool = True) -> None:
    """A dashed line at the baseline, where there is one."""
    if table.baseline is not None:
        (axes.axhline if upright else axes.axvline)(table.baseline, zorder=1, **BASELINE)


def dot(label: str, mark: str, colour: str) -> Line2D:
    """A dot of a legend."""
    return Line2D([], [], ls="", marker=mark, color=colour, ms=5, mew=0, label=label)


def baseline_entry(table: TrialTable) -> list[Line2D]:
    """The baseline in a legend, where there is one."""
    return [Line2D([], [], label="baseline", **BASELINE)] if table.baseline is not None else []


def preset(rows: pd.DataFrame) -> Array:
    """Whether each trial was asked for by name and not by the sampler."""
    return np.array([is_preset(origin) for origin in rows["origin"]], bool)


def trial_looks(rows: pd.DataFrame) -> dict[str, tuple[Array, dict[str, Any]]]:
    """Which rows to plot, and how, for each kind of trial that there is."""
    named = preset(rows)
    looks = {
        "sampled": (~named, {"color": ACCENT, "s": 16, "alpha": 0.8}),
        "preset": (named, {"color": PALETTE[1], "s": 30, "marker": "D"}),
    }
    return {name: (mask, look) for name, (mask, look) in looks.items() if mask.any()}


def dots_note(table: TrialTable) -> str:
    """What the dots of a figure are, and its line; each sentence after a space."""
    presets = " Blue dots were chosen by the sampler, orange diamonds are presets."
    line = " The dashed line is the baseline." if table.baseline is not None else ""
    return presets * bool(preset(table.complete).any()) + line + beyond_note(table)


def beyond_note(table: TrialTable) -> str:
    """A sentence on values beyond the axis, if there are any, after a space."""
    beyond = table.scale.beyond
    if not beyond:
        return ""
    are = "is" if beyond == 1 else "are"
    return f" {plural(beyond, 'value')} far worse than the others {are} plotted as a triangle on the edge."


def name_rows(axes: Axes, names: Sequence[str]) -> None:
    """Rows from the top on, each with its name."""
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)


def interval(axes: Axes, row: int, low: float, mean: float, high: float, colour: str, face: str = "") -> None:
    """A mean with its interval, where there is one, in a row."""
    if math.isfinite(low):
        axes.plot([low, high], [row, row], color=colour, lw=1.6, solid_capstyle="butt")
    axes.plot([mean], [row], ls="", marker="o", ms=5.2, mec=colour, mfc=face or colour)


def numeric_axis(axes: Axes, scale: Range, *, upright: bool = False) -> None:
    """Scale and ticks of a numeric axis, across or (``upright``) up."""
    own = axes.yaxis if upright else axes.xaxis
    if not scale.log:
        own.set_major_locator(MaxNLocator(4, integer=scale.kind == "int"))
        return
    (axes.set_yscale if upright else axes.set_xscale)("log")
    low, high = own.get_view_interval()
    decades = math.log10(high / low)
    subs = (1.0,) if decades > 2.2 else (1.0, 3.0) if decades > 1.5 else (1.0, 2.0, 5.0)
    own.set_major_locator(LogLocator(subs=subs, numticks=8))
    own.set_major_formatter(FuncFormatter(_power))
    own.set_minor_formatter(NullFormatter())


def _power(value: float, _: int) -> str:
    """``0.01``, and ``1e-4`` of what is longer."""
    digits, power = f"{value:.0e}".split("e")
    return f"{value:g}" if value >= 1e-3 else f"{digits}e{int(power)}"

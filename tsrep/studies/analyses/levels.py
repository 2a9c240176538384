"""All values in each level of each categorical axis, with their quartiles."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tsrep.inspect.figures.style import INK, MUTED, WIDTH, distinct, house, new_figure
from tsrep.report import tables as report_tables
from tsrep.report.tables import Cell, Columns, Table, integer
from tsrep.rng import numpy_generator
from tsrep.studies.analyses import Analysis, Missing, Results, Shown
from tsrep.studies.analyses.presentation import (
    baseline_line,
    column,
    dots_note,
    grouped,
    name_rows,
    scatter,
    trial_looks,
    value_label,
)
from tsrep.studies.define.space import Parameter
from tsrep.studies.keep.trial_table import TrialTable

QUARTILES = ("best", "Q1", "median", "Q3", "worst")


def level_summary(values: pd.DataFrame, table: TrialTable) -> pd.DataFrame:
    """Number, best, quartiles and worst of the values in each level, in the order of axes and levels."""
    rows = []
    for axis in _axes(table):
        own = values[values["axis"] == axis.name]
        for level in table.levels(axis):
            found = own.loc[own["setting"] == level, "value"].to_numpy(float)
            ends = table.loss(np.quantile(table.loss(found), [0, 0.25, 0.5, 0.75, 1]))
            rows.append((axis.name, level, len(found), *ends))
    return pd.DataFrame(rows, columns=["axis", "level", "trials", *QUARTILES])


def shown(results: Results) -> Shown | Missing:
    """Every value in the level that it has of each axis."""
    table = results.table
    if not _axes(table):
        return Missing("No categorical axis has two levels with complete trials.")
    values = table.along(_axes(table))
    summary = level_summary(values, table)
    return Shown(
        "Every complete trial in the level that it has of each axis; black: median. Trials of a level "
        f"differ in all other axes.{dots_note(table)}",
        figure_levels(table),
        {"": values.rename(columns={"setting": "level"}), "summary": summary},
        folded=[_table(summary)],
    )


ANALYSES = (Analysis("levels", "Levels", 50, shown),)


@house
def figure_levels(table: TrialTable) -> Figure:
    """A panel for each categorical axis, a row for each level, a dot for each complete trial."""
    axes = _axes(table)
    rows = [len(table.levels(axis)) for axis in axes]
    figure = new_figure(WIDTH, 0.26 * sum(rows) + 0.38 * len(axes) + 0.6)
    panels = figure.subplots(len(axes), 1, squeeze=False, sharex=True, height_ratios=[n + 0.4 for n in rows])
    for panel, axis in zip(panels[:, 0], axes, strict=True):
        _panel(panel, table, axis)
        panel.set_title(table.short[axis.name])
    panels[-1, 0].set_xlabel(value_label(table, 90))
    return figure


def _panel(panel: Axes, table: TrialTable, axis: Parameter) -> None:
    labels, levels, values, scale = table.labels(axis), table.levels(axis), table.values, table.scale
    shake = numpy_generator("cells", axis.name).uniform(-0.22, 0.22, len(values))
    baseline_line(panel, table, upright=False)
    for i, level in enumerate(levels):
        here = labels == level
        for mask, look in trial_looks(table.complete).values():
            chosen = here & mask
            scatter(panel, table, i + shake[chosen], values[chosen], upright=False, **look)
        median = scale.place(np.median(values[here]))
        panel.plot([median] * 2, [i - 0.36, i + 0.36], color=INK, lw=2.2, solid_capstyle="butt", zorder=4)
        at = panel.get_yaxis_transform()
        panel.text(1.01, i, f"n = {here.sum()}", transform=at, fontsize=7.5, color=MUTED, va="center")
    name_rows(panel, distinct(levels, 34))
    panel.set_xlim(scale.low, scale.high)


def _table(summary: pd.DataFrame) -> Table:
    columns: Columns[dict[str, Any]] = {
        "axis": lambda row: Cell(row["axis"]),
        "level": lambda row: Cell(row["level"]),
        "trials": lambda row: integer(row["trials"]),
        **{name: column(name) for name in QUARTILES},
    }
    return grouped(report_tables.table("Values in each level", summary.to_dict("records"), columns))


def _axes(table: TrialTable) -> list[Parameter]:
    return [axis for axis in table.varied if axis.range.choices]

"""Finalists on the test part: scores task by task beside controls, and their settings."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from tsrep.evaluation.bootstrap import Interval
from tsrep.inspect.figures.style import ACCENT, CONTROL, WIDTH, distinct, house, new_figure
from tsrep.report import tables as report_tables
from tsrep.report.tables import Cell, Columns, Table
from tsrep.report.wording import NOTHING, short_name, signed
from tsrep.rng import numpy_generator
from tsrep.studies.analyses import Analysis, Missing, Results, Shown
from tsrep.studies.analyses.presentation import (
    column,
    ends,
    interval,
    name_rows,
    origin,
    right,
)
from tsrep.studies.confirm.finalists import Finalists
from tsrep.studies.define.space import Parameter
from tsrep.studies.keep.trial_table import TrialTable

ACROSS = 2


def shown(results: Results) -> Shown | Missing:
    """Finalists and controls on test."""
    finalists = results.finalists
    if finalists is None:
        return Missing("No finalist has been confirmed on test yet.")
    return Shown(
        "Test scores of finalists (blue, in the order of their validation), trained anew from fresh seeds, "
        "and of controls (grey): means over seeds with 95 % intervals by bootstrap over the patients or "
        "blocks of time of the test part; small dots are single seeds.",
        figure_finalists(finalists),
        {"": finalists.summary, "seeds": finalists.rows},
        tables=finalist_tables(finalists, results.table),
        note="Intervals come from resampling the test part, which finalists share: they overlap even where "
        "paired differences are clear.",
    )


ANALYSES = (Analysis("finalists", "Finalists on test", 10, shown),)


def finalist_tables(finalists: Finalists, table: TrialTable) -> list[Table]:
    """Scores of the confirmation for each task and metric, and the settings of finalists."""
    tables = []
    for (task, metric), rows in finalists.summary.groupby(["task", "metric"], sort=False):
        best = rows["test"].max() if table.maximise else rows["test"].min()
        on = f"{task}: {short_name(metric)}" if task else short_name(metric)
        columns: Columns[dict[str, Any]] = {
            "finalist": lambda row: Cell(row["finalist"], strong=row["origin"] != "control"),
            "origin": lambda row: Cell(origin(row["origin"])),
            "validation": column("validation"),
            "test": partial(_test, best),
            "minus random initialisation": _minus_random,
            "spread over seeds": column("spread"),
            "seeds": column("seeds"),
        }
        caption = f"{on} on test, per {rows['unit'].iloc[0]}"
        tables.append(report_tables.table(caption, rows.to_dict("records"), columns))
    chosen = finalists.parameters
    axes = [axis for axis in table.axes if any(axis.name in own for own in chosen.values())]
    settings: Columns[Parameter] = {
        "axis": lambda axis: Cell(table.short[axis.name]),
        **{Cell(name, numeric=True): partial(_setting, own) for name, own in chosen.items()},
    }
    return [*tables, report_tables.table("Settings of finalists", axes, settings)]


def _test(best: float, row: dict[str, Any]) -> Cell:
    found = Interval(row["test"], row["low"], row["high"])
    return report_tables.value_cell(found, 4, strong=row["test"] == best)


def _minus_random(row: dict[str, Any]) -> Cell:
    paired = ends(row["minus_random_low"], row["minus_random_high"], 4)
    return Cell(signed(row["minus_random"], 4), paired, numeric=True)


def _setting(chosen: Mapping[str, Any], axis: Parameter) -> Cell:
    return right(axis.range.text(chosen[axis.name]) if axis.name in chosen else NOTHING)


@house
def figure_finalists(finalists: Finalists) -> Figure:
    """A panel for each task and metric: means with intervals, a small dot for each seed."""
    groups = list(finalists.summary.groupby(["task", "metric"], sort=False))
    names = list(dict.fromkeys(finalists.summary["finalist"]))
    across = min(ACROSS, len(groups))
    down = math.ceil(len(groups) / across)
    figure = new_figure(WIDTH if across > 1 else 0.75 * WIDTH, down * (0.27 * len(names) + 0.85))
    panels = figure.subplots(down, across, squeeze=False, sharey=True).ravel()
    seeds = finalists.rows.groupby(["task", "metric", "finalist"])["test"]
    tasks = list(dict.fromkeys(task for (task, _), _ in groups))
    titles = dict(zip(tasks, distinct(tasks, 38), strict=True))
    for panel, ((task, metric), own) in zip(panels, groups, strict=False):
        for row in own.to_dict("records"):
            own_seeds = seeds.get_group((task, metric, row["finalist"]))
            _plot_row(panel, names.index(row["finalist"]), row, own_seeds)
        name_rows(panel, distinct(names, 30))
        panel.xaxis.set_major_locator(MaxNLocator(5))
        named = ": ".join(word for word in (titles[task], short_name(metric)) if word)
        panel.set(title=named, xlabel=f"test {short_name(metric)}")
    for panel in panels[len(groups) :]:
        panel.set_visible(False)
    return figure


def _plot_row(panel: Axes, i: int, row: dict[str, Any], seeds: pd.Series) -> None:
    colour = CONTROL if row["origin"] == "control" else ACCENT
    shake = numpy_generator("finalists", row["finalist"]).uniform(-0.16, 0.16, len(seeds))
    panel.scatter(seeds, i + shake, s=8, color=colour, alpha=0.45, linewidths=0)
    interval(panel, i, row["low"], row["test"], row["high"], colour)

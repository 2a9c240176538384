"""The best trials by validation and their settings."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

from tsrep.report import tables as report_tables
from tsrep.report.tables import Cell, Columns, Table
from tsrep.report.wording import NOTHING, count
from tsrep.studies.analyses import Analysis, Missing, Results, Shown
from tsrep.studies.analyses.presentation import column, is_preset, origin, right, time
from tsrep.studies.define.space import Parameter
from tsrep.studies.keep.trial_table import TrialTable

BEST = 10
MOST_TASKS = 3


def best_tables(table: TrialTable) -> list[Table]:
    """Scores of the best trials and of presets that are not among them, and their settings."""
    ranked = table.best_first.assign(rank=range(1, len(table.best_first) + 1))
    chosen = ranked[(ranked["rank"] <= BEST) | ranked["origin"].map(is_preset)].to_dict("records")
    breaks = {BEST} if len(chosen) > BEST else ()
    more = "; presets that are not among them below" if breaks else ""
    caption = f"Best of {count(len(ranked))} complete trials by {table.value_name}{more}"
    tasks = table.tasks if 1 < len(table.tasks) <= MOST_TASKS else ()
    scores: Columns[dict[str, Any]] = {
        "rank": column("rank"),
        "trial": column("ticket"),
        "value": lambda row: right(row["value"], strong=True),
        **{Cell(task, numeric=True): column(f"task:{task}") for task in tasks},
        "training": lambda row: right(time(row["seconds"])),
        "weights": lambda row: right(NOTHING if math.isnan(row["parameters"]) else count(row["parameters"])),
        "origin": lambda row: Cell(origin(row["origin"])),
    }
    settings: Columns[dict[str, Any]] = {
        Cell("rank", numeric=True): column("rank"),
        **{table.short[axis.name]: partial(_setting, axis) for axis in table.varied},
    }
    tables = [report_tables.table(caption, chosen, scores, breaks)]
    if table.varied:
        tables.append(report_tables.table("Their settings on the axes that vary", chosen, settings, breaks))
    return tables


def _setting(axis: Parameter, row: dict[str, Any]) -> Cell:
    """The value of an axis in a trial; a dash where it is not active."""
    value = row[axis.name]
    text = NOTHING if axis.range.absent(value) else axis.range.text(value)
    return Cell(text, numeric=not axis.range.choices)


def shown(results: Results) -> Shown | Missing:
    """The best trials."""
    if results.table.best_first.empty:
        return Missing("No trial is complete.")
    return Shown(
        tables=best_tables(results.table),
        note="These are validation scores, which chose the trials; the first ones are too good by chance.",
    )


ANALYSES = (Analysis("best", "Best configurations", 20, shown),)

"""The best trials by validation and their settings."""

from __future__ import annotations

import math

import pandas as pd

from tsrep.report.tables import Cell, Table
from tsrep.report.wording import NOTHING, count
from tsrep.studies.analyses import Analysis, Missing, Results, Shown
from tsrep.studies.analyses.presentation import is_preset, origin, right, table_of, time
from tsrep.studies.define.space import Parameter
from tsrep.studies.keep.trial_table import TrialTable

BEST = 10
MOST_TASKS = 3


def best_tables(table: TrialTable) -> list[Table]:
    """Scores of the best trials and of presets that are not among them, and their settings."""
    ranked = table.best_first
    chosen = ranked[(ranked.index < BEST) | [is_preset(name) for name in ranked["origin"]]]
    breaks = [BEST] if len(chosen) > BEST else []
    more = "; presets that are not among them below" if breaks else ""
    caption = f"Best of {count(len(ranked))} complete trials by {table.value_name}{more}"
    tasks = table.tasks if 1 < len(table.tasks) <= MOST_TASKS else ()
    names = ["rank", "trial", "value", *tasks, "training", "weights", "origin"]
    rows = [
        (
            right(place + 1), right(row["ticket"]), right(row["value"], strong=True),
            *(right(row[f"task:{task}"]) for task in tasks), right(time(row["seconds"])),
            right(NOTHING if math.isnan(row["parameters"]) else count(row["parameters"])),
            Cell(origin(row["origin"])),
        )
        for place, row in zip(chosen.index, chosen.to_dict("records"), strict=True)
    ]  # fmt: skip
    tables = [table_of(caption, names, rows, breaks=breaks)]
    if table.varied:
        columns = [[right(place + 1) for place in chosen.index]]
        columns += [_settings(table, axis, chosen) for axis in table.varied]
        names = ["rank", *(table.short[axis.name] for axis in table.varied)]
        settings = list(zip(*columns, strict=True))
        tables.append(table_of("Their settings on the axes that vary", names, settings, breaks=breaks))
    return tables


def _settings(table: TrialTable, axis: Parameter, rows: pd.DataFrame) -> list[Cell]:
    """The values of one axis in some trials; a dash where it is not active."""
    texts = [
        axis.range.text(value) if active else NOTHING
        for value, active in zip(rows[axis.name], table.active(axis, rows), strict=True)
    ]
    return [Cell(text, numeric=not axis.range.choices) for text in texts]


def shown(results: Results) -> Shown | Missing:
    """The best trials."""
    if results.table.best_first.empty:
        return Missing("No trial is complete.")
    return Shown(
        tables=best_tables(results.table),
        note="These are validation scores, which chose the trials; the first ones are too good by chance.",
    )


ANALYSES = (Analysis("best", "Best configurations", 20, shown),)

"""Finalists, and levels of an axis, ranked over matched blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from tsrep.evaluation.friedman_ranks import Comparison, compare
from tsrep.studies.read.axis_names import varied
from tsrep.studies.read.missing import Missing
from tsrep.studies.read.trial_table import Axis, TrialTable

LEAST_BLOCKS = 5
LEAST_METHODS = 3


def finalist_ranks(rows: pd.DataFrame | None, *, maximise: bool) -> Comparison | Missing:
    """Rank finalists and controls on test over blocks of task and seed.

    Parameters
    ----------
    rows : DataFrame or None
        ``finalist``, ``task``, ``seed``, ``metric`` and ``test``. Its first metric counts. A control that was
        scored once in a task, as one without random numbers is, stands for every seed of it.
    maximise : bool
        Whether a larger test score is better.
    """
    if rows is None or rows.empty:
        return Missing("No finalist has been confirmed on test yet.")
    wide = _blocks(rows[rows["metric"] == rows["metric"].iloc[0]])
    if wide.shape[1] < LEAST_METHODS or len(wide) < LEAST_BLOCKS:
        return Missing(
            f"Ranks need at least {LEAST_METHODS} finalists or controls and {LEAST_BLOCKS} blocks of task "
            f"and seed that all of them were scored on; there are {wide.shape[1]} and {len(wide)}."
        )
    return _compare(wide, maximise)


def level_ranks(table: TrialTable, order: Sequence[str] = ()) -> tuple[Axis, Comparison] | Missing:
    """Rank the levels of the most important axis that has at least three levels and enough matched blocks.

    A block is one task and one setting of all other axes in which every level was tried; of
    several trials in one cell the mean counts.

    Parameters
    ----------
    table : TrialTable
    order : sequence of str
        Names of axes from the most important on.
    """
    rank = {name: i for i, name in enumerate(order)}
    axes = [axis for axis in varied(table) if axis.categorical and len(table.levels(axis)) >= LEAST_METHODS]
    if not axes:
        return Missing(f"No categorical axis has {LEAST_METHODS} levels with complete trials.")
    axes.sort(key=lambda axis: rank.get(axis.name, len(rank)))
    for axis in axes:
        wide = _level_blocks(table, axis)
        if len(wide) >= LEAST_BLOCKS:
            return axis, _compare(wide, table.maximise)
    return Missing(
        f"Levels can be ranked where all of them were tried with the same other settings in {LEAST_BLOCKS} "
        f"blocks or more; no axis with {LEAST_METHODS} levels has them, as is usual unless the sampler goes "
        "over a grid."
    )


def _compare(wide: pd.DataFrame, maximise: bool) -> Comparison:
    sign = 1.0 if maximise else -1.0
    values: Mapping[str, Mapping[str, float]] = {
        str(name): {str(block): sign * float(v) for block, v in column.items()}
        for name, column in wide.items()
    }
    return compare(values)


def _blocks(rows: pd.DataFrame) -> pd.DataFrame:
    """Test score of each finalist in each complete block."""
    found: dict[str, dict[str, float]] = {}
    for task, part in rows.groupby("task", sort=False):
        seeds = sorted(part["seed"].dropna().unique()) or [np.nan]
        for finalist, own in part.groupby("finalist", sort=False):
            mean = own.groupby("seed", dropna=False)["test"].mean()
            once = len(mean) == 1 and own["origin"].iloc[0] == "control"
            for seed in seeds:
                value = mean.get(seed, mean.iloc[0] if once else np.nan)
                found.setdefault(str(finalist), {})[f"{task}, seed {seed:g}"] = float(value)
    return pd.DataFrame(found).dropna()


def _level_blocks(table: TrialTable, axis: Axis) -> pd.DataFrame:
    rows, labels = table.complete, table.labels(axis)
    others = [other for other in table.axes if other.name != axis.name]
    keys = [_cell(table, other) for other in others]
    columns = [f"task:{task}" for task in table.tasks] or ["value"]
    found: dict[str, dict[str, list[float]]] = {level: {} for level in table.levels(axis)}
    for i in np.flatnonzero(table.active(axis)):
        setting = ", ".join(key[i] for key in keys)
        for column in columns:
            found[labels[i]].setdefault(f"{column}, {setting}", []).append(float(rows[column].iloc[i]))
    means = {level: {b: float(np.mean(v)) for b, v in blocks.items()} for level, blocks in found.items()}
    return pd.DataFrame(means).dropna()


def _cell(table: TrialTable, axis: Axis) -> list[Any]:
    if axis.categorical:
        return list(table.labels(axis))
    return [f"{number:.6g}" for number in table.numbers(axis)]

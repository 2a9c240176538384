"""Friedman ranks of finalists, and of the levels of an axis, over matched blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import pandas as pd

from tsrep.evaluation.friedman_ranks import Comparison, compare
from tsrep.inspect.figures.ranks import figure_ranks
from tsrep.studies.analyses import Analysis, Missing, Results, Shown
from tsrep.studies.analyses.importance import most_important_first
from tsrep.studies.define.space import Parameter
from tsrep.studies.keep.trial_table import TrialTable

MIN_BLOCKS = 5
MIN_METHODS = 3


def finalist_ranks(rows: pd.DataFrame, *, maximise: bool) -> Comparison | Missing:
    """Rank finalists and controls on test over blocks of task and seed.

    Parameters
    ----------
    rows : DataFrame
        ``finalist``, ``task``, ``seed``, ``metric`` and ``test``. Its first metric counts. A control that was
        scored once in a task, as one without random numbers is, stands for every seed of it.
    maximise : bool
        Whether a larger test score is better.
    """
    rows = rows[rows["metric"] == rows["metric"].iloc[0]]
    controls = set(rows.loc[rows["origin"] == "control", "finalist"])
    keys = ["task", "seed", "finalist"]
    means = rows.groupby(keys, sort=False, dropna=False)["test"].mean().unstack("finalist")

    def repeated(own: pd.Series) -> pd.Series:
        return own.fillna(own.mean()) if own.name in controls and own.count() == 1 else own

    wide = means.groupby(level="task", sort=False).transform(repeated).dropna()
    wide.index = pd.Index([f"{task}, seed {seed:g}" for task, seed in wide.index])
    if wide.shape[1] < MIN_METHODS or len(wide) < MIN_BLOCKS:
        return Missing(
            f"Ranks need at least {MIN_METHODS} finalists or controls and {MIN_BLOCKS} blocks of task "
            f"and seed that all of them were scored on; there are {wide.shape[1]} and {len(wide)}."
        )
    return _compare(wide, maximise)


def level_ranks(table: TrialTable, order: Sequence[str] = ()) -> tuple[Parameter, Comparison] | Missing:
    """Rank the levels of the most important axis that has at least three levels and enough matched blocks.

    A block is one task and one setting of all other axes in which every level was tried; of
    several trials in one cell the mean counts.

    Parameters
    ----------
    table : TrialTable
    order : sequence of str
        Names of axes from the most important on.
    """
    axes = [axis for axis in table.varied if axis.range.choices and len(table.levels(axis)) >= MIN_METHODS]
    if not axes:
        return Missing(f"No categorical axis has {MIN_METHODS} levels with complete trials.")
    for axis in sorted(axes, key=lambda axis: order.index(axis.name) if axis.name in order else len(order)):
        wide = _level_blocks(table, axis)
        if len(wide) >= MIN_BLOCKS:
            return axis, _compare(wide, table.maximise)
    return Missing(
        f"Levels can be ranked where all of them were tried with the same other settings in {MIN_BLOCKS} "
        f"blocks or more; no axis with {MIN_METHODS} levels has them, as is usual unless the sampler goes "
        "over a grid."
    )


def shown_finalists(results: Results) -> Shown | Missing:
    """Critical differences between finalists."""
    if results.finalists is None:
        return Missing("No finalist has been confirmed on test yet.")
    found = finalist_ranks(results.finalists.rows, maximise=results.table.maximise)
    if isinstance(found, Missing):
        return found
    caption = (
        "Average rank on test over blocks of task and seed; 1 is the best. Seeds of one task share its "
        "test part, so that blocks are not independent and p-values are too small."
    )
    return _shown(caption, "Average rank of finalists on test", found)


def shown_levels(results: Results) -> Shown | Missing:
    """Critical differences between the levels of the most important axis that was tried in full."""
    ranked = level_ranks(results.table, most_important_first(results))
    if isinstance(ranked, Missing):
        return ranked
    axis, found = ranked
    caption = (
        f"Average rank of the levels of {axis.name} on validation over blocks of task and setting of all "
        "other axes in which every level was tried."
    )
    return _shown(caption, f"Average rank of {results.table.short[axis.name]}", found)


ANALYSES = (
    Analysis("ranks-finalists", "Finalists on test", 15, shown_finalists),
    Analysis("ranks-levels", "Levels", 55, shown_levels),
)


def _shown(caption: str, title: str, found: Comparison) -> Shown:
    if 2.0 ** (1 - len(found.sets)) * len(found.pairs) >= found.level:
        caption += " With so few blocks no pair can differ after Holm's correction, however clear its order."
    blocks = [
        (block, method, value, rank)
        for block, values, ranks in zip(found.sets, found.values, found.ranks, strict=True)
        for method, value, rank in zip(found.methods, abs(values), ranks, strict=True)
    ]
    numbers = {
        "": pd.DataFrame(blocks, columns=["block", "method", "value", "rank"]),
        "pairs": pd.DataFrame([asdict(pair) for pair in found.pairs]),
    }
    return Shown(caption, figure_ranks(found, title, over="block"), numbers)


def _compare(wide: pd.DataFrame, maximise: bool) -> Comparison:
    return compare((wide if maximise else -wide).to_dict())


def _level_blocks(table: TrialTable, axis: Parameter) -> pd.DataFrame:
    """Mean value of each level in each block that all levels have."""
    others = [other for other in table.axes if other.name != axis.name]
    known = [
        table.labels(other) if other.range.choices else [f"{x:.6g}" for x in table.numbers(other)]
        for other in others
    ]
    active, labels = np.flatnonzero(table.active(axis)), table.labels(axis)
    cells = [
        (labels[i], ", ".join([column, *(found[i] for found in known)]), table.complete[column].iloc[i])
        for column in [f"task:{task}" for task in table.tasks] or ["value"]
        for i in active
    ]
    long = pd.DataFrame(cells, columns=["level", "block", "value"])
    return long.pivot_table("value", "block", "level", sort=False)[table.levels(axis)].dropna()

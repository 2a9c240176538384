"""Which axes decide whether a trial is among the best: PED-ANOVA with bootstrap intervals over trials."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import optuna
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from optuna.distributions import BaseDistribution
from optuna.importance import PedAnovaImportanceEvaluator

from tsrep.inspect.figures.style import ACCENT, CONTROL, FLOOR, WIDTH, house, new_figure, shorten
from tsrep.report import tables as report_tables
from tsrep.report.tables import Cell, Columns, Table, integer
from tsrep.report.wording import number
from tsrep.rng import numpy_generator
from tsrep.studies.analyses import Analysis, Missing, Results, Shown
from tsrep.studies.analyses.presentation import interval, name_rows, right
from tsrep.studies.define.ranges import Array
from tsrep.studies.define.space import Parameter
from tsrep.studies.keep.trial_table import TrialTable

MIN_TRIALS = 20
TOP = 0.25  # share of trials that count as best; with 10 % of some 60 trials noise leads


@dataclass(frozen=True, eq=False)
class Importances:
    """Importance of every axis that varied, the largest first, and how it was found.

    Attributes
    ----------
    shares : DataFrame
        ``axis``; ``share`` of the sum over axes; ``low`` and ``high``, the 95 % interval over bootstrap
        samples of half of the trials, drawn without replacement, as a trial that is drawn twice looks to
        the density estimates of PED-ANOVA like a narrow optimum; ``chance``, what 95 % of shuffled studies
        stay below, on the scale of ``share``; ``trials``, complete ones in which the axis is active.
    evaluator : str
    """

    shares: pd.DataFrame
    evaluator: str


def importances(table: TrialTable, *, n_bootstrap: int) -> Importances | Missing:
    """PED-ANOVA of all axes that vary.

    Parameters
    ----------
    table : TrialTable
    n_bootstrap : int
        Half-samples of trials, and as many studies with shuffled values.

    Returns
    -------
    Importances or Missing
        Missing with fewer than ``MIN_TRIALS`` complete trials, when all values or all settings are equal,
        and when no axis separates the best trials from the others.

    References
    ----------
    Watanabe et al., PED-ANOVA, IJCAI 2023; for axes that are active under a condition as in Optuna 5.
    """
    axes, values = table.varied, table.loss(table.values)
    n = len(values)
    if n < MIN_TRIALS:
        are = "is" if n == 1 else "are"
        return Missing(f"Importance needs at least {MIN_TRIALS} complete trials; there {are} {n}.")
    if not axes:
        return Missing("No axis has two different values among the complete trials.")
    if np.ptp(values) == 0:
        return Missing("All complete trials have the same value, so that no axis can matter.")
    draw = numpy_generator("importance", 0)
    with _quiet():
        study = _study(table, axes)
        known = _raw(study, values, axes)
        if known.sum() <= 0:
            return Missing(
                "No axis separates the best trials from the others; there is no importance to share."
            )
        # [n_bootstrap, axis]
        halves = np.array(
            [_half(study, values, axes, draw.permutation(n)[: n // 2]) for _ in range(n_bootstrap)]
        )
        shuffled = np.array([_raw(study, draw.permutation(values), axes) for _ in range(n_bootstrap)])
    low, high = np.quantile(halves, [0.025, 0.975], axis=0)
    shares = pd.DataFrame({
        "axis": [axis.name for axis in axes], "share": known / known.sum(), "low": low, "high": high,
        "chance": np.quantile(shuffled, 0.95, axis=0) / known.sum(),
        "trials": [table.active(axis).sum() for axis in axes],
    })  # fmt: skip
    evaluator = (
        f"PED-ANOVA (Optuna's PedAnovaImportanceEvaluator) of reaching the best {math.ceil(TOP * n)} of {n} "
        "complete trials"
    )
    return Importances(
        shares.sort_values("share", ascending=False, kind="stable", ignore_index=True), evaluator
    )


@lru_cache(maxsize=1)  # several analyses of one report ask for it
def _importances(results: Results) -> Importances | Missing:
    return importances(results.table, n_bootstrap=results.n_bootstrap)


def most_important_first(results: Results) -> list[str]:
    """Names of axes, none where the importance is missing."""
    found = _importances(results)
    return [] if isinstance(found, Missing) else found.shares["axis"].tolist()


def shown(results: Results) -> Shown | Missing:
    """Importance of each axis."""
    found = _importances(results)
    if isinstance(found, Missing):
        return found
    return Shown(
        f"{found.evaluator}. Dots are shares of the sum over axes; bars are 95 % intervals over random "
        "halves of the trials, in which there are fewer best ones to go by, so that they lean towards "
        "equal shares. Blue: above what 95 % of studies with shuffled values reach (grey band). It is "
        "the importance among the trials that ran: an axis that the sampler settled early shows little "
        "here. Other evaluators may disagree.",
        figure_importance(found, results.table),
        {"": found.shares},
        folded=[_table(found)],
    )


ANALYSES = (Analysis("importance", "Importance", 30, shown),)


def _study(table: TrialTable, axes: Sequence[Parameter]) -> optuna.Study:
    """The complete trials as a study in memory, their numbers those of the rows."""
    known: list[dict[str, Any]] = [{} for _ in table.values]
    ranges = {}
    for axis in axes:
        active = np.flatnonzero(table.active(axis))
        values = (table.labels(axis) if axis.range.choices else table.numbers(axis))[active].tolist()
        ranges[axis.name] = _distribution(axis, values)
        for i, value in zip(active, values, strict=True):
            known[i][axis.name] = int(value) if axis.range.kind == "int" else value
    study = optuna.create_study()
    study.add_trials(
        optuna.create_trial(value=0.0, params=row, distributions={name: ranges[name] for name in row})
        for row in known
    )
    return study


def _distribution(axis: Parameter, values: list[Any]) -> BaseDistribution:
    """The range of the axis, wide enough for what lies outside of it, such as the share of a part alone."""
    if axis.range.choices:
        return replace(axis.range, choices=tuple(sorted(set(values)))).distribution
    low, high = min(axis.range.low, *values), max(axis.range.high, *values)
    return replace(axis.range, low=low, high=high, step=None).distribution


def _half(study: optuna.Study, values: Array, axes: Sequence[Parameter], rows: Array) -> Array:
    """Shares of the importance among some of the trials."""
    some = np.full(len(values), np.nan)
    some[rows] = values[rows]
    raw = _raw(study, some, axes)
    return np.asarray(raw / (raw.sum() or 1.0))


def _raw(study: optuna.Study, values: Array, axes: Sequence[Parameter]) -> Array:
    """Importance of each axis for small values before it is shared out; trials with NaN are left out."""
    evaluator = PedAnovaImportanceEvaluator(target_quantile=TOP)
    found = evaluator.evaluate(study, target=lambda trial: float(values[trial.number]))
    return np.array([found[axis.name] for axis in axes])


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the library from telling of a study in memory, its target, and regimes with a single trial."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        optuna.logging.set_verbosity(before)


@house
def figure_importance(found: Importances, table: TrialTable) -> Figure:
    """Dots with intervals, the most important axis on top; grey where chance alone reaches as far."""
    figure = new_figure(WIDTH, 0.26 * len(found.shares) + 1.05)
    axes = figure.subplots()
    band: dict[str, Any] = {"color": FLOOR, "lw": 7, "alpha": 0.35}
    for i, s in enumerate(found.shares.itertuples()):
        axes.plot([0, s.chance], [i, i], solid_capstyle="butt", zorder=1, **band)
        interval(axes, i, s.low, s.share, s.high, ACCENT if s.share > s.chance else CONTROL)
    name_rows(axes, [shorten(table.short[axis], 30) for axis in found.shares["axis"]])
    axes.set_xlim(0, min(1.0, 1.08 * found.shares[["high", "chance", "share"]].to_numpy().max()))
    axes.set_xlabel("share of importance")
    handles = [
        Line2D([], [], color=ACCENT, marker="o", ms=5.5, lw=1.6, label="importance, 95 % interval"),
        Line2D([], [], label="reached with shuffled values (95 %)", **band),
    ]
    figure.legend(handles=handles, loc="outside upper left", ncols=2)
    return figure


def _table(found: Importances) -> Table:
    columns: Columns[Any] = {
        "axis": lambda s: Cell(s.axis),
        "share": lambda s: right(s.share, 3, strong=s.share > s.chance),
        "95 % interval": lambda s: right(f"{number(s.low)}–{number(s.high)}"),
        "shuffled values reach": lambda s: right(s.chance, 3),
        "complete trials with it": lambda s: integer(s.trials),
    }
    return report_tables.table("Importance of each axis", list(found.shares.itertuples()), columns)

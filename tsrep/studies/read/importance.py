"""Which axes decide whether a trial is among the best: PED-ANOVA with bootstrap intervals over trials."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tsrep.rng import numpy_generator
from tsrep.studies.read.axis_names import varied
from tsrep.studies.read.missing import Missing
from tsrep.studies.read.trial_table import Axis, TrialTable

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.study import Study
    from optuna.trial import FrozenTrial

Array = NDArray[Any]
LEAST_TRIALS = 20
TOP = 0.25  # share of trials that count as best; with 10 % of some 60 trials noise leads
N_BOOTSTRAP = 100


@dataclass(frozen=True)
class Share:
    """Importance of one axis.

    Attributes
    ----------
    axis : str
    share : float
        Of the sum over axes.
    low, high : float
        95 % interval over bootstrap samples of half of the trials, drawn without replacement: a trial
        that is drawn twice looks to the density estimates of PED-ANOVA like a narrow optimum.
    chance : float
        What 95 % of shuffled studies stay below, on the scale of ``share``.
    trials : int
        Complete trials in which the axis is active.
    """

    axis: str
    share: float
    low: float
    high: float
    chance: float
    trials: int


@dataclass(frozen=True)
class Importances:
    """Importance of every axis that varied, the largest first, and how it was found."""

    shares: tuple[Share, ...]
    evaluator: str


def importances(table: TrialTable, *, n_bootstrap: int = N_BOOTSTRAP, seed: int = 0) -> Importances | Missing:
    """PED-ANOVA of all axes that vary.

    Parameters
    ----------
    table : TrialTable
    resamples : int
        Half-samples of trials, and as many studies with shuffled values.
    seed : int

    Returns
    -------
    Importances or Missing
        Missing with fewer than ``LEAST_TRIALS`` complete trials, when all values or all settings are equal,
        and when no axis tells the best trials from the others.

    References
    ----------
    Watanabe et al., PED-ANOVA, IJCAI 2023; for axes that are active under a condition as in Optuna 5.
    """
    axes = varied(table)
    values = table.loss(table.complete["value"].to_numpy(float))
    n = len(values)
    missing = _too_little(values, axes)
    if missing:
        return missing
    draw = numpy_generator("importance", seed)
    with _quiet():
        study = _study(table, axes)
        known = _raw(study, values, axes)
        if known.sum() <= 0:
            return Missing("No axis tells the best trials from the others; there is no importance to share.")
        drawn = np.array(
            [_half(study, values, axes, draw.permutation(n)[: n // 2]) for _ in range(n_bootstrap)]
        )
        shuffled = np.array([_raw(study, draw.permutation(values), axes) for _ in range(n_bootstrap)])
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    chance = np.quantile(shuffled, 0.95, axis=0) / known.sum()
    found = [
        Share(axis.name, float(s), float(a), float(b), float(c), int(table.active(axis).sum()))
        for axis, s, a, b, c in zip(axes, known / known.sum(), low, high, chance, strict=True)
    ]
    found.sort(key=lambda share: -share.share)
    evaluator = (
        f"PED-ANOVA (Optuna's PedAnovaImportanceEvaluator) of reaching the best {math.ceil(TOP * n)} of {n} "
        f"complete trials"
    )
    return Importances(tuple(found), evaluator)


def _too_little(values: Array, axes: Sequence[Axis]) -> Missing | None:
    n = len(values)
    if n < LEAST_TRIALS:
        return Missing(f"Importance needs at least {LEAST_TRIALS} complete trials; there {_are(n)}.")
    if not axes:
        return Missing("No axis has two different values among the complete trials.")
    if np.ptp(values) == 0:
        return Missing("All complete trials have the same value, so that no axis can matter.")
    return None


def _are(n: int) -> str:
    return f"is {n}" if n == 1 else f"are {n}"


def _study(table: TrialTable, axes: Sequence[Axis]) -> Study:
    """The complete trials as a study in memory, their numbers those of the rows."""
    import optuna

    study = optuna.create_study()
    study.add_trials([_trial(part) for part in _parameters(table, axes)])
    return study


def _parameters(table: TrialTable, axes: Sequence[Axis]) -> list[dict[str, tuple[Any, BaseDistribution]]]:
    """For each complete trial its active axes with value and range."""
    rows: list[dict[str, tuple[Any, BaseDistribution]]] = [{} for _ in range(len(table.complete))]
    for axis in axes:
        active = np.flatnonzero(table.active(axis))
        values = (table.labels(axis) if axis.categorical else table.numbers(axis))[active]
        distribution = _distribution(axis, values)
        for i, value in zip(active, values, strict=True):
            rows[i][axis.name] = (int(value) if axis.kind == "int" else value, distribution)
    return rows


def _distribution(axis: Axis, values: Array) -> BaseDistribution:
    """The range of the axis, wide enough for presets outside of it."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if axis.categorical:
        return CategoricalDistribution(sorted(set(values.tolist())))
    low, high = np.fmin(axis.low, values.min()), np.fmax(axis.high, values.max())
    if axis.kind == "int":
        return IntDistribution(int(low), int(high), log=axis.log)
    return FloatDistribution(float(low), float(high), log=axis.log)


def _trial(part: Mapping[str, tuple[Any, BaseDistribution]]) -> FrozenTrial:
    from optuna.trial import create_trial

    return create_trial(
        value=0.0,
        params={name: setting for name, (setting, _) in part.items()},
        distributions={name: distribution for name, (_, distribution) in part.items()},
    )


def _half(study: Study, values: Array, axes: Sequence[Axis], rows: Array) -> Array:
    """Shares of the importance among some of the trials."""
    some = np.full(len(values), np.nan)
    some[rows] = values[rows]
    raw = _raw(study, some, axes)
    return np.asarray(raw / (raw.sum() or 1.0))


def _raw(study: Study, values: Array, axes: Sequence[Axis]) -> Array:
    """Importance of each axis for small values before it is shared out; trials with NaN are left out."""
    from optuna.importance import PedAnovaImportanceEvaluator

    evaluator = PedAnovaImportanceEvaluator(target_quantile=TOP)
    found = evaluator.evaluate(study, target=lambda trial: float(values[trial.number]))
    return np.array([found[axis.name] for axis in axes])


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the library from telling of a study in memory, its target, and regimes with a single trial."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        optuna.logging.set_verbosity(before)

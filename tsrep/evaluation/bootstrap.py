"""Confidence intervals by resampling patients, because samples of one patient are not independent.

Each resample draws as many patients as there are, with replacement; all units of a patient come along.
A resample is a vector of multiplicities, so the scores are sorted once and only reweighted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tsrep.errors import DataError
from tsrep.evaluation.arrays import Array
from tsrep.evaluation.labels.metrics import Scorer
from tsrep.evaluation.predictions import Predictions
from tsrep.rng import numpy_generator

_COLUMNS = 32  # resamples at a time: cumulative sums over some thousand units then stay in the cache


@dataclass(frozen=True)
class Interval:
    """A value and the 95 % interval around it; NaN ends where there is none."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Resampled:
    """Metrics of one method, for every seed, and their mean on bootstrap resamples.

    Attributes
    ----------
    by_seed : dict of tuples of float
        On the patients, or the steps of time, as they are.
    draws : dict of float64 arrays, shape (resample,)
        Mean over seeds on each resample; NaN where a resample leaves a metric undefined.
    """

    by_seed: dict[str, tuple[float, ...]]
    draws: dict[str, Array]

    @property
    def seeds(self) -> int:
        """Whose mean the values are."""
        return len(next(iter(self.by_seed.values())))

    @property
    def value(self) -> dict[str, float]:
        """Mean over seeds."""
        return {name: float(np.mean(values)) for name, values in self.by_seed.items()}

    @property
    def spread(self) -> dict[str, float]:
        """Standard deviation over seeds (n - 1), NaN with a single seed."""
        return {
            name: float(np.std(values, ddof=1)) if self.seeds > 1 else np.nan
            for name, values in self.by_seed.items()
        }

    def intervals(self) -> dict[str, Interval]:
        """The 95 % percentile interval of every metric."""
        value = self.value
        return {name: percentile_interval(value[name], draws) for name, draws in self.draws.items()}


def multiplicities(patients: int, n_bootstrap: int, *, seed: int = 0) -> Iterator[Array]:
    """How often each patient is drawn, some resamples at a time; the same for the same seed.

    Yields
    ------
    float64 arrays, shape (patient, resample)
        With ``resamples`` columns together.
    """
    generator = numpy_generator(seed, "bootstrap", patients)
    for at in range(0, n_bootstrap, _COLUMNS):
        columns = min(_COLUMNS, n_bootstrap - at)
        drawn = generator.integers(patients, size=(columns, patients))  # (resample, draw)
        # one count over all resamples: each has a range of numbers of its own
        drawn += np.arange(columns)[:, None] * patients
        counts = np.bincount(drawn.ravel(), minlength=columns * patients)
        yield np.ascontiguousarray(counts.reshape(columns, patients).T, np.float64)


def resample(
    predictions: Sequence[Predictions],
    *,
    n_bootstrap: int = 1000,
    seed: int = 0,
    names: Sequence[str] | None = None,
) -> Resampled:
    """All metrics on the patients as they are and on resamples of them.

    Parameters
    ----------
    predictions : sequence of Predictions
        One for each seed, of the same units in any order; the seeds' metrics are averaged inside each
        resample, so the interval is that of their mean.
    resamples : int
    seed : int
        Methods with the same patients and seed see the same resamples, so differences are paired.
    names : sequence of str, optional
        Which metrics; default: all.

    Raises
    ------
    DataError
        When there are no predictions, or the seeds have other patients.
    """
    if not predictions:
        raise DataError("there are no predictions to score; give one for each seed")
    patients = np.unique(predictions[0].patient)
    if not all(np.array_equal(patients, np.unique(other.patient)) for other in predictions):
        raise DataError(
            "predictions of different seeds are of different patients; score the same part for each seed"
        )
    # units of a patient share a weight, so whole patients are drawn and never single units
    scorers = [Scorer(p.prob, p.target, np.searchsorted(patients, p.patient), names) for p in predictions]
    once = [scorer(np.ones((len(patients), 1))) for scorer in scorers]
    return Resampled(
        {name: tuple(float(values[name][0]) for values in once) for name in once[0]},
        _mean_draws(scorers, len(patients), n_bootstrap, seed),
    )


def paired_difference(one: Resampled, two: Resampled) -> dict[str, Interval]:
    """Difference ``one - two`` on the same resamples, with its 95 % percentile interval.

    Raises
    ------
    DataError
        When the two do not have equally many resamples.
    """
    names = [name for name in one.draws if name in two.draws]
    if any(len(one.draws[name]) != len(two.draws[name]) for name in names):
        raise DataError(
            "a paired difference needs the same resamples of both methods; use one seed and number"
        )
    return {
        name: percentile_interval(one.value[name] - two.value[name], one.draws[name] - two.draws[name])
        for name in names
    }


def percentile_interval(value: float, draws: Array) -> Interval:
    """95 % percentile interval over the draws that are defined.

    The ends are NaN when fewer than half of the draws are defined: when hardly any resample has two
    classes, or when there is a single patient, of whom every resample is the same.
    """
    defined = draws[~np.isnan(draws)]
    if not len(defined) or 2 * len(defined) < len(draws):
        return Interval(value, np.nan, np.nan)
    low, high = np.quantile(defined, [0.025, 0.975])
    return Interval(value, float(low), float(high))


def _mean_draws(scorers: Sequence[Scorer], patients: int, n_bootstrap: int, seed: int) -> dict[str, Array]:
    """Mean over scorers of every metric, shape (resample,)."""
    names = scorers[0].names
    if patients < 2:  # one patient resampled is the same patient: no interval can be told
        return {name: np.full(n_bootstrap, np.nan) for name in names}
    weights = multiplicities(patients, n_bootstrap, seed=seed)
    parts = [[scorer(weight) for scorer in scorers] for weight in weights]  # some resamples at a time
    # seeds are averaged inside a resample: the interval is that of their mean
    return {
        name: np.concatenate([np.mean([v[name] for v in part], axis=0) for part in parts]) for name in names
    }

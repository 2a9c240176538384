"""Confidence intervals over patients, because samples of one patient are not independent, and over seeds.

Patients are resampled by the Bayesian bootstrap: each resample weights them by a flat Dirichlet
distribution, all units of a patient alike. No weight is zero, so that no class can vanish from a resample and
macro averages are always over the same classes. The scores are sorted once and only reweighted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import expit, stdtrit

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
    """Metrics of one method, for every seed, on the patients as they are and on bootstrap resamples.

    Attributes
    ----------
    by_seed : dict of tuples of float
        On the patients, or the steps of time, as they are.
    draws : dict of float64 arrays, shape (seed, resample)
        On each resample; NaN where a resample leaves a metric undefined.
    freedom : dict of float
        Degrees of freedom of the variance over resamples.
    over : str
        What is resampled, as intervals say it: ``"patients"``.
    shares : bool
        Whether the metrics lie between 0 and 1, and their intervals too.
    """

    by_seed: dict[str, tuple[float, ...]]
    draws: dict[str, Array]
    freedom: dict[str, float]
    over: str = "patients"
    shares: bool = True

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

    def covers(self, seeds: str) -> str:
        """What the intervals cover: ``"patients"``, or ``"patients and training seeds"`` of several."""
        return f"{self.over} and {seeds}" if self.seeds > 1 else self.over

    def averaged(self, size: int) -> Resampled:
        """Means over every ``size`` seeds that follow each other, such as the label draws of an encoder."""
        by_seed = {name: np.reshape(values, (-1, size)).mean(axis=1) for name, values in self.by_seed.items()}
        draws = {name: d.reshape(-1, size, d.shape[1]).mean(axis=1) for name, d in self.draws.items()}
        return replace(self, by_seed={name: tuple(v.tolist()) for name, v in by_seed.items()}, draws=draws)

    def across(self, size: int) -> Resampled:
        """Means over all groups of ``size`` seeds, such as of each draw of labels over encoders."""
        by_seed = {name: np.reshape(values, (-1, size)).mean(axis=0) for name, values in self.by_seed.items()}
        draws = {name: d.reshape(-1, size, d.shape[1]).mean(axis=0) for name, d in self.draws.items()}
        return replace(self, by_seed={name: tuple(v.tolist()) for name, v in by_seed.items()}, draws=draws)

    def intervals(self, crossed: Resampled | None = None) -> dict[str, Interval]:
        """The 95 % interval of every metric, over what is resampled and, with several, over seeds.

        Parameters
        ----------
        crossed : Resampled, optional
            The same by another kind of seed that every one of these was combined with.
        """
        form, found = share_interval if self.shares else symmetric_interval, {}
        for name in self.draws:
            variance = self.variance(name)
            if crossed is not None:
                variance = variance.plus(crossed.variance(name).seeds, crossed.seeds - 1)
            found[name] = form(self.value[name], variance)
        return found

    def variance(self, name: str) -> Variance:
        """Of the mean over seeds of a metric."""
        rows = np.array(self.by_seed[name])
        return variance_of_mean(rows, self.draws[name], self.freedom[name], share=1 / len(rows))


@dataclass(frozen=True)
class Variance:
    """Variance of a mean over seeds, by where it comes from.

    Attributes
    ----------
    resampled : float
        Over patients, or blocks of time; NaN where it cannot be told.
    seeds : float
        What the seeds add: zero with one seed, or where they differ no more than patients make them differ.
    freedom : float
        Degrees of freedom of the sum.
    """

    resampled: float
    seeds: float
    freedom: float

    def plus(self, seeds: float, freedom: float) -> Variance:
        """With the variance that another kind of seed adds."""
        if not seeds > 0:
            return self
        before = self.resampled + self.seeds
        found = (before + seeds) ** 2 / (before**2 / self.freedom + seeds**2 / freedom)
        return Variance(self.resampled, self.seeds + seeds, found)

    @property
    def margin(self) -> float:
        """Half the width of a 95 % interval by Student's t distribution."""
        return float(stdtrit(self.freedom, 0.975) * np.sqrt(self.resampled + self.seeds))


def variance_of_mean(rows: Array, draws: Array, freedom: float, *, share: float) -> Variance:
    """Variance over patients and seeds.

    Parameters
    ----------
    rows : float64 array, shape (seed,)
        A metric, or a difference of two, on the patients as they are.
    draws : float64 array, shape (seed, resample)
        The same on resamples of the patients.
    freedom : float
        Degrees of freedom of the variance over resamples.
    share : float
        Of the variance between seeds that counts: ``1 / seeds`` for their mean, ``1 + 1 / seeds`` for one
        more of their kind against their mean.

    Notes
    -----
    Seeds differ also because each errs on other patients. The bootstrap holds that part already, so that it
    is taken off the variance between seeds, down to zero. The degrees of freedom are those of Satterthwaite.

    References
    ----------
    Satterthwaite, "An approximate distribution of estimates of variance components", Biometrics Bulletin 2,
    1946, equation 17.
    """
    moved = draws - rows[:, None]  # (seed, resample)
    moved = moved[:, ~np.isnan(moved).any(axis=0)]
    if 2 * moved.shape[1] < draws.shape[1] or moved.shape[1] < 2:
        return Variance(np.nan, np.nan, np.nan)
    resampled = float(moved.mean(axis=0).var(ddof=1))
    if len(rows) < 2:
        return Variance(resampled, 0.0, freedom)
    between = share * float(rows.var(ddof=1))
    added = between - share * float(moved.var(axis=0, ddof=1).mean())
    if added <= 0:
        return Variance(resampled, 0.0, freedom)
    found = (resampled + added) ** 2 / (resampled**2 / freedom + between**2 / (len(rows) - 1))
    return Variance(resampled, added, max(found, len(rows) - 1.0))


def share_interval(value: float, variance: Variance) -> Interval:
    """Interval of a metric between 0 and 1, symmetric on the scale of the logit.

    Near its ends a share scatters towards the middle, which a symmetric interval does not see.

    References
    ----------
    Pepe, "The Statistical Evaluation of Medical Tests for Classification and Prediction", 2003, section 5.2.
    """
    if np.isnan(variance.margin) or not 0 < value < 1:
        found = symmetric_interval(value, variance)
        return Interval(value, *np.clip([found.low, found.high], 0.0, 1.0).tolist())
    middle, margin = np.log(value / (1 - value)), variance.margin / (value * (1 - value))
    low, high = expit([middle - margin, middle + margin])
    return Interval(value, min(float(low), value), max(float(high), value))


def symmetric_interval(value: float, variance: Variance) -> Interval:
    """The value and the margin to both sides of it."""
    return Interval(value, value - variance.margin, value + variance.margin)


def patient_weights(patients: int, n_bootstrap: int, *, seed: int = 0) -> Iterator[Array]:
    """Weight of each patient, some resamples at a time; the same for the same seed.

    Yields
    ------
    float64 arrays, shape (patient, resample)
        Positive, each column with the sum ``patients``; ``n_bootstrap`` columns together.

    References
    ----------
    Rubin, "The Bayesian bootstrap", Annals of Statistics 9, 1981.
    """
    generator = numpy_generator(seed, "bootstrap", patients)
    for at in range(0, n_bootstrap, _COLUMNS):
        weight = generator.standard_exponential((patients, min(_COLUMNS, n_bootstrap - at)))
        weight *= patients / weight.sum(axis=0)
        yield weight


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
        One for each seed, of the same units in any order.
    n_bootstrap : int
        Bootstrap resamples.
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
        _draws(scorers, len(patients), n_bootstrap, seed),
        scorers[0].freedom,
    )


def _draws(scorers: Sequence[Scorer], patients: int, n_bootstrap: int, seed: int) -> dict[str, Array]:
    """Every metric of every scorer, shape (seed, resample)."""
    names = scorers[0].names
    if patients < 2:  # one patient resampled is the same patient: no interval can be told
        return {name: np.full((len(scorers), n_bootstrap), np.nan) for name in names}
    weights = patient_weights(patients, n_bootstrap, seed=seed)
    parts = [[scorer.resampled(weight) for scorer in scorers] for weight in weights]
    return {
        name: np.concatenate([np.stack([v[name] for v in part]) for part in parts], axis=1) for name in names
    }

"""Confidence intervals over patients, because samples of one patient are not independent, and over seeds.

Patients are resampled by the Bayesian bootstrap: each resample weights them by a flat Dirichlet
distribution, all units of a patient alike. No weight is zero, so that no class can vanish from a resample and
macro averages are always over the same classes. The scores are sorted once and only reweighted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from scipy.special import expit, stdtrit

from tsrep.errors import DataError
from tsrep.evaluation.arrays import Array
from tsrep.evaluation.labels.metrics import Scorer
from tsrep.evaluation.predictions import Predictions
from tsrep.rng import numpy_generator

LABEL_DRAWS = "label draws"
_LARGEST = 50.0  # logarithm of a factor, beyond which nothing is known
_COLUMNS = 32  # resamples at a time: cumulative sums over some thousand units then stay in the cache


@dataclass(frozen=True)
class Interval:
    """A value and the 95 % interval around it; NaN ends where there is none."""

    value: float
    low: float
    high: float


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

    @property
    def margin(self) -> float:
        """Half the width of a 95 % interval by Student's t distribution."""
        return float(stdtrit(self.freedom, 0.975) * np.sqrt(self.resampled + self.seeds))


@dataclass(frozen=True)
class Between:
    """What one kind of seed adds to the variance of a mean.

    Attributes
    ----------
    seen : float
        Variance that their spread gives the mean.
    added : float
        The part of it that patients do not explain.
    freedom : int
        Degrees of freedom.
    """

    seen: float
    added: float
    freedom: int


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


def distance_interval(value: float, variance: Variance) -> Interval:
    """Interval of a mean distance between 0 and 1, such as a calibration error; none where it is near zero.

    A distance is folded at zero: resamples of one that vanishes only move away from it. Where the margin is
    more than twice the value, the scale of the logit is no approximation of that any more.
    """
    if variance.margin > 2 * value:
        return Interval(value, np.nan, np.nan)
    return share_interval(value, variance)


def symmetric_interval(value: float, variance: Variance) -> Interval:
    """The value and the margin to both sides of it."""
    return Interval(value, value - variance.margin, value + variance.margin)


def positive_interval(value: float, variance: Variance) -> Interval:
    """Interval of a positive mean, such as that of errors, symmetric on the scale of the logarithm."""
    if np.isnan(variance.margin) or value <= 0:
        return symmetric_interval(value, variance)
    factor = np.exp(min(variance.margin / value, _LARGEST))
    return Interval(value, float(value / factor), float(value * factor))


def correlation_interval(value: float, variance: Variance) -> Interval:
    """Interval of a correlation, symmetric on Fisher's scale ``artanh r``."""
    if np.isnan(variance.margin) or not -1 < value < 1:
        found = symmetric_interval(value, variance)
        return Interval(value, *np.clip([found.low, found.high], -1.0, 1.0).tolist())
    middle, margin = np.arctanh(value), variance.margin / (1 - value**2)
    return Interval(value, float(np.tanh(middle - margin)), float(np.tanh(middle + margin)))


def explained_interval(value: float, variance: Variance) -> Interval:
    """Interval of an explained share, which has no lower end, symmetric in the logarithm of what is left."""
    left = positive_interval(1 - value, variance)
    return Interval(value, 1 - left.high, 1 - left.low)


FORMS: Mapping[str, Callable[[float, Variance], Interval]] = {
    "ece": distance_interval,  # a mean distance
    "r2": explained_interval,
    "pearson": correlation_interval,
    "slope": symmetric_interval,
    "bias": symmetric_interval,
}


class Weighable(Protocol):
    """Metrics of fixed predictions of units, which share the weight of their patient."""

    @property
    def names(self) -> Sequence[str]:
        """Of the metrics."""

    @property
    def freedom(self) -> dict[str, float]:
        """Degrees of freedom of the variance of each metric over patients."""

    def __call__(self, weight: Array) -> dict[str, Array]:
        """Every metric for weights of shape (patient, weighting), shape (weighting,)."""

    def resampled(self, weight: Array) -> dict[str, Array]:
        """The same, spread as over new patients."""


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
    form : callable
        Of the interval of a metric around its value: :func:`share_interval`, :func:`positive_interval`.
    finer : dict of float64 arrays, shape (seed, resample)
        Of resamples of blocks of time: the same with blocks a third as long. What these miss of the variance
        tells what the longer ones miss. Empty where what is resampled is independent.
    by_draw : Resampled, optional
        The mean over seeds for each draw of labels, where every seed was scored on all draws; without it each
        seed has a draw of its own.
    """

    by_seed: dict[str, tuple[float, ...]]
    draws: dict[str, Array]
    freedom: dict[str, float]
    over: str = "patients"
    form: Callable[[float, Variance], Interval] = share_interval
    finer: dict[str, Array] = field(default_factory=dict)
    by_draw: Resampled | None = None

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
        draws = [LABEL_DRAWS] if self.by_draw is not None and self.by_draw.seeds > 1 else []
        *kinds, last = [self.over, *[seeds] * (self.seeds > 1), *draws]
        return f"{', '.join(kinds)} and {last}" if kinds else last

    def averaged(self, size: int) -> Resampled:
        """Means over every ``size`` seeds that follow each other."""
        return self._mean_over(size, axis=1)

    def crossed(self, size: int) -> Resampled:
        """Every ``size`` seeds that follow each other are one encoder on each of the draws of labels."""
        return replace(self.averaged(size), by_draw=self._mean_over(size, axis=0))

    def _mean_over(self, size: int, *, axis: int) -> Resampled:
        by_seed = {
            name: tuple(np.reshape(values, (-1, size)).mean(axis=axis).tolist())
            for name, values in self.by_seed.items()
        }
        draws, finer = (
            {name: d.reshape(-1, size, d.shape[1]).mean(axis=axis) for name, d in of.items()}
            for of in (self.draws, self.finer)
        )
        return replace(self, by_seed=by_seed, draws=draws, finer=finer)

    def intervals(self) -> dict[str, Interval]:
        """The 95 % interval of every metric, over what is resampled, seeds and draws of labels."""
        return {
            name: FORMS.get(name, self.form)(self.value[name], self.variance(name)) for name in self.draws
        }

    def variance(self, name: str) -> Variance:
        """Of the mean over seeds of a metric."""
        return total_variance(
            self.mean_variance(name),
            self.freedom[name],
            [each.between(name) for each in (self, self.by_draw) if each is not None],
        )

    def mean_variance(self, name: str) -> float:
        """Variance of the mean over seeds that what is resampled makes."""
        return self._moments(name)[0]

    def between(self, name: str) -> Between:
        """What the seeds, or the draws of labels, add to the variance of their mean."""
        return between_seeds(np.array(self.by_seed[name]), self._moments(name)[1])

    def _moments(self, name: str) -> tuple[float, float]:
        rows = np.array(self.by_seed[name])
        return resampled_variances(rows, self.draws[name], self.finer.get(name))


def variance_of_mean(
    rows: Array, draws: Array, freedom: float, *, share: float, finer: Array | None = None
) -> Variance:
    """Variance over patients or blocks of time, and over seeds.

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
    finer : float64 array, shape (seed, resample), optional
        Draws of blocks a third as long, see :class:`Resampled`.
    """
    resampled, each = resampled_variances(rows, draws, finer)
    return total_variance(resampled, freedom, [between_seeds(rows, each, share)])


def between_seeds(rows: Array, each: float, share: float | None = None) -> Between:
    """What seeds add to the variance of their mean, or of one more of them against it.

    Seeds differ also because each errs on other patients. The bootstrap of the mean holds that part already,
    so that it is taken off the variance between seeds, down to zero.

    Parameters
    ----------
    rows : float64 array, shape (seed,)
    each : float
        Variance between seeds that patients make.
    share : float, optional
        See :func:`variance_of_mean`; by default ``1 / seeds``.
    """
    n = len(rows)
    share = share or 1 / n
    if n < 2:  # nothing tells how far one more would be from it
        return Between(*2 * (np.nan if share > 1 else 0.0,), 1)
    seen = share * float(rows.var(ddof=1))
    return Between(seen, max(seen - share * each, 0.0), n - 1)


def total_variance(resampled: float, freedom: float, kinds: Sequence[Between]) -> Variance:
    """Variance over patients, and what each kind of seed adds, with Satterthwaite's degrees of freedom.

    References
    ----------
    Satterthwaite, "An approximate distribution of estimates of variance components", Biometrics Bulletin 2,
    1946, equation 17.
    """
    if np.isnan(resampled):
        return Variance(np.nan, np.nan, np.nan)
    counted = [kind for kind in kinds if kind.added != 0]
    if not counted:
        return Variance(resampled, 0.0, freedom)
    added = sum(kind.added for kind in counted)
    uncertain = resampled**2 / freedom + sum(kind.seen**2 / kind.freedom for kind in counted)
    found = (resampled + added) ** 2 / uncertain
    return Variance(resampled, added, max(found, min(kind.freedom for kind in counted)))


def resampled_variances(rows: Array, draws: Array, finer: Array | None = None) -> tuple[float, float]:
    """Over resamples: of the mean over seeds, and of how the seeds differ at the same resample.

    Blocks of time cut dependence at their ends, which makes the variance too small. With blocks a third as
    long it is smaller; the difference is added once more (the lugsail window of a spectral density).

    Parameters
    ----------
    rows, draws, finer
        See :func:`variance_of_mean`.

    References
    ----------
    Vats & Flegal, "Lugsail lag windows for estimating time-average covariance matrices", Biometrika 109,
    2022, equation 5 (r = 3, c = 1/2).
    """
    moved = draws - rows[:, None]  # (seed, resample)
    moved = moved[:, ~np.isnan(moved).any(axis=0)]
    if 2 * moved.shape[1] < draws.shape[1] or moved.shape[1] < 2:
        return np.nan, np.nan
    found = np.array(
        [moved.mean(axis=0).var(ddof=1), moved.var(axis=0, ddof=1).mean() if len(rows) > 1 else 0]
    )
    if finer is not None:
        found = np.maximum(found, 2 * found - resampled_variances(rows, finer))
    return float(found[0]), float(found[1])


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
    scorers = [
        Scorer(p.prob, p.target, np.searchsorted(patients, p.patient), names, p.known) for p in predictions
    ]
    return resampled_by(scorers, len(patients), n_bootstrap=n_bootstrap, seed=seed)


def resampled_by(
    scorers: Sequence[Weighable],
    patients: int,
    *,
    n_bootstrap: int,
    seed: int,
    form: Callable[[float, Variance], Interval] = share_interval,
) -> Resampled:
    """Metrics of each seed on the patients as they are and on resamples of them.

    Units of a patient share a weight, so whole patients are drawn and never single units.
    """
    once = [scorer(np.ones((patients, 1))) for scorer in scorers]
    return Resampled(
        {name: tuple(float(values[name][0]) for values in once) for name in once[0]},
        _draws(scorers, patients, n_bootstrap, seed),
        scorers[0].freedom,
        form=form,
    )


def _draws(scorers: Sequence[Weighable], patients: int, n_bootstrap: int, seed: int) -> dict[str, Array]:
    """Every metric of every scorer, shape (seed, resample)."""
    names = scorers[0].names
    if patients < 2:  # one patient resampled is the same patient: no interval can be told
        return {name: np.full((len(scorers), n_bootstrap), np.nan) for name in names}
    weights = patient_weights(patients, n_bootstrap, seed=seed)
    parts = [[scorer.resampled(weight) for scorer in scorers] for weight in weights]
    return {
        name: np.concatenate([np.stack([v[name] for v in part]) for part in parts], axis=1) for name in names
    }

"""Metrics on resamples of patients, all units of a patient with one weight."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import numpy as np

from tsrep.errors import DataError
from tsrep.evaluation.arrays import Array
from tsrep.evaluation.bootstrap.intervals import Interval, share_interval
from tsrep.evaluation.bootstrap.resampled import Resampled
from tsrep.evaluation.bootstrap.variance import Variance
from tsrep.evaluation.labels.credit import Credit
from tsrep.evaluation.labels.metrics import Scorer
from tsrep.evaluation.predictions import Predictions
from tsrep.rng import numpy_generator

_DRAWN, _TOGETHER = 32, 8  # resamples that are drawn together, and how often that for one block
_BYTES = 64 << 20  # of a block, at most


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
    drawn = [min(_DRAWN, n_bootstrap - at) for at in range(0, n_bootstrap, _DRAWN)]
    together = min(_TOGETHER, max(1, _BYTES // (8 * _DRAWN * patients)))
    for first in range(0, len(drawn), together):
        shapes = [(patients, columns) for columns in drawn[first : first + together]]
        weight = np.concatenate([generator.standard_exponential(shape) for shape in shapes], axis=1)
        weight *= patients / weight.sum(axis=0)
        yield weight


def resample(
    predictions: Sequence[Predictions],
    *,
    n_bootstrap: int = 1000,
    seed: int = 0,
    names: Sequence[str] | None = None,
    credit: Credit | None = None,
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
    credit : Credit, optional
        Whose metric is added.

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
        Scorer(p.prob, p.target, np.searchsorted(patients, p.patient), names, p.known, credit)
        for p in predictions
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

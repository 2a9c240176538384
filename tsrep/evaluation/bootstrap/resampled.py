"""Metrics of one method on resamples, and the intervals over resamples and seeds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from tsrep.evaluation.arrays import Array
from tsrep.evaluation.bootstrap.intervals import FORMS, Interval, share_interval
from tsrep.evaluation.bootstrap.variance import (
    Between,
    Variance,
    between_seeds,
    resampled_variances,
    total_variance,
)

LABEL_DRAWS = "label draws"


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
        return self.moments(name)[0]

    def between(self, name: str, share: float | None = None) -> Between:
        """What the seeds, or the draws of labels, add to a variance; see :func:`between_seeds`."""
        return between_seeds(np.array(self.by_seed[name]), self.moments(name)[1], share)

    def moments(self, name: str) -> tuple[float, float]:
        """Variance that what is resampled makes: of the mean over seeds, and of one seed around it."""
        rows = np.array(self.by_seed[name])
        return resampled_variances(rows, self.draws[name], self.finer.get(name))

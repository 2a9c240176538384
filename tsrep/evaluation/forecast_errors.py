"""Errors of forecasts, kept by origin, by step ahead and by channel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsrep.evaluation.block_bootstrap import block_count, block_starts, block_sums
from tsrep.evaluation.bootstrap import Resampled
from tsrep.evaluation.forecast_rows import blocks, future, origins
from tsrep.signals.series import Span

Array = NDArray[Any]
Forecast = Callable[[int, Array], Array]  # (instance, steps) -> (row, horizon, channel)


@dataclass(frozen=True, eq=False)
class Errors:
    """Sums of errors over the targets that are there.

    Attributes
    ----------
    by_origin : array, shape (origin, 3)
        Squared errors, absolute errors and number of targets of each step forecast from, over all instances,
        steps ahead and channels.
    squared, count : arrays, shape (horizon, channel)
        Squared errors and number of targets, over all instances and origins.
    """

    by_origin: Array
    squared: Array
    count: Array

    @property
    def mse(self) -> float:
        """Mean squared error; NaN without any target."""
        return _ratio(self.by_origin[:, 0].sum(), self.by_origin[:, 2].sum())

    @property
    def mae(self) -> float:
        """Mean absolute error."""
        return _ratio(self.by_origin[:, 1].sum(), self.by_origin[:, 2].sum())

    @property
    def per_step(self) -> Array:
        """Mean squared error of each step ahead, shape (horizon,)."""
        return _mean(self.squared, self.count, axis=1)

    @property
    def per_channel(self) -> Array:
        """Mean squared error of each channel, shape (channel,)."""
        return _mean(self.squared, self.count, axis=0)


def measure(forecast: Forecast, values: Sequence[Array], span: Span, horizon: int) -> Errors:
    """Errors of the forecasts from every step of a stretch whose targets lie inside it.

    Parameters
    ----------
    forecast : callable
        Of an instance's number and steps: predictions, shape (row, horizon, channel).
    values : sequence of arrays, shape (channel, time)
        Of each instance; NaN targets count nowhere.
    span : (int, int)
    horizon : int
    """
    steps, channels = origins(span, horizon), len(values[0])
    by_origin = np.zeros((len(steps), 3))
    squared, count = np.zeros((horizon, channels)), np.zeros((horizon, channels))
    for instance, part in blocks([steps] * len(values), horizon * channels):
        target = future(values[instance], part, horizon)
        error, there = forecast(instance, part) - target, ~np.isnan(target)
        error[~there] = 0
        square = error**2
        squared += square.sum(axis=0)
        count += there.sum(axis=0)
        sums = square, np.abs(error), there
        by_origin[part - steps[0]] += np.stack([each.sum(axis=(1, 2)) for each in sums], axis=1)
    return Errors(by_origin, squared, count)


def beside(parts: Sequence[Errors]) -> Errors:
    """Errors of forecasts of different channels, together."""
    return Errors(
        np.sum([part.by_origin for part in parts], axis=0),
        np.concatenate([part.squared for part in parts], axis=1),
        np.concatenate([part.count for part in parts], axis=1),
    )


def over_seeds(parts: Sequence[Errors]) -> Errors:
    """Mean errors of the same forecasts by several seeds."""
    return Errors(
        np.mean([part.by_origin for part in parts], axis=0),
        np.mean([part.squared for part in parts], axis=0),
        parts[0].count,
    )


def resample_blocks(parts: Sequence[Errors], length: int, resamples: int, *, seed: int = 0) -> Resampled:
    """Mean squared and absolute error on resamples of blocks of origins.

    Parameters
    ----------
    parts : sequence of Errors
        One for each seed; they are averaged before resampling.
    length : int
        Origins of a block.
    resamples, seed : int
        Methods with the same origins and seed see the same resamples, so differences are paired.

    Notes
    -----
    With fewer than two blocks there is nothing to resample, and the draws are NaN.
    """
    mean = over_seeds(parts)
    n = len(mean.by_origin)
    draws = np.full((resamples, 3), np.nan)
    if block_count(n, length) > 1:
        draws = block_sums(mean.by_origin, block_starts(n, length, resamples, seed=seed), length)
    count = np.where(draws[:, 2] > 0, draws[:, 2], np.nan)
    per_seed = {"mse": [p.mse for p in parts], "mae": [p.mae for p in parts]}
    return Resampled(
        {"mse": mean.mse, "mae": mean.mae},
        {"mse": draws[:, 0] / count, "mae": draws[:, 1] / count},
        {name: float(np.std(v, ddof=1)) if len(v) > 1 else np.nan for name, v in per_seed.items()},
    )


def _ratio(total: float, count: float) -> float:
    return float(total / count) if count else np.nan


def _mean(total: Array, count: Array, axis: int) -> Array:
    n = count.sum(axis=axis)
    mean: Array = total.sum(axis=axis) / np.where(n > 0, n, np.nan)
    return mean

"""Errors of forecasts, kept by origin, by step ahead and by channel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tsrep.evaluation.arrays import Array
from tsrep.evaluation.block_bootstrap import block_count, block_starts, block_sums
from tsrep.evaluation.bootstrap import Resampled
from tsrep.evaluation.forecasts.rows import blocks, future, origins
from tsrep.signals.series import Span

Forecast = Callable[[int, Array], Array]  # (instance, steps) -> (row, horizon, channel)


@dataclass(frozen=True, eq=False)
class Errors:
    """Sums of errors over the targets that are there.

    Attributes
    ----------
    by_origin : array, shape (origin, 5)
        Of each step forecast from, over all instances, steps ahead and channels: squared errors, absolute
        errors, number of targets; absolute errors over their channel's scale, number of targets with one.
    squared, count : arrays, shape (horizon, channel)
        Squared errors and number of targets, over all instances and origins.
    """

    by_origin: Array
    squared: Array
    count: Array

    @property
    def mse(self) -> float:
        """Mean squared error; NaN without any target."""
        return self.means["mse"]

    @property
    def mae(self) -> float:
        """Mean absolute error."""
        return self.means["mae"]

    @property
    def means(self) -> dict[str, float]:
        """The three mean errors by name; the scaled one is NaN where no channel has a scale."""
        return {name: float(value) for name, value in _means(self.by_origin.sum(axis=0)).items()}

    @property
    def per_step(self) -> Array:
        """Mean squared error of each step ahead, shape (horizon,)."""
        return _mean(self.squared, self.count, axis=1)

    @property
    def per_channel(self) -> Array:
        """Mean squared error of each channel, shape (channel,)."""
        return _mean(self.squared, self.count, axis=0)


def naive_scales(values: Sequence[Array], train: Span, period: int) -> list[Array]:
    """What absolute errors of a channel are divided by: the mean absolute change over a season in training.

    Parameters
    ----------
    values : sequence of arrays, shape (channel, time)
        Of each instance; changes from or to a missing value do not count.
    train : (int, int)
    period : int
        In steps; 1 where there is no season.

    Returns
    -------
    list of float64 arrays, shape (channel,)
        NaN for channels that never change, or have nothing to compare: they have no scale.

    References
    ----------
    Hyndman & Koehler, "Another look at measures of forecast accuracy", International Journal of Forecasting
    22, 2006 (mean absolute scaled error), with the seasonal naive forecast in the place of the naive one.
    """
    scales = []
    for each in values:
        part = each[:, slice(*train)].astype(np.float64)
        change = np.abs(part[:, period:] - part[:, :-period])
        there = ~np.isnan(change)
        mean = _mean(np.where(there, change, 0), there, axis=1)
        scales.append(np.where(mean > 0, mean, np.nan))
    return scales


def measure(
    forecast: Forecast, values: Sequence[Array], span: Span, horizon: int, scales: Sequence[Array]
) -> Errors:
    """Errors of the forecasts from every step of a span whose targets lie inside it.

    Parameters
    ----------
    forecast : callable
        Of an instance's number and steps: predictions, shape (row, horizon, channel).
    values : sequence of arrays, shape (channel, time)
        Of each instance; NaN targets count nowhere.
    span : (int, int)
    horizon : int
    scales : sequence of arrays, shape (channel,)
        Of each instance, see :func:`naive_scales`.
    """
    steps, channels = origins(span, horizon), len(values[0])
    by_origin = np.zeros((len(steps), 5))
    squared, count = np.zeros((horizon, channels)), np.zeros((horizon, channels))
    for instance, part in blocks([steps] * len(values), horizon * channels):
        target = future(values[instance], part, horizon)
        error, there = forecast(instance, part) - target, ~np.isnan(target)
        error[~there] = 0
        square = error**2
        squared += square.sum(axis=0)
        count += there.sum(axis=0)
        by_channel = np.abs(error).sum(axis=1), there.sum(axis=1)  # (row, channel)
        scaled = ~np.isnan(scales[instance])
        sums = (
            square.sum(axis=(1, 2)),
            *(each.sum(axis=1) for each in by_channel),
            by_channel[0][:, scaled] @ (1 / scales[instance][scaled]),
            by_channel[1][:, scaled].sum(axis=1),
        )
        by_origin[part - steps[0]] += np.stack(sums, axis=1)
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


def resample_blocks(parts: Sequence[Errors], length: int, n_bootstrap: int, *, seed: int = 0) -> Resampled:
    """Mean errors of every seed on resamples of blocks of origins.

    Parameters
    ----------
    parts : sequence of Errors
        One for each seed.
    length : int
        Origins of a block.
    resamples, seed : int
        Methods with the same origins and seed see the same resamples, so differences are paired.

    Notes
    -----
    With fewer than two blocks there is nothing to resample, and the draws are NaN.
    """
    n = len(parts[0].by_origin)
    draws = np.full((len(parts), n_bootstrap, 5), np.nan)
    blocks = block_count(n, length)
    if blocks > 1:
        starts = block_starts(n, length, n_bootstrap, seed=seed)
        draws = np.stack([block_sums(part.by_origin, starts, length) for part in parts])
    return Resampled(
        {name: tuple(p.means[name] for p in parts) for name in parts[0].means},
        _means(draws),
        dict.fromkeys(parts[0].means, float(max(blocks - 1, 1))),
        over="blocks of time",
        shares=False,
    )


def _means(sums: Array) -> dict[str, Array]:
    """Mean errors out of sums, shape (..., 5), of :attr:`Errors.by_origin`; NaN without any target."""
    count, scaled = (np.where(sums[..., i] > 0, sums[..., i], np.nan) for i in (2, 4))
    return {"mse": sums[..., 0] / count, "mae": sums[..., 1] / count, "mase": sums[..., 3] / scaled}


def _mean(total: Array, count: Array, axis: int) -> Array:
    n = count.sum(axis=axis)
    mean: Array = total.sum(axis=axis) / np.where(n > 0, n, np.nan)
    return mean

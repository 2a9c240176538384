"""Forecasts that need no representation: the rows every table shows beside the learned ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from tsrep.evaluation.arrays import Array
from tsrep.evaluation.forecasts.errors import Forecast
from tsrep.evaluation.forecasts.ridge import FrozenFeatures
from tsrep.signals.series import Span

REPEAT_LAST, SEASONAL_NAIVE, RIDGE_NLINEAR = "repeat-last", "seasonal-naive", "ridge-nlinear"
BASELINES = (REPEAT_LAST, SEASONAL_NAIVE, RIDGE_NLINEAR)
LOOKBACK = 336


def filled(values: Array, train: Span, period: int = 1) -> Array:
    """Values with every gap filled from the step one period earlier, then from the step before.

    Gaps at the start become the channel's mean over the training part, 0 where it has no value at all.

    Parameters
    ----------
    values : array, shape (channel, time)
    train : (int, int)
    period : int
        In steps.

    Returns
    -------
    float64 array, shape (channel, time)
    """
    values = values.astype(np.float64)
    channels, time = values.shape
    padded = np.pad(values, ((0, 0), (0, -time % period)), constant_values=np.nan)
    seasons = _carried(padded.reshape(channels, -1, period), axis=1)
    full = _carried(seasons.reshape(channels, -1)[:, :time], axis=1)
    known = np.isfinite(values[:, slice(*train)])
    total = np.where(known, values[:, slice(*train)], 0).sum(axis=1)
    return np.where(np.isnan(full), (total / np.maximum(known.sum(axis=1), 1))[:, None], full)


def seasonal_naive(values: Sequence[Array], train: Span, horizon: int, period: int) -> Forecast:
    """The last season again and again.

    Parameters
    ----------
    values : sequence of arrays, shape (channel, time)
    train : (int, int)
        For values before the first one there is.
    horizon, period : int
        In steps; no step before ``period - 1`` may be forecast from.
    """
    series = [filled(each, train, period) for each in values]
    back = 1 + np.arange(horizon) % period - period

    def forecast(instance: int, steps: Array) -> Array:
        ahead: Array = series[instance][:, steps[:, None] + back]
        return ahead.transpose(1, 2, 0)

    return forecast


def last_values(values: Sequence[Array], train: Span, lookback: int) -> FrozenFeatures:
    """The last ``lookback`` values of a channel relative to the last one, with which ridge-nlinear forecasts.

    References
    ----------
    Zeng et al., "Are Transformers Effective for Time Series Forecasting?", AAAI 2023 (NLinear, one map for
    all channels), here in closed form with a ridge penalty and without an intercept, which would carry the
    drift of the training part on.
    """
    series = [filled(each, train) for each in values]

    def windows(instance: int, channel: int | None, steps: Array) -> Array:
        window: Array = sliding_window_view(series[instance][channel or 0], lookback)[steps - lookback + 1]
        return window[:, :-1] - window[:, -1:]

    def last(instance: int, channel: int | None, steps: Array) -> Array:
        values: Array = series[instance][channel or 0][steps]
        return values[:, None]

    return FrozenFeatures(windows, base=last, intercept=False)


def _carried(values: Array, axis: int) -> Array:
    """Each NaN replaced by what comes before it along the axis."""
    shape = [1] * values.ndim
    shape[axis] = values.shape[axis]
    index = np.where(np.isnan(values), 0, np.arange(values.shape[axis]).reshape(shape))
    return np.take_along_axis(values, np.maximum.accumulate(index, axis=axis), axis=axis)

"""Forecasts that are refused in one sentence where they cannot be scored."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tsrep.errors import DataError
from tsrep.evaluation.arrays import Array
from tsrep.evaluation.forecasts.errors import Forecast
from tsrep.signals.series import Series


def checked(forecast: Forecast, instances: Sequence[Series], horizon: int, name: str) -> Forecast:
    """The same forecasts in float64, refused when they have another shape or are not finite.

    Parameters
    ----------
    forecast : callable
        Of an instance's number and steps: predictions, shape (row, horizon, channel).
    instances : sequence of Series
    horizon : int
    name : str
        Of the method, for the message.

    Returns
    -------
    callable
        Raises DataError when it is called.
    """
    channels = len(instances[0].channels)

    def finite(instance: int, steps: Array) -> Array:
        ahead = np.asarray(forecast(instance, steps), np.float64)
        if ahead.shape != (len(steps), horizon, channels):
            raise DataError(
                f"forecasts by {name} have shape {ahead.shape}, not ({len(steps)}, {horizon}, {channels}) "
                "of steps forecast from, steps ahead and channels"
            )
        good = np.isfinite(ahead)
        if not good.all():
            row, later, channel = map(int, np.argwhere(~good)[0])
            series, step = instances[instance], int(steps[row])
            raise DataError(
                f"{name} forecasts {series.channels[channel]} from step {step} ({series.time[step]}) by a "
                f"value that is not finite {later + 1} steps ahead; fill the gaps of the series or check "
                "that training converged"
            )
        return ahead

    return finite

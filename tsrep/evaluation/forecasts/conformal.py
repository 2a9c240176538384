"""Prediction intervals around forecasts by split-conformal calibration.

The errors of a forecaster on a part of a series that it was not trained on tell how far the truth lies from
its forecasts. For each channel and step ahead the interval is the forecast plus and minus a quantile of the
absolute errors there, a little above the nominal level to make up for their finite number.

Were the windows exchangeable with those to come, the intervals would cover the truth at least as often as
they say. They are not: neighbouring windows overlap, so that there are far fewer independent errors than
windows, and series drift, so that later errors may be larger. Coverage is therefore approximate, and holds
for each step ahead by itself, not for a whole path; show the measured one, of
:mod:`tsrep.evaluation.forecasts.coverage`, beside the nominal level. A forecaster whose weights were chosen
on the same part has errors there that are a little too small.

References
----------
Papadopoulos et al., "Inductive confidence machines for regression", ECML 2002; Stankeviciute et al.,
"Conformal time-series forecasting", NeurIPS 2021, here without the correction for all steps at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tsrep.array_files import read_arrays, write_arrays
from tsrep.errors import ConfigError, DataError
from tsrep.evaluation.arrays import Array
from tsrep.evaluation.forecasts.checks import checked
from tsrep.evaluation.forecasts.errors import Forecast
from tsrep.evaluation.forecasts.rows import blocks, future, origins
from tsrep.reading import readable, refuse_other_format
from tsrep.signals.series import Series, Span

LEVELS = (0.5, 0.8, 0.9, 0.95)
_CELLS = 2**26  # errors of an instance held in memory
_FORMAT = "tsrep.conformal/1"


@dataclass(frozen=True, eq=False)
class Conformal:
    """Half widths of prediction intervals.

    Attributes
    ----------
    levels : tuple of float
        Nominal coverage, ascending.
    radius : float32 array, shape (level, instance, horizon, channel)
        On the scale of the forecasts; infinite where there are too few errors to tell, as for a level of .95
        with fewer than 19.
    count : int array, shape (instance, horizon, channel)
        Errors that each radius rests on.
    """

    levels: tuple[float, ...]
    radius: Array
    count: Array

    @property
    def horizon(self) -> int:
        """In steps."""
        return int(self.radius.shape[2])

    def interval(self, prediction: Array, level: float, instance: int = 0) -> tuple[Array, Array]:
        """Lower and upper end around forecasts.

        Parameters
        ----------
        prediction : array, shape (..., horizon, channel)
        level : float
            One of :attr:`levels`.
        instance : int

        Raises
        ------
        ConfigError
            When there is no such level.
        DataError
            When the forecasts have another horizon or other channels.
        """
        if level not in self.levels:
            known = ", ".join(f"{each:g}" for each in self.levels)
            raise ConfigError(f"there are no intervals of level {level:g}; there are {known}")
        radius = self.radius[self.levels.index(level), instance]
        if prediction.shape[-2:] != radius.shape:
            raise DataError(
                f"forecasts of shape {prediction.shape} have no intervals, which were calibrated for "
                f"{radius.shape[0]} steps of {radius.shape[1]} channels; calibrate anew"
            )
        return prediction - radius, prediction + radius

    def save(self, path: Path) -> None:
        """Write an ``.npz`` file."""
        write_arrays(
            path,
            format=np.array(_FORMAT),
            levels=np.array(self.levels),
            radius=self.radius,
            count=self.count,
        )

    @classmethod
    def load(cls, path: Path) -> Conformal:
        """Read what :meth:`save` wrote.

        Raises
        ------
        RunError
            When the file is missing or not of this format.
        """
        with readable(path, "prediction intervals", "evaluate the run again"):
            stored = read_arrays(path)
            refuse_other_format(path, str(stored["format"]), _FORMAT)
            return cls(tuple(stored["levels"].tolist()), stored["radius"], stored["count"])


def calibrate(
    forecast: Forecast,
    instances: Sequence[Series],
    span: Span,
    horizon: int,
    levels: Sequence[float] = LEVELS,
) -> Conformal:
    """Intervals from the errors on a part of the series that trained nothing, usually the validation part.

    Parameters
    ----------
    forecast : callable
        Of an instance's number and steps: predictions, shape (row, horizon, channel).
    instances : sequence of Series
    span : (int, int)
        Windows count whose targets lie inside it; look-backs may reach in front of it.
    horizon : int
    levels : sequence of float
        Between 0 and 1.

    Raises
    ------
    ConfigError
        When a level is no share, or the part is too short.
    DataError
        When forecasts are not finite, or all targets are missing.

    Notes
    -----
    Of n errors the radius is the ceil((n + 1) level)-th smallest. Where the errors of an instance would not
    fit into memory (more than 67 million), every second, third ... window is used.
    """
    if not levels or not all(0 < level < 1 for level in levels):
        raise ConfigError(f"levels of intervals are shares between 0 and 1, such as 0.9; got {list(levels)}")
    kept = tuple(sorted(set(map(float, levels))))
    steps = windows(span, horizon)
    channels = len(instances[0].channels)
    steps = steps[:: -(-len(steps) * horizon * channels // _CELLS)]
    sure = checked(forecast, instances, horizon, "the forecaster")
    radius, count = [], []
    for instance, series in enumerate(instances):
        parts = [
            np.abs(sure(instance, part) - future(series.values, part, horizon)).astype(np.float32)
            for _, part in blocks([steps], horizon * channels)
        ]
        errors = np.concatenate(parts)
        radius.append(_quantiles(errors, kept))
        count.append((~np.isnan(errors)).sum(axis=0))
    if not np.any(count):
        raise DataError(
            f"no value from step {span[0]} to {span[1]} is there to calibrate intervals on; fill the gaps of "
            "the series"
        )
    return Conformal(kept, np.stack(radius, axis=1), np.stack(count))


def windows(span: Span, horizon: int) -> Array:
    """Steps forecast from whose targets are all in a part.

    Raises
    ------
    ConfigError
        When there is none.
    """
    steps = origins((max(span[0] - 1, 0), span[1]), horizon)
    if not len(steps):
        raise ConfigError(
            f"the part from step {span[0]} to {span[1]} has no window of {horizon} steps; choose a shorter "
            "horizon"
        )
    return steps


def _quantiles(errors: Array, levels: Sequence[float]) -> Array:
    """Of errors, shape (window, ...), with NaN for missing ones; shape (level, ...)."""
    ascending = np.sort(errors, axis=0)  # missing ones last
    n = (~np.isnan(errors)).sum(axis=0)
    # 1e-9: products such as 20 * .95 may lie above
    rank = np.ceil(np.multiply.outer(levels, n + 1) - 1e-9).astype(int)  # (level, ...)
    value = np.take_along_axis(ascending, np.clip(rank - 1, 0, len(errors) - 1), axis=0)
    return np.where(rank <= n, value, np.inf).astype(np.float32)

"""How often prediction intervals hold the truth on windows that they were not calibrated on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tsrep.evaluation.arrays import Array
from tsrep.evaluation.forecasts.checks import checked
from tsrep.evaluation.forecasts.conformal import Conformal, windows
from tsrep.evaluation.forecasts.errors import Forecast
from tsrep.evaluation.forecasts.rows import blocks, future
from tsrep.evaluation.scores import nan_to_none
from tsrep.files import write_json
from tsrep.reading import read_json, readable, refuse_other_format
from tsrep.signals.series import Series, Span

_FORMAT = "tsrep.coverage/1"
_MEASURED = ("share", "width", "per_step")


@dataclass(frozen=True, eq=False)
class Coverage:
    """How often intervals held the truth, and how wide they were.

    Attributes
    ----------
    levels : tuple of float
        Nominal.
    share, width : arrays, shape (level,)
        Measured coverage, and mean distance of the two ends, over all targets; a width is infinite where
        some interval has no ends.
    per_step : array, shape (level, horizon)
        Measured coverage of each step ahead.
    windows : int
        Steps forecast from, of each instance.
    """

    levels: tuple[float, ...]
    share: Array
    width: Array
    per_step: Array
    windows: int

    def save(self, path: Path) -> None:
        """Write a JSON file; what is not finite becomes null."""
        stored: dict[str, Any] = {"format": _FORMAT, "windows": self.windows, "levels": self.levels}
        for name in _MEASURED:
            values = getattr(self, name)
            stored[name] = nan_to_none(np.where(np.isfinite(values), values, np.nan).tolist())
        write_json(path, stored)

    @classmethod
    def load(cls, path: Path) -> Coverage:
        """Read what :meth:`save` wrote; NaN stands for null.

        Raises
        ------
        RunError
            When the file is missing or not of this format.
        """
        with readable(path, "the coverage of intervals", "evaluate the run again"):
            stored = read_json(path)
            refuse_other_format(path, stored["format"], _FORMAT)
            levels = tuple(map(float, stored["levels"]))
            share, width, per_step = (np.array(stored[name], np.float64) for name in _MEASURED)
            if not len(levels) == len(share) == len(width) == len(per_step):
                raise ValueError("not as many numbers as levels")
            return cls(levels, share, width, per_step, int(stored["windows"]))


class Covering:
    """Counts how often intervals hold the truth while forecasts are made for another purpose.

    Parameters
    ----------
    conformal : Conformal
    forecast : callable
        Of an instance's number and steps: predictions, shape (row, horizon, channel).
    instances : sequence of Series
    span : (int, int)
        Windows count whose targets lie inside it; look-backs may reach in front of it.

    Raises
    ------
    ConfigError
        When the part is too short.
    """

    def __init__(
        self, conformal: Conformal, forecast: Forecast, instances: Sequence[Series], span: Span
    ) -> None:
        horizon, levels = conformal.horizon, len(conformal.levels)
        self.conformal, self.instances = conformal, instances
        self._said = checked(forecast, instances, horizon, "the forecaster")
        self._steps = windows(span, horizon)
        self._open = np.zeros((len(instances), len(instances[0])), bool)
        self._open[:, self._steps] = True
        self._held, self._there = np.zeros((levels, horizon)), np.zeros(horizon)
        self._width = np.zeros(levels)

    def forecast(self, instance: int, steps: Array) -> Array:
        """The forecasts; windows of the part are counted, each when it is first asked for."""
        said = self._said(instance, steps)
        new = self._open[instance, steps]
        if new.any():
            self._count(instance, steps[new], said[new])
            self._open[instance, steps] = False
        return said

    def result(self) -> Coverage:
        """What was counted, after forecasts from the windows that nobody has asked for.

        Raises
        ------
        DataError
            When forecasts are not finite.
        """
        width = self.conformal.horizon * len(self.instances[0].channels)
        for instance, part in blocks([np.flatnonzero(each) for each in self._open], width):
            self.forecast(instance, part)
        total = np.where(self._there > 0, self._there, np.nan)
        n = self._there.sum() or np.nan
        return Coverage(
            self.conformal.levels,
            self._held.sum(axis=1) / n,
            self._width / n,
            self._held / total,
            len(self._steps),
        )

    def _count(self, instance: int, steps: Array, said: Array) -> None:
        truth = future(self.instances[instance].values, steps, self.conformal.horizon)
        error = np.abs(said - truth)
        n = (~np.isnan(truth)).sum(axis=0)  # (horizon, channel)
        self._there += n.sum(axis=1)
        for i, radius in enumerate(self.conformal.radius[:, instance]):
            self._held[i] += (error <= radius).sum(axis=(0, 2))  # false for missing targets
            self._width[i] += 2 * (np.where(n, radius, 0) * n).sum()


def coverage(conformal: Conformal, forecast: Forecast, instances: Sequence[Series], span: Span) -> Coverage:
    """How often the intervals hold the truth on other windows, such as those of the test part.

    Parameters and errors are those of :class:`Covering`.
    """
    return Covering(conformal, forecast, instances, span).result()

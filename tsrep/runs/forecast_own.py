"""The forecast of a user's own continuation of a series, in its own unit."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tsrep.errors import ConfigError, DataError, RunError
from tsrep.evaluation.forecasts.look_backs import forecast_of
from tsrep.objectives.forecaster import Forecaster
from tsrep.runs.folder import Run, opened
from tsrep.runs.intervals import intervals_of
from tsrep.runs.own_series import continued, own_series, reading_of
from tsrep.runs.prepare_series import instances_of
from tsrep.runs.trained import shared_scaler
from tsrep.signals import Series
from tsrep.signals.panel import Floats
from tsrep.signals.series import Times
from tsrep.signals.standardise import Scaler
from tsrep.text import few

LEVELS = (0.8, 0.95)


@dataclass(frozen=True, eq=False)
class OwnForecast:
    """What a run says of the steps after a series, in the unit of the series.

    Attributes
    ----------
    channels : tuple of str
        In the order of training.
    time : datetime64[s] array, shape (horizon,)
    values : float32 array, shape (channel, horizon)
    bounds : mapping of level to (lower, upper), each a float32 array of shape (channel, horizon)
        Levels ascend; empty where the run has no intervals. Infinite where too few errors were known.
    past : float32 array, shape (channel, lookback)
        What the forecast rests on; NaN where a value is missing.
    past_time : datetime64[s] array, shape (lookback,)
    freq, source : str
        Distance of two steps in words, and where the series came from.
    date : str
        What the column of dates is called.
    notes : tuple of str
        What was left out or missing, a sentence each.
    """

    channels: tuple[str, ...]
    time: Times
    values: Floats
    bounds: Mapping[float, tuple[Floats, Floats]]
    past: Floats
    past_time: Times
    freq: str
    source: str
    date: str = "date"
    notes: tuple[str, ...] = ()

    def table(self, *, long: bool = False) -> str:
        """CSV with a row for each step: its date, the channels, then both ends of each level's interval.

        Parameters
        ----------
        long : bool
            A row for each step and channel instead, with columns ``channel``, ``value`` and the ends of each
            level's interval, such as ``lower 0.8``.
        """
        import pandas as pd

        if long:
            rows = pd.concat(map(self._rows, range(len(self.channels))))
            found: str = rows.to_csv(index=False, lineterminator="\n")
            return found
        dates = self._dates
        columns: dict[str, Any] = {self.date: dates} | dict(zip(self.channels, self.values, strict=True))
        for level, ends in self.bounds.items():
            for name, lower, upper in zip(self.channels, *ends, strict=True):
                columns |= {f"{name} lower {level:g}": lower, f"{name} upper {level:g}": upper}
        text: str = pd.DataFrame(columns).to_csv(index=False, lineterminator="\n")
        return text

    @property
    def _dates(self) -> list[str]:
        return [str(stamp).replace("T", " ") for stamp in self.time]

    def _rows(self, channel: int) -> Any:
        """The long form of one channel."""
        import pandas as pd

        named: dict[str, Any] = {self.date: self._dates, "channel": self.channels[channel]}
        named["value"] = self.values[channel]
        for level, (lower, upper) in self.bounds.items():
            named |= {f"lower {level:g}": lower[channel], f"upper {level:g}": upper[channel]}
        return pd.DataFrame(named)


def forecast_series(
    run: Run | Path | str,
    data: Series | Path | str,
    *,
    horizon: int | None = None,
    levels: Sequence[float] = LEVELS,
    reading: Mapping[str, Any] | None = None,
) -> OwnForecast:
    """Forecast the steps after a series with a trained run.

    Parameters
    ----------
    run : Run or path of a run folder
        Of objective ``forecast``.
    data : Series, or path of a CSV or Parquet file
        In the unit of the training data, with steps of the same distance. Channels are found by name;
        others are left out. The last look-back of it is used, in which values may be missing.
    horizon : int, optional
        Steps ahead, at most those of training, which is the default.
    levels : sequence of float
        Of the prediction intervals, between 0 and 1.
    reading : mapping, optional
        How the file is read where it differs from the data of the run: ``date`` (name of the column),
        ``gaps`` ("refuse" or "missing"), ``duplicates`` ("refuse" or "first"), ``missing`` (numbers that
        stand for no value).

    Returns
    -------
    OwnForecast

    Raises
    ------
    RunError
        When the run makes no forecasts, or not so many steps.
    ConfigError
        When a level or a setting of the reading is out of range.
    DataError
        When the file is wrong, the series does not continue what the run was trained on, or its forecast is
        not finite.
    """
    run = opened(run)
    forecaster = run.forecaster()
    steps = _steps(run, forecaster, horizon)
    levels = _ascending(levels)
    how = reading_of(run, reading or {})
    series, left_out, moved = own_series(run, data, how)
    lookback = forecaster.lookback
    going_on = continued(run, series, lookback, forecaster.horizon)
    scaler = shared_scaler(run)
    instances = instances_of(scaler.apply_series(going_on), run.config)
    forecast = forecast_of(forecaster, instances, torch.device("cpu"))
    last = np.array([lookback - 1])
    said = [forecast(i, last)[0] for i in range(len(instances))]  # each (horizon, channel)
    values = _in_unit(said, scaler, going_on, steps)
    _refuse_infinite(values, going_on, run)
    conformal, why_not = intervals_of(run, levels) if levels else (None, "")
    bounds = {}
    if conformal is not None:
        for level in levels:
            ends = zip(*(conformal.interval(y, level, i) for i, y in enumerate(said)), strict=True)
            lower, upper = (_in_unit(end, scaler, going_on, steps) for end in ends)
            bounds[level] = lower, upper
    past = going_on.values[:, :lookback]
    return OwnForecast(
        channels=series.channels,
        time=going_on.time[lookback:][:steps],
        values=values,
        bounds=bounds,
        past=past,
        past_time=going_on.time[:lookback],
        freq=series.freq,
        source=series.source,
        date=how.date,
        notes=tuple(_notes(past, series.channels, left_out, moved, bounds, why_not)),
    )


def _steps(run: Run, forecaster: Forecaster, horizon: int | None) -> int:
    """Steps to forecast."""
    if horizon is None:
        return forecaster.horizon
    if horizon < 1:
        raise ConfigError(f"a horizon of {horizon} steps is none; give 1 to {forecaster.horizon}")
    if horizon > forecaster.horizon:
        config = shlex.quote(str(run.path / "config.yaml"))
        raise RunError(
            f"{run.path} was trained to forecast {forecaster.horizon} steps, not {horizon}; ask for fewer, "
            f"or train a longer one with: tsrep fit --config {config} --set objective.horizon={horizon}"
        )
    return horizon


def _ascending(levels: Sequence[float]) -> tuple[float, ...]:
    for level in levels:
        if not 0 < level < 1:
            raise ConfigError(f"a level of {level:g} is no share between 0 and 1; give one such as 0.9")
    return tuple(sorted({float(level) for level in levels}))


def _in_unit(standard: Sequence[Floats], scaler: Scaler, series: Series, steps: int) -> Floats:
    """Of all instances, each (horizon, channel), as (channel, step) in the unit of the series."""
    known = len(series.covariate_names)
    mean, std = (np.broadcast_to(m[0], len(series.inputs))[known:, None] for m in (scaler.mean, scaler.std))
    y = np.concatenate(standard, axis=1).T[:, :steps]
    with np.errstate(over="ignore", invalid="ignore"):
        result: Floats = (y * std + mean).astype(np.float32)
    return result


def _refuse_infinite(values: Floats, series: Series, run: Run) -> None:
    """Refuse forecasts that are no numbers, shape (channel, step)."""
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        name, ahead = series.channels[bad[0, 0]], bad[0, 1] + 1
        raise DataError(
            f"the forecast of {name} by {run.path} is not finite at step {ahead} ahead; look in "
            f"{series.source or 'the series'} for values far from those of training, or train again"
        )


def _notes(
    past: Floats,
    channels: Sequence[str],
    left_out: Sequence[str],
    moved: bool,
    bounds: Mapping[float, tuple[Floats, Floats]],
    why_not: str,
) -> Iterator[str]:
    """What was left out or missing, a sentence each."""
    missing = np.isnan(past).sum(axis=1)
    if missing.any():
        worst = int(missing.argmax())
        yield (
            f"{missing.sum()} of {past.size} values of the look-back are missing, most of them "
            f"({missing[worst]} of {past.shape[1]}) in {channels[worst]}"
        )
    if left_out:
        named = few(name or "(without a name)" for name in left_out)
        yield f"columns left out, as the run was not trained on them: {named}"
    if moved:
        yield "dates of the file have an offset; those of the forecast are in UTC"
    if why_not:
        yield f"no intervals: {why_not}"
    wide = [f"{level:g}" for level, (lower, _) in bounds.items() if np.isinf(lower).any()]
    if wide:
        yield (
            f"some intervals of level {' and '.join(wide)} are infinite: the validation part has too few "
            "errors to tell"
        )

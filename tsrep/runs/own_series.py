"""A user's own series, checked against what a run was trained on and continued by the steps to forecast."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tsrep.datasets.series.series_csv import SeriesFile
from tsrep.errors import ConfigError, DataError, RunError
from tsrep.files import expanded
from tsrep.registry import DATASETS, nearest
from tsrep.runs.config import configure
from tsrep.runs.folder import Run
from tsrep.signals import Series
from tsrep.signals.calendar import CALENDAR, calendar_features, stamps_ahead

READING = ("date", "gaps", "duplicates", "missing")


def reading_of(run: Run, given: Mapping[str, Any]) -> SeriesFile:
    """How the data of a run were read, but for what is given.

    Raises
    ------
    ConfigError
        When there is no such setting, or its value is none of those there are.
    """
    for key in given:
        if key not in READING:
            raise ConfigError(
                f"dataset.{key} does not say how a file to forecast is read; {nearest(key, list(READING))}"
            )
    dataset = DATASETS.build(run.config.dataset)
    own = {key: getattr(dataset, key) for key in READING} if isinstance(dataset, SeriesFile) else {}
    settings: Any = configure({"dataset": {"name": "series-csv", **own, **given}}).dataset
    reader: SeriesFile = DATASETS.build(settings)
    return reader


def own_series(
    run: Run, data: Series | Path | str, reading: SeriesFile
) -> tuple[Series, tuple[str, ...], bool]:
    """The channels that a run was trained on, in its order, the names of those left out, and if dates moved.

    Parameters
    ----------
    run : Run
    data : Series, or path of a CSV or Parquet file
    reading : SeriesFile
        How the file is read; see :func:`reading_of`.

    Returns
    -------
    Series
    tuple of str
        Channels or columns that were left out.
    bool
        Whether dates of the file had an offset, so that those of the series are in UTC instead.

    Raises
    ------
    DataError
        When the file is wrong, a channel is missing, or steps have another distance.
    """
    trained = run.provenance["data"]
    targets = trained["targets"]
    if isinstance(data, Series):
        absent = [name for name in targets if name not in data.channels]
        if absent:
            raise DataError(
                f"the series has no channel {absent[0]!r}, which {run.path} was trained on; "
                f"{nearest(absent[0], list(data.channels))}"
            )
        series = data.select(targets)
        left_out, moved = tuple(name for name in data.channels if name not in targets), False
    else:
        series, left_out, moved = reading.read_channels(expanded(data), targets)
    if series.freq != trained["freq"]:
        raise DataError(
            f"{_name(series)} has steps of {series.freq or 'unknown length'}, {run.path} was trained on "
            f"steps of {trained['freq']}; resample it"
        )
    return series, left_out, moved


def continued(run: Run, series: Series, lookback: int, horizon: int) -> Series:
    """The last look-back of a series and the steps ahead, without values but with the run's covariates.

    Raises
    ------
    DataError
        When the series is shorter than the look-back, or a channel has no value there.
    RunError
        When the run was trained with covariates other than those of the calendar.
    """
    if len(series) < max(lookback, 2):
        raise DataError(
            f"{_name(series)} has {len(series)} steps of {series.freq}, fewer than the look-back of "
            f"{lookback} that {run.path} forecasts from; give more of the past"
        )
    past = series.values[:, -lookback:]
    empty = np.flatnonzero(np.isnan(past).all(axis=1))
    if len(empty):
        raise DataError(
            f"channel {series.channels[empty[0]]!r} of {_name(series)} has no value in the last {lookback} "
            f"steps, which {run.path} forecasts from; fill it in, or end the file earlier"
        )
    names = run.provenance["data"]["covariates"]
    if list(names) not in ([], list(CALENDAR)):
        raise RunError(
            f"{run.path} was trained with the covariates {', '.join(names)}, which are not known ahead; "
            "train with the calendar or with none"
        )
    time = np.concatenate([series.time[-lookback:], stamps_ahead(series.time, horizon)])
    ahead = np.full((len(past), horizon), np.nan, np.float32)
    return replace(
        series,
        values=np.concatenate([past, ahead], axis=1),
        time=time,
        covariates=calendar_features(time) if names else np.zeros((0, len(time)), np.float32),
        covariate_names=tuple(names),
    )


def _name(series: Series) -> str:
    return series.source or "the series"

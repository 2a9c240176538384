"""From a configuration to a standardised series, training windows and a checked split in time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import gcd
from typing import Any

import numpy as np

from tsrep.errors import DataError, RunError
from tsrep.runs.config import Configuration
from tsrep.runs.contract import contract_of_series
from tsrep.runs.prepared import Prepared, evenly, refuse_part, split_by_rule
from tsrep.signals import Panel, Series
from tsrep.signals.panel import Floats
from tsrep.signals.series import hop_through_seasons
from tsrep.signals.standardise import Scaler, standardise_series
from tsrep.splits.by_time import TimeSplit
from tsrep.splits.split import PARTS, Split

LONGEST = 256  # steps of a training window where none is set


@dataclass(frozen=True)
class PreparedSeries(Prepared):
    """A series of a run; its panel holds training windows of the training and the validation part.

    Attributes
    ----------
    records : Series
        In its unit.
    instances : tuple of Series
        Standardised on the training part, what encoders see: one with all channels, or one a channel.
    spans : TimeSplit
    """

    records: Series
    instances: tuple[Series, ...]
    spans: TimeSplit

    @property
    def facts(self) -> dict[str, Any]:
        """What the series is."""
        series = self.records
        return super().facts | {
            "steps": len(series),
            "window": self.panel.length,
            "freq": series.freq,
            "first": str(series.time[0]),
            "last": str(series.time[-1]),
            "channels": list(self.panel.channels),
            "covariates": list(series.covariate_names),
            "targets": list(series.channels),
            "instances": len(self.instances),
            "sfreq": self.panel.sfreq,
            "unit": series.unit,
            "skipped": [],
        }

    @property
    def step(self) -> tuple[float, str]:
        """In steps."""
        return 1.0, f"steps of {self.records.freq}" if self.records.freq else "steps"

    @property
    def period(self) -> int:
        """Steps of the main season."""
        return self.records.period

    def encoded_steps(self, context: int) -> int:
        """A step and its context."""
        return context + 1

    def output_steps(self, outputs: int, most: int) -> list[int]:
        """The last one, by which a step is represented."""
        del most
        return [outputs - 1]

    def complete_windows(self, part: str, lookback: int, horizon: int, most: int) -> Floats:
        """See :meth:`Prepared.complete_windows`; horizons lie inside the part."""
        refuse_part(part)
        start, stop = getattr(self.spans, part)
        origins = np.arange(max(start, lookback), stop - horizon + 1)  # first steps that are forecast
        found = []
        for instance, series in enumerate(self.instances):
            missing = np.concatenate([[0], np.cumsum(np.isnan(series.x).any(axis=0))])
            complete = missing[origins + horizon] == missing[origins - lookback]
            found += [(instance, origin) for origin in origins[complete]]
        if not found:
            raise RunError(
                f"the {part} part of the series has no window of {lookback + horizon} steps with every "
                "value; choose another part or fill the gaps"
            )
        chosen = [found[k] for k in evenly(len(found), most)]
        windows = [self.instances[i].x[:, o - lookback : o + horizon] for i, o in chosen]
        return np.stack(windows).astype(np.float32)


def instances_of(standard: Series, config: Configuration) -> tuple[Series, ...]:
    """The series itself, or where ``dataset.variables`` is ``each`` one of every channel."""
    if getattr(config.dataset, "variables", "all") != "each":
        return (standard,)
    return tuple(replace(standard.select([name]), channels=("value",)) for name in standard.channels)


def prepare_series(config: Configuration, series: Series) -> PreparedSeries:
    """Split a series in time, standardise it on the training part, and cut sections.

    Raises
    ------
    DataError, SplitError
        When a part is empty, lacks every value of a channel, or does not give a batch of windows.
    """
    spans: TimeSplit = split_by_rule(config, series)
    _refuse_channels_without_values(series, spans)
    standard, scaler = series, Scaler(np.zeros((1, 1), np.float32), np.ones((1, 1), np.float32))
    if config.window.standardise != "none":
        standard, scaler = standardise_series(series, spans.train)
    instances = instances_of(standard, config)
    one = _training_windows(config, instances[0], spans)
    n = len(instances)
    panel = replace(
        one.select(np.tile(np.arange(len(one)), n)),
        store=np.stack([instance.x for instance in instances]),
        row=np.repeat(np.arange(n), len(one)),
        trial=np.arange(n * len(one)),
    )
    train, validation = (np.flatnonzero(panel.patient == part) for part in (0, 1))
    for part, training_windows in (("train", train), ("validation", validation)):
        if len(training_windows) < 2:
            raise DataError(
                f"the {part} part gives one window of {one.length} steps, but a batch needs two; shorten "
                "window.steps or window.hop_steps"
            )
    split = Split(train, validation, np.zeros(0, np.int64), spans.how, spans.counts, spans.digest)
    contract = contract_of_series(series, one.length, config.window.standardise, scaler)
    return PreparedSeries(series, panel, split, scaler, contract, instances, spans)


def _training_windows(config: Configuration, series: Series, spans: TimeSplit) -> Panel:
    """Windows of the training and the validation part, as the objective or the settings want them."""
    parts = spans.train, spans.validation
    wanted = config.training_windows
    if wanted is None:
        # two of them in the shorter part, since contrasts need a batch
        length = config.window.steps or max(1, min(LONGEST, *((stop - start) // 2 for start, stop in parts)))
        return series.training_windows(length, config.window.hop_steps, spans=parts)
    (start, stop), (held, end) = parts
    for name, steps, needed in (
        ("training", stop - start, wanted.steps + 1),
        ("validation", end - held, wanted.steps - wanted.history + 1),
    ):
        if steps < needed:
            raise DataError(
                f"the {name} part of {series.source or 'the series'} has {steps} steps, fewer than the "
                f"{needed} of two windows of look-back and horizon; shorten objective.lookback or "
                "objective.horizon"
            )
    reaching = (start, stop), (max(0, held - wanted.history), end)
    hop = config.window.hop_steps or wanted.hop
    hops = hop, hop_through_seasons(hop, series.period)
    return series.training_windows(wanted.steps, hops, spans=reaching)


def some_steps_of_a_season(config: Configuration, series: Series) -> str | None:
    """A sentence where a forecaster is trained on windows that begin at some steps of a season alone."""
    wanted = config.training_windows
    hop, period = config.window.hop_steps, series.period
    if wanted is None or hop is None or (common := gcd(hop, period)) == 1:
        return None
    return (
        f"training windows every {hop} steps begin at {period // common} of the {period} steps of a season "
        f"alone, but all are scored; window.hop_steps {hop_through_seasons(hop, period)} begins at every one"
    )


def _refuse_channels_without_values(series: Series, spans: TimeSplit) -> None:
    for part in PARTS:
        start, stop = getattr(spans, part)
        empty = np.flatnonzero(np.isnan(series.values[:, start:stop]).all(axis=1))
        if len(empty):
            raise DataError(
                f"channel {series.channels[empty[0]]!r} of {series.source} has no value in the {part} part "
                f"({series.time[start]} to {series.time[stop - 1]}); leave it out or change the split"
            )

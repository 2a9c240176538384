"""What every method says and how wrong it is: the steps that fit, choose and measure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from tsrep.errors import DataError
from tsrep.evaluation.arrays import Array
from tsrep.evaluation.forecasts.baselines import (
    LOOKBACK,
    REPEAT_LAST,
    RIDGE_NLINEAR,
    SEASONAL_NAIVE,
    last_values,
    seasonal_naive,
)
from tsrep.evaluation.forecasts.errors import Errors, Forecast, beside, measure, naive_scales
from tsrep.evaluation.forecasts.ridge import Regression, choose_alpha, fit_paths
from tsrep.evaluation.forecasts.ridge_path import RidgePath
from tsrep.evaluation.forecasts.rows import Rows, complete_ahead, origins, subsample
from tsrep.evaluation.forecasts.settings import ForecastSettings
from tsrep.evaluation.forecasts.spans import EvaluationSpans
from tsrep.signals.series import Series, Span
from tsrep.text import few

EXAMPLES = 4
ALL = slice(None)  # channels


@dataclass
class Outcome:
    """Errors of one method and seed at one horizon."""

    errors: Errors
    example: Array  # (window, horizon, channel)
    alpha: float = np.nan
    fitted: int = 0
    dropped: int = 0


Outcomes = dict[int, Outcome]  # by horizon


@dataclass
class Measuring:
    """What all methods are scored on."""

    instances: Sequence[Series]
    spans: EvaluationSpans
    settings: ForecastSettings
    on_step: Callable[[str], None]
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.values = [series.values[:, : self.spans.score[1]] for series in self.instances]
        self.period = self.instances[0].period
        self.horizons = sorted(set(self.settings.horizons))
        at = origins(self.spans.score, self.horizons[-1])
        self.drawn = at[np.linspace(0, len(at) - 1, min(EXAMPLES, len(at))).round().astype(int)]
        self.scales = naive_scales(self.values, self.spans.train, self.period)
        self._note_without_scale()

    def baselines(self) -> dict[str, list[Outcomes]]:
        """Rows that are always there, each with one seed."""
        return self.rules() | {RIDGE_NLINEAR: [self._nlinear()]}

    def rules(self) -> dict[str, list[Outcomes]]:
        """Forecasts that nothing is fitted for."""
        found = {REPEAT_LAST: [self._naive(1)]}
        if 1 < self.period <= self.spans.score[0] + 1:
            found[SEASONAL_NAIVE] = [self._naive(self.period)]
        else:
            why = "has no season" if self.period == 1 else "has less than one season before what is scored"
            self.notes.append(f"{SEASONAL_NAIVE} is left out because the series {why}.")
        return found

    def measured(self, forecast: Forecast, horizon: int, channels: slice = ALL) -> Outcome:
        """Errors of forecasts of some channels, and what they say from the steps that are drawn."""
        values, scales = ([each[channels] for each in of] for of in (self.values, self.scales))
        errors = measure(forecast, values, self.spans.score, horizon, scales)
        drawn = forecast(0, self.drawn) if horizon == self.horizons[-1] else np.zeros((0, 0, 0))
        return Outcome(errors, drawn)

    def represented(self, method: str, features: Sequence[Array]) -> Outcomes:
        """A ridge on features, for every horizon."""
        if len(features) != len(self.instances):
            raise DataError(
                f"{method} has features of {len(features)} series, but {len(self.instances)} are forecast; "
                "give one array for each"
            )
        finite = [_finite(method, array, self) for array in features]
        regression = Regression(lambda instance, steps: features[instance][steps], self.values)
        return self._ridge(regression, finite, self.settings.skipped, method)

    def _naive(self, period: int) -> Outcomes:
        train = self.spans.train
        return {h: self.measured(seasonal_naive(self.values, train, h, period), h) for h in self.horizons}

    def _nlinear(self) -> Outcomes:
        """One regression for each channel; their errors side by side."""
        start, stop = self.spans.fit
        lookback = max(2, min(LOOKBACK, (stop - start - self.horizons[-1]) // 2))
        if lookback < LOOKBACK:
            self.notes.append(f"{RIDGE_NLINEAR} looks back {lookback} steps, as the training part is short.")
        everywhere = [np.ones(each.shape[1], bool) for each in self.values]
        by_channel = []
        for channel, name in enumerate(self.instances[0].channels):
            only = slice(channel, channel + 1)
            values = [each[only] for each in self.values]
            regression = last_values(values, self.spans.train, lookback).regression(values)
            told = f"{RIDGE_NLINEAR} of {name}"
            by_channel.append(self._ridge(regression, everywhere, lookback - 1, told, only))
        return {h: _beside([outcomes[h] for outcomes in by_channel]) for h in self.horizons}

    def _ridge(
        self,
        regression: Regression,
        usable: Sequence[Array],
        skip: int,
        name: str,
        channels: slice = ALL,
    ) -> Outcomes:
        """Fit, choose, fit again where choosing had fewer rows, and measure."""
        spans, values, largest = self.spans, regression.values, self.settings.largest
        kept = {h: self._complete(values, usable, spans.train, h, skip) for h in self.horizons}
        train = {h: subsample(rows, largest) for h, rows in kept.items()}
        outcomes = {}
        for h, path, alpha in self._chosen(regression, usable, skip, train):
            outcomes[h] = self.measured(partial(regression.forecast, path, alpha), h, channels)
            outcomes[h].alpha, outcomes[h].fitted = alpha, sum(map(len, train[h]))
            possible = len(values) * len(origins(spans.train, h, skip=skip))
            outcomes[h].dropped = possible - sum(map(len, kept[h]))
            self.on_step(f"{name}, horizon {h}")
        return outcomes

    def _chosen(
        self, regression: Regression, usable: Sequence[Array], skip: int, train: Mapping[int, Rows]
    ) -> Iterator[tuple[int, RidgePath, float]]:
        """(horizon, path fitted on the training part, penalty)."""
        spans, values, largest = self.spans, regression.values, self.settings.largest
        final = fit_paths(regression, train)
        trial = final
        if spans.fit != spans.train:
            kept = {h: self._complete(values, usable, spans.fit, h, skip) for h in self.horizons}
            trial = fit_paths(regression, {h: subsample(rows, largest) for h, rows in kept.items()})
        for h, path in trial:
            rows = subsample([origins(spans.choose, h)] * len(values), largest)
            choice = choose_alpha(path, regression, rows, h, self.settings.alphas)
            yield h, path if trial is final else next(final)[1], choice.alpha

    @staticmethod
    def _complete(
        values: Sequence[Array], usable: Sequence[Array], span: Span, horizon: int, skip: int
    ) -> Rows:
        steps = origins(span, horizon, skip=skip)
        there = [complete_ahead(v, horizon) for v in values]
        return [steps[(ok & good)[steps]] for ok, good in zip(there, usable, strict=True)]

    def _note_without_scale(self) -> None:
        many = len(self.instances) > 1
        without = [
            f"{name} of series {i + 1}" if many else name
            for i, (series, scale) in enumerate(zip(self.instances, self.scales, strict=True))
            for name, each in zip(series.channels, scale, strict=True)
            if np.isnan(each)
        ]
        if without:
            self.notes.append(
                f"MASE leaves out {few(without, 8)}, which no change over a season in the training part "
                "gives a scale."
            )


def _beside(channels: Sequence[Outcome]) -> Outcome:
    return Outcome(
        beside([outcome.errors for outcome in channels]),
        np.concatenate([outcome.example for outcome in channels], axis=-1),
        fitted=min(outcome.fitted for outcome in channels),
        dropped=max(outcome.dropped for outcome in channels),
    )


def _finite(method: str, features: Array, protocol: Measuring) -> Array:
    """Which steps have finite features; refuses features that cannot be scored."""
    spans, steps = protocol.spans, len(protocol.instances[0])
    needed = spans.score[1]
    if features.ndim != 2 or not needed <= len(features) <= steps:
        raise DataError(
            f"the features of {method} have shape {features.shape}, but the first {needed} of the {steps} "
            f"steps are needed; give one row a step, shape ({needed} or more, dim)"
        )
    finite = np.asarray(np.isfinite(features[:needed]).all(axis=1))
    for start, stop in (spans.choose, spans.score):
        if not finite[start:stop].all():
            at = start + int(np.argmin(finite[start:stop]))
            raise DataError(
                f"the features of {method} are not finite at step {at}, which has to be forecast from; every "
                "step outside the training part needs features"
            )
    return finite

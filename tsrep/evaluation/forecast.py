"""The evaluation of frozen representations by forecasting, beside baselines and a random encoder.

For every horizon a ridge maps the representation of a step to the values that follow it. Everything is
fitted on the training part, penalties are chosen on the validation part, the test part is only scored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsrep.errors import DataError
from tsrep.evaluation.block_bootstrap import block_count
from tsrep.evaluation.bootstrap import Resampled, paired_difference
from tsrep.evaluation.forecast_baselines import (
    LOOKBACK,
    REPEAT_LAST,
    RIDGE_NLINEAR,
    SEASONAL_NAIVE,
    nlinear,
    repeat_last,
    seasonal_naive,
)
from tsrep.evaluation.forecast_errors import Errors, Forecast, beside, measure, over_seeds, resample_blocks
from tsrep.evaluation.forecast_features import encode, validation_error
from tsrep.evaluation.forecast_ridge import Regression, choose_alpha, fit_paths
from tsrep.evaluation.forecast_rows import Rows, complete_ahead, origins, subsample
from tsrep.evaluation.forecast_scores import Examples, ForecastScore, ForecastScores
from tsrep.evaluation.forecast_settings import ForecastSettings
from tsrep.evaluation.forecast_stretches import Part, Stretches
from tsrep.evaluation.scoring import RANDOM_INIT
from tsrep.signals.series import Series, Span
from tsrep.signals.time_split import TimeSplit

__all__ = ["encode", "forecast_scores", "validation_error"]

Array = NDArray[Any]
EXAMPLES = 4


def forecast_scores(
    features: Mapping[str, Sequence[Sequence[Array]]],
    instances: Sequence[Series],
    split: TimeSplit,
    settings: ForecastSettings | None = None,
    *,
    part: Part = "test",
    seed: int = 0,
    on_step: Callable[[str], None] | None = None,
) -> ForecastScores:
    """Score methods by ridge regressions on their frozen representations.

    Parameters
    ----------
    features : mapping of method to a sequence over seeds of sequences over instances
        Of float arrays, shape (time, dim): row ``t`` represents step ``t`` and rests on no later step. The
        method ``"random-init"`` is the control that all others get a paired difference from.
    instances : sequence of Series
        Equally long, with the same channels and period, standardised on the training part. Their values are
        the targets.
    split : TimeSplit
        Of every instance.
    settings : ForecastSettings, optional
    part : str
        What is scored; see :class:`~tsrep.evaluation.forecast_stretches.Stretches` for what then chooses the
        penalties.
    seed : int
        Of the bootstrap.
    on_step : callable, optional
        Told what has been scored.

    Returns
    -------
    ForecastScores
        Baselines first, then the methods in their order.

    Raises
    ------
    ConfigError
        When a part is too short for the longest horizon.
    DataError
        When features do not fit the series, are not finite where needed, or gaps leave nothing to fit.

    Notes
    -----
    Training rows with a missing target or a feature that is not finite are left out and counted; a missing
    target counts in no error.
    """
    settings = settings or ForecastSettings()
    stretches = Stretches(split, part)
    stretches.check(settings)
    _check_instances(instances, stretches)
    protocol = _Protocol(instances, stretches, settings, on_step or (lambda _: None))
    outcomes = protocol.baselines() | {
        method: [protocol.represented(method, seed_features) for seed_features in seeds]
        for method, seeds in features.items()
    }
    return protocol.scores(outcomes, seed)


@dataclass
class _Outcome:
    """Errors of one method and seed at one horizon."""

    errors: Errors
    example: Array  # (window, horizon, channel)
    alpha: float = np.nan
    fitted: int = 0
    dropped: int = 0


_Outcomes = dict[int, _Outcome]  # by horizon


@dataclass
class _Protocol:
    """What all methods are scored on."""

    instances: Sequence[Series]
    stretches: Stretches
    settings: ForecastSettings
    on_step: Callable[[str], None]
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.values = [series.values[:, : self.stretches.score[1]] for series in self.instances]
        self.period = self.instances[0].period
        self.horizons = sorted(set(self.settings.horizons))
        at = origins(self.stretches.score, self.horizons[-1])
        self.drawn = at[np.linspace(0, len(at) - 1, min(EXAMPLES, len(at))).round().astype(int)]

    def baselines(self) -> dict[str, list[_Outcomes]]:
        """Rows that are always there, each with one seed."""
        train = self.stretches.train
        found = {REPEAT_LAST: [self._naive(lambda h: repeat_last(self.values, train, h))]}
        if 1 < self.period <= self.stretches.score[0] + 1:
            seasonal = self._naive(lambda h: seasonal_naive(self.values, train, h, self.period))
            found[SEASONAL_NAIVE] = [seasonal]
        else:
            why = "has no season" if self.period == 1 else "has less than one season before what is scored"
            self.notes.append(f"{SEASONAL_NAIVE} is left out because the series {why}.")
        found[RIDGE_NLINEAR] = [self._nlinear()]
        return found

    def represented(self, method: str, features: Sequence[Array]) -> _Outcomes:
        """A ridge on features, for every horizon."""
        finite = [_finite(method, array, self) for array in features]
        if len(features) != len(self.instances):
            raise DataError(f"{method} has features of {len(features)} series for {len(self.instances)}")
        regression = Regression(lambda instance, steps: features[instance][steps], self.values)
        return self._ridge(regression, finite, self.settings.skipped, method)

    def scores(self, methods: Mapping[str, list[_Outcomes]], seed: int) -> ForecastScores:
        """Everything in the form in which it is kept."""
        resampled = {
            (method, h): self._resampled([outcomes[h].errors for outcomes in seeds], h, seed)
            for method, seeds in methods.items()
            for h in self.horizons
        }
        means = {
            (method, h): over_seeds([outcomes[h].errors for outcomes in methods[method]])
            for method, h in resampled
        }
        return ForecastScores(
            tuple(self._score(method, h, methods[method], resampled) for method, h in resampled),
            {key: errors.per_step for key, errors in means.items()},
            {key: errors.per_channel for key, errors in means.items()},
            self._examples({name: seeds[0] for name, seeds in methods.items()}),
            self.instances[0].channels,
            tuple(self.notes),
        )

    def _naive(self, forecast: Callable[[int], Forecast]) -> _Outcomes:
        return {h: self._measured(forecast(h), self.values, h) for h in self.horizons}

    def _nlinear(self) -> _Outcomes:
        """One regression for each channel; their errors side by side."""
        start, stop = self.stretches.fit
        lookback = max(1, min(LOOKBACK, (stop - start - self.horizons[-1]) // 2))
        if lookback < LOOKBACK:
            self.notes.append(f"{RIDGE_NLINEAR} looks back {lookback} steps, as the training part is short.")
        everywhere = [np.ones(each.shape[1], bool) for each in self.values]
        by_channel = []
        for channel, name in enumerate(self.instances[0].channels):
            regression = nlinear(self.values, self.stretches.train, channel, lookback)
            by_channel.append(self._ridge(regression, everywhere, lookback - 1, f"{RIDGE_NLINEAR} of {name}"))
        return {h: _beside([outcomes[h] for outcomes in by_channel]) for h in self.horizons}

    def _ridge(self, regression: Regression, usable: Sequence[Array], skip: int, name: str) -> _Outcomes:
        """Fit, choose, fit again where choosing had fewer rows, and measure."""
        stretches, values, largest = self.stretches, regression.values, self.settings.largest
        kept = {h: self._complete(values, usable, stretches.train, h, skip) for h in self.horizons}
        train = {h: subsample(rows, largest) for h, rows in kept.items()}
        outcomes = {}
        for h, path, alpha in self._chosen(regression, usable, skip, train):

            def forecast(instance: int, steps: Array, path: Any = path, alpha: float = alpha) -> Array:
                return regression.forecast(path, alpha, instance, steps)

            outcomes[h] = self._measured(forecast, values, h)
            outcomes[h].alpha, outcomes[h].fitted = alpha, sum(map(len, train[h]))
            possible = len(values) * len(origins(stretches.train, h, skip=skip))
            outcomes[h].dropped = possible - sum(map(len, kept[h]))
            self.on_step(f"{name}, horizon {h}")
        return outcomes

    def _chosen(
        self, regression: Regression, usable: Sequence[Array], skip: int, train: Mapping[int, Rows]
    ) -> list[tuple[int, Any, float]]:
        """(horizon, path fitted on the training part, penalty)."""
        stretches, values, largest = self.stretches, regression.values, self.settings.largest
        final = fit_paths(regression, train)
        trial = final
        if stretches.fit != stretches.train:
            kept = {h: self._complete(values, usable, stretches.fit, h, skip) for h in self.horizons}
            trial = fit_paths(regression, {h: subsample(rows, largest) for h, rows in kept.items()})
        found = []
        for h, path in trial:
            rows = subsample([origins(stretches.choose, h)] * len(values), largest)
            choice = choose_alpha(path, regression, rows, h, self.settings.alphas)
            found.append((h, path if trial is final else next(final)[1], choice.alpha))
        return found

    @staticmethod
    def _complete(
        values: Sequence[Array], usable: Sequence[Array], span: Span, horizon: int, skip: int
    ) -> Rows:
        steps = origins(span, horizon, skip=skip)
        there = [complete_ahead(v, horizon) for v in values]
        return [steps[(ok & good)[steps]] for ok, good in zip(there, usable, strict=True)]

    def _measured(self, forecast: Forecast, values: Sequence[Array], horizon: int) -> _Outcome:
        errors = measure(forecast, values, self.stretches.score, horizon)
        drawn = forecast(0, self.drawn) if horizon == self.horizons[-1] else np.zeros((0, 0, 0))
        return _Outcome(errors, drawn)

    def _block(self, horizon: int) -> int:
        return min(max(horizon, self.period), len(origins(self.stretches.score, horizon)))

    def _resampled(self, seeds: Sequence[Errors], horizon: int, seed: int) -> Resampled:
        return resample_blocks(seeds, self._block(horizon), self.settings.resamples, seed=seed)

    def _score(
        self,
        method: str,
        horizon: int,
        seeds: Sequence[_Outcomes],
        resampled: Mapping[tuple[str, int], Resampled],
    ) -> ForecastScore:
        own, control = resampled[method, horizon], resampled.get((RANDOM_INIT, horizon))
        compared = control is not None and method != RANDOM_INIT
        windows = len(origins(self.stretches.score, horizon))
        return ForecastScore(
            method=method,
            part=self.stretches.part,
            horizon=horizon,
            metrics=own.intervals(),
            spread=own.spread,
            seeds=len(seeds),
            windows=windows,
            blocks=block_count(windows, self._block(horizon)),
            alpha=float(np.mean([outcomes[horizon].alpha for outcomes in seeds])),
            against=RANDOM_INIT if compared else "",
            difference=paired_difference(own, control) if compared and control is not None else {},
            fitted=seeds[0][horizon].fitted,
            dropped=seeds[0][horizon].dropped,
        )

    def _examples(self, methods: Mapping[str, _Outcomes]) -> Examples:
        """Truth around some origins, from the first instance, and what each method said."""
        values, longest = self.values[0], self.horizons[-1]
        past = min(longest, int(self.drawn[0]) + 1)
        around = self.drawn[:, None] + np.arange(1 - past, longest + 1)
        windows = values[:, around].transpose(1, 0, 2)
        said = {
            name: outcomes[longest].example.transpose(0, 2, 1).astype(np.float32)
            for name, outcomes in methods.items()
        }
        return Examples(self.drawn, windows[:, :, :past], windows[:, :, past:], said)


def _beside(channels: Sequence[_Outcome]) -> _Outcome:
    return _Outcome(
        beside([outcome.errors for outcome in channels]),
        np.concatenate([outcome.example for outcome in channels], axis=-1),
        fitted=min(outcome.fitted for outcome in channels),
        dropped=max(outcome.dropped for outcome in channels),
    )


def _finite(method: str, features: Array, protocol: _Protocol) -> Array:
    """Which steps have finite features; refuses features that cannot be scored."""
    stretches, steps = protocol.stretches, len(protocol.instances[0])
    needed = stretches.score[1]
    if features.ndim != 2 or not needed <= len(features) <= steps:
        raise DataError(
            f"the features of {method} have shape {features.shape}, but the first {needed} of the {steps} steps "
            f"are needed; give one row a step, shape ({needed} or more, dim)"
        )
    finite = np.asarray(np.isfinite(features[:needed]).all(axis=1))
    for start, stop in (stretches.choose, stretches.score):
        if not finite[start:stop].all():
            at = start + int(np.argmin(finite[start:stop]))
            raise DataError(
                f"the features of {method} are not finite at step {at}, which has to be forecast from; every "
                "step outside the training part needs features"
            )
    return finite


def _check_instances(instances: Sequence[Series], stretches: Stretches) -> None:
    if not instances:
        raise DataError("there is no series to forecast; give at least one")
    first = instances[0]
    for series in instances:
        told = len(series), series.channels, series.period
        if told != (len(first), first.channels, first.period):
            raise DataError(
                f"series {series.source or 'without a name'} differs from the first one in length, channels "
                "or period; forecast them apart"
            )
    if len(first) < stretches.score[1]:
        raise DataError(
            f"the series has {len(first)} steps, fewer than the {stretches.score[1]} of the split; "
            "split it anew"
        )

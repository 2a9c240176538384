"""Scores of forecasts: by what was trained to forecast, and by ridges on frozen features, beside baselines.

A ridge is fitted on the training part, its penalty is chosen on the validation part, and the test part is
only scored; see :class:`~tsrep.evaluation.forecasts.spans.EvaluationSpans` for the validation part.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from tsrep.errors import ConfigError, DataError
from tsrep.evaluation.arrays import Array
from tsrep.evaluation.forecasts.baselines import BASELINES, RIDGE_NLINEAR, last_values
from tsrep.evaluation.forecasts.checks import checked
from tsrep.evaluation.forecasts.errors import Forecast
from tsrep.evaluation.forecasts.evaluation import SeriesEvaluation
from tsrep.evaluation.forecasts.heads import fit_head
from tsrep.evaluation.forecasts.outcomes import Measuring, Outcome, Outcomes
from tsrep.evaluation.forecasts.ridge import FrozenFeatures
from tsrep.evaluation.forecasts.settings import ForecastSettings
from tsrep.evaluation.forecasts.spans import EvaluationSpans
from tsrep.evaluation.forecasts.summary import summarise
from tsrep.evaluation.scores import Scores

STRONGER = (1e4, 1e5)  # penalties for representations, which may have more features than there are rows


def score_representations(
    features: Mapping[str, Iterable[Sequence[Array]]],
    evaluation: SeriesEvaluation,
    settings: ForecastSettings,
) -> Scores:
    """Score methods by ridges from the representation of a step to the values that follow it.

    Parameters
    ----------
    features : mapping of method to an iterable over seeds of sequences over instances
        Of float arrays, shape (time, dim): row ``t`` represents step ``t`` and rests on no later step. What
        is made as it is asked for is held for one seed at a time.
    evaluation : SeriesEvaluation
    settings : ForecastSettings

    Returns
    -------
    Scores
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
    spans = EvaluationSpans(evaluation.split, evaluation.part)
    spans.check(settings)
    measuring = Measuring(evaluation.instances, spans, settings, evaluation.on_step)
    methods = measuring.baselines() | {
        method: list(map(partial(measuring.represented, method), seeds)) for method, seeds in features.items()
    }
    return summarise(measuring, methods, evaluation.control, evaluation.seed)


def score_forecasters(
    forecasters: Mapping[str, Iterable[Forecast]],
    frozen: Mapping[str, Iterable[FrozenFeatures]],
    evaluation: SeriesEvaluation,
    settings: ForecastSettings,
) -> Scores:
    """Score forecasters as they are, and ridges on frozen features of look-backs.

    Parameters
    ----------
    forecasters : mapping of method to an iterable over seeds of callables
        Of an instance's number and an int array of steps: forecasts on the scale of the instances, shape
        (row, horizon, channel), each from the look-back that ends at its step. Asked for any number of steps.
    frozen : mapping of method to an iterable over seeds of FrozenFeatures
        What stands for the look-back that ends at each step. A ridge in closed form forecasts from it: one
        for all channels, its penalty (one of the settings', or a stronger one) chosen on the validation
        part. So are scored random initialisations and encoders that were trained without forecasting. What is
        made as it is asked for is held for one seed at a time.
    evaluation : SeriesEvaluation
        With look-back and horizon; ridge-nlinear, one for all channels here, looks back as far.
    settings : ForecastSettings
        Its penalties, largest number of rows and bootstrap resamples; horizons and context are not used.

    Returns
    -------
    Scores
        Baselines first, then forecasters and frozen features in their order.

    Raises
    ------
    ConfigError
        When a part is too short for the horizon, or a method is named twice.
    DataError
        When forecasts have another shape or are not finite, or the training part is shorter than look-back
        and horizon together.

    Notes
    -----
    Every window whose targets lie inside the part counts, N - H + 1 of N steps; its look-back may reach into
    the parts before. Gaps are handed to forecasters as they are; a missing target counts in no error.

    A forecast that is not finite is an error and not left out, as no method may choose its windows.
    """
    instances, horizon, lookback = evaluation.instances, evaluation.horizon, evaluation.lookback
    _check(horizon, lookback, [*BASELINES, *forecasters, *frozen])
    reach = max(lookback, 2)  # ridge-nlinear needs a value besides the last one
    settings = replace(settings, horizons=(horizon,), skip=reach - 1)
    spans = EvaluationSpans(evaluation.split, evaluation.part, reach_back=True)
    _check_history(spans, reach, horizon)
    spans.check(settings)
    measuring = Measuring(instances, spans, settings, evaluation.on_step)

    def forecast(method: str, said: Forecast) -> Outcomes:
        measuring.on_step(method)
        return {horizon: measuring.measured(checked(said, instances, horizon, method), horizon)}

    def head(method: str, given: FrozenFeatures) -> Outcomes:
        alphas = settings.alphas if method == RIDGE_NLINEAR else (*settings.alphas, *STRONGER)
        found = fit_head(given, measuring, horizon, method, alphas)
        outcome: Outcome = forecast(method, found.forecast)[horizon]
        return {horizon: replace(outcome, alpha=found.alpha, fitted=found.fitted, dropped=found.dropped)}

    linear = last_values(measuring.values, spans.train, reach)
    methods = measuring.rules() | {RIDGE_NLINEAR: [head(RIDGE_NLINEAR, linear)]}
    methods |= {method: [forecast(method, said) for said in seeds] for method, seeds in forecasters.items()}
    methods |= {method: [head(method, given) for given in seeds] for method, seeds in frozen.items()}
    return summarise(measuring, methods, evaluation.control, evaluation.seed, lookback=lookback)


def _check(horizon: int, lookback: int, methods: Sequence[str]) -> None:
    if horizon < 1 or lookback < 1:
        raise ConfigError(
            f"a horizon of {horizon} and a look-back of {lookback} cannot be scored; each must be 1 or more"
        )
    for method in methods:
        if methods.count(method) > 1:
            raise ConfigError(f"there are two methods called {method!r}; give them different names")


def _check_history(spans: EvaluationSpans, lookback: int, horizon: int) -> None:
    """Refuse a look-back that leaves nothing to fit; a shorter one is there before all that is scored."""
    steps = spans.fit[1] - spans.fit[0]
    if steps < lookback + horizon:
        fitted = "" if spans.part == "test" else "four fifths of "
        raise DataError(
            f"the series has {steps} steps in {fitted}the training part, fewer than a look-back "
            f"of {lookback} and a horizon of {horizon} together; shorten one of them"
        )

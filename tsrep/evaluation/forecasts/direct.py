"""The evaluation of forecasters that are trained end to end, beside baselines on the same windows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from tsrep.errors import ConfigError, DataError
from tsrep.evaluation.forecasts.baselines import BASELINES, RIDGE_NLINEAR
from tsrep.evaluation.forecasts.checks import checked
from tsrep.evaluation.forecasts.errors import Forecast
from tsrep.evaluation.forecasts.heads import FrozenFeatures, fit_head, last_values
from tsrep.evaluation.forecasts.outcomes import Measuring, Outcome, Outcomes
from tsrep.evaluation.forecasts.settings import ForecastSettings
from tsrep.evaluation.forecasts.spans import EvaluationSpans, Part
from tsrep.evaluation.forecasts.summary import check_instances, summarise
from tsrep.evaluation.scores import RANDOM_INIT, Scores
from tsrep.signals.series import Series
from tsrep.splits.by_time import TimeSplit

__all__ = ["Forecast", "FrozenFeatures", "direct_scores"]

STRONGER = (1e4, 1e5)  # penalties for representations, which may have more features than there are rows


def direct_scores(
    forecasters: Mapping[str, Iterable[Forecast]],
    frozen: Mapping[str, Iterable[FrozenFeatures]],
    instances: Sequence[Series],
    split: TimeSplit,
    settings: ForecastSettings,
    *,
    horizon: int,
    lookback: int,
    part: Part = "test",
    control: str = RANDOM_INIT,
    seed: int = 0,
    on_step: Callable[[str], None] | None = None,
) -> Scores:
    """Score forecasters as they are, and ridges on frozen representations of look-backs.

    Parameters
    ----------
    forecasters : mapping of method to an iterable over seeds of callables
        Of an instance's number and an int array of steps: forecasts on the scale of the instances, shape
        (row, horizon, channel), each from the look-back that ends at its step. Asked for any number of steps.
    frozen : mapping of method to an iterable over seeds of Represented
        What stands for the look-back that ends at each step. A ridge in closed form forecasts from it: one
        for all channels, its penalty (one of the settings', or a stronger one) chosen on the validation
        part. So are scored a frozen random encoder
        and encoders that were trained without forecasting. What is made as it is asked for is held for one
        seed at a time.
    instances : sequence of Series
        Equally long, with the same channels and period, standardised on the training part. Their values are
        the targets.
    split : TimeSplit
        Of every instance.
    settings : ForecastSettings
        Its penalties, largest number of rows and resamples; horizons and context are not used.
    horizon, lookback : int
        In steps. ridge-nlinear, one for all channels here, looks back as far as the forecasters do.
    part : str
        What is scored; see :class:`~tsrep.evaluation.forecasts.spans.Stretches` for what then chooses the
        penalties.
    control : str
        The method, if there is one of that name, that all others get a paired difference from.
    seed : int
        Of the bootstrap.
    on_step : callable, optional
        Told what has been scored.

    Returns
    -------
    Scores
        Baselines first, then forecasters and representations in their order.

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
    _check(horizon, lookback, [*BASELINES, *forecasters, *frozen])
    reach = max(lookback, 2)  # ridge-nlinear needs a value besides the last one
    settings = replace(settings, horizons=(horizon,), skip=reach - 1)
    spans = EvaluationSpans(split, part, reach_back=True)
    _check_history(spans, reach, horizon)
    spans.check(settings)
    check_instances(instances, spans)
    measuring = Measuring(instances, spans, settings, on_step or (lambda _: None))

    def forecast(method: str, said: Forecast) -> Outcomes:
        measuring.on_step(method)
        return {horizon: measuring.measured(checked(said, instances, horizon, method), horizon)}

    def head(method: str, given: FrozenFeatures) -> Outcomes:
        alphas = settings.alphas if method == RIDGE_NLINEAR else (*settings.alphas, *STRONGER)
        found = fit_head(given, measuring, horizon, method, alphas)
        outcome: Outcome = forecast(method, found.forecast)[horizon]
        return {horizon: replace(outcome, alpha=found.alpha, fitted=found.fitted, dropped=found.dropped)}

    linear = last_values(measuring.values, split.train, reach)
    methods = measuring.rules() | {RIDGE_NLINEAR: [head(RIDGE_NLINEAR, linear)]}
    methods |= {method: [forecast(method, said) for said in seeds] for method, seeds in forecasters.items()}
    methods |= {method: [head(method, given) for given in seeds] for method, seeds in frozen.items()}
    return summarise(measuring, methods, control, seed, lookback=lookback)


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

"""The evaluation of frozen representations by forecasting, beside baselines and a random encoder.

For every horizon a ridge maps the representation of a step to the values that follow it. Everything is
fitted on the training part, penalties are chosen on the validation part, the test part is only scored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from numpy.typing import NDArray

from tsrep.evaluation.forecasts.features import encode, validation_error
from tsrep.evaluation.forecasts.outcomes import Measuring
from tsrep.evaluation.forecasts.settings import ForecastSettings
from tsrep.evaluation.forecasts.spans import EvaluationSpans, Part
from tsrep.evaluation.forecasts.summary import check_instances, summarise
from tsrep.evaluation.scores import RANDOM_INIT, Scores
from tsrep.signals.series import Series
from tsrep.splits.by_time import TimeSplit

__all__ = ["encode", "forecast_scores", "validation_error"]

Array = NDArray[Any]


def forecast_scores(
    features: Mapping[str, Iterable[Sequence[Array]]],
    instances: Sequence[Series],
    split: TimeSplit,
    settings: ForecastSettings | None = None,
    *,
    part: Part = "test",
    control: str = RANDOM_INIT,
    seed: int = 0,
    on_step: Callable[[str], None] | None = None,
) -> Scores:
    """Score methods by ridge regressions on their frozen representations.

    Parameters
    ----------
    features : mapping of method to an iterable over seeds of sequences over instances
        Of float arrays, shape (time, dim): row ``t`` represents step ``t`` and rests on no later step. What
        is made as it is asked for is held for one seed at a time.
    instances : sequence of Series
        Equally long, with the same channels and period, standardised on the training part. Their values are
        the targets.
    split : TimeSplit
        Of every instance.
    settings : ForecastSettings, optional
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
    spans = EvaluationSpans(split, part)
    spans.check(settings)
    check_instances(instances, spans)
    measuring = Measuring(instances, spans, settings, on_step or (lambda _: None))
    methods = measuring.baselines() | {
        method: list(map(partial(measuring.represented, method), seeds)) for method, seeds in features.items()
    }
    return summarise(measuring, methods, control, seed)

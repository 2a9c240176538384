"""Forecast scores of a finished run on a series, beside random-initialised encoders and simple rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from tsrep.encoders.encoder import Encoder
from tsrep.errors import ConfigError
from tsrep.evaluation.forecasts.direct import FrozenFeatures, direct_scores
from tsrep.evaluation.forecasts.forecast_scores import ForecastScores
from tsrep.evaluation.forecasts.representation import encode, forecast_scores
from tsrep.evaluation.forecasts.spans import Part
from tsrep.evaluation.labels.scoring import RANDOM_INIT
from tsrep.forecasting.forecast import Forecast
from tsrep.runs.build import new_encoder
from tsrep.runs.config import Configuration
from tsrep.runs.direct_forecast import forecast_of, represent_of
from tsrep.runs.folder import Run
from tsrep.runs.intervals import covering
from tsrep.runs.prepare_series import PreparedSeries
from tsrep.signals.panel import Floats
from tsrep.training.distributed import pick_device

Tell = Callable[[str], None]
COVERAGE = "coverage.json"


def forecast(run: Run, config: Configuration, prepared: PreparedSeries, tell: Tell) -> ForecastScores:
    """Forecasts by the run, kept in ``forecast.json`` and ``forecast.npz``.

    A run that was trained to forecast is scored by what it says, any other by ridge forecasts from frozen
    representations. Scores of the validation part go to a folder ``validation``, so that neither part takes
    the other's place.
    """
    part = config.evaluation.part or "test"
    if part not in ("test", "validation"):
        raise ConfigError(f"the part {part!r} cannot be forecast; use test or validation")
    score = _direct if config.objective.name == "forecast" else _represented
    scores = score(run, config, prepared, part, tell)
    scores.save(run.path if part == "test" else run.path / part)
    return scores


def _direct(
    run: Run, config: Configuration, prepared: PreparedSeries, part: Part, tell: Tell
) -> ForecastScores:
    """Beside a ridge on what random encoders make of the same look-backs.

    An encoder that was trained by the contrast alone has no head, and is scored by such a ridge too.

    On the test part, how often the prediction intervals hold goes into ``coverage.json``.
    """
    device, instances, name = pick_device(config.device), prepared.instances, config.objective.name
    encoder = run.encoder()
    objective = run.objective(encoder)
    assert isinstance(objective, Forecast)

    def controls() -> Iterator[FrozenFeatures]:
        for seed in range(config.evaluation.seeds):
            start = new_encoder(config, prepared.panel, config.seed + seed)
            yield represent_of(start, objective, instances, device)

    represented: dict[str, Iterable[FrozenFeatures]] = {RANDOM_INIT: controls()}
    if objective.frozen or objective.weight == 1:
        own = represent_of(encoder, objective, instances, device)
        represented = {name if objective.weight == 1 else f"{name}, ridge": [own]} | represented
    forecasters, counted = {}, None
    if objective.weight < 1:
        said = forecast_of(run.forecaster(), instances, device)
        counted = covering(run, prepared, said) if part == "test" else None
        forecasters = {name: [said if counted is None else counted.forecast]}
    scores = direct_scores(
        forecasters,
        represented,
        instances,
        prepared.spans,
        config.evaluation.forecast,
        horizon=objective.horizon,
        lookback=objective.lookback,
        part=part,
        seed=config.seed,
        on_step=tell,
    )
    if counted is not None:
        counted.result().save(run.path / COVERAGE)
    return scores


def _represented(
    run: Run, config: Configuration, prepared: PreparedSeries, part: Part, tell: Tell
) -> ForecastScores:
    """Beside random encoders under the same ridge."""
    settings, evaluation = config.evaluation.forecast, config.evaluation
    stop = getattr(prepared.spans, part)[1]
    device = pick_device(config.device)

    def features(encoder: Encoder, what: str) -> list[Floats]:
        tell(f"encoding every step by {what}")
        return encode(
            encoder.to(device), prepared.instances, context=settings.context, stop=stop, device=device
        )

    def controls() -> Iterator[list[Floats]]:
        # one after the other: of many instances the features of one encoder fill the memory
        for seed in range(evaluation.seeds):
            yield features(
                new_encoder(config, prepared.panel, config.seed + seed), f"random encoder {seed + 1}"
            )

    return forecast_scores(
        {
            config.objective.name: (features(e, "the trained encoder") for e in [run.encoder()]),
            RANDOM_INIT: controls(),
        },
        prepared.instances,
        prepared.spans,
        settings,
        part=part,
        seed=config.seed,
        on_step=tell,
    )

"""Forecast scores of a finished run on a series, beside random-initialised encoders and simple rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tsrep.encoders.encoder import Encoder
from tsrep.errors import ConfigError
from tsrep.evaluation.forecast import encode, forecast_scores
from tsrep.evaluation.forecast_scores import ForecastScores
from tsrep.evaluation.scoring import RANDOM_INIT
from tsrep.runs.build import new_encoder
from tsrep.runs.config import Configuration
from tsrep.runs.folder import Run
from tsrep.runs.prepare_series import PreparedSeries
from tsrep.signals.panel import Floats
from tsrep.training.distributed import pick_device


def forecast(
    run: Run, config: Configuration, prepared: PreparedSeries, tell: Callable[[str], None]
) -> ForecastScores:
    """Ridge forecasts from frozen representations, kept in ``forecast.json`` and ``forecast.npz``.

    Those of the validation part go to a folder ``validation``, so that neither part takes the other's place.
    """
    settings, evaluation = config.evaluation.forecast, config.evaluation
    part = evaluation.part or "test"
    if part not in ("test", "validation"):
        raise ConfigError(f"the part {part!r} cannot be forecast; use test or validation")
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

    scores = forecast_scores(
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
    scores.save(run.path if part == "test" else run.path / part)
    return scores

"""Forecasts of a series: by what was trained to forecast, or by ridges on frozen representations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from tsrep.evaluation.candidate import Candidate
from tsrep.evaluation.forecasts.errors import Forecast
from tsrep.evaluation.forecasts.evaluation import SeriesEvaluation
from tsrep.evaluation.forecasts.features import encode
from tsrep.evaluation.forecasts.look_backs import forecast_of, frozen_features_of
from tsrep.evaluation.forecasts.ridge import FrozenFeatures
from tsrep.evaluation.forecasts.scoring import score_forecasters, score_representations
from tsrep.evaluation.forecasts.settings import ForecastSettings
from tsrep.evaluation.heads.head import Head
from tsrep.evaluation.protocols.protocol import Protocol
from tsrep.evaluation.scores import Scores
from tsrep.objectives.forecaster import Forecaster
from tsrep.objectives.objective import Objective
from tsrep.registry import PROTOCOLS
from tsrep.signals.panel import Floats


@PROTOCOLS.register("forecast")
class Forecasting(ForecastSettings, Protocol):
    """Errors of forecasts, beside seasonal-naive forecasts and ridges on past values.

    Where the objective forecasts, its own forecasts are scored as they are, and a frozen encoder by a ridge
    on what it makes of the same look-backs. Any other encoder is scored by a ridge from its representation of
    each step to the values that follow.

    Parameters
    ----------
    horizons : tuple of int
        In steps; of a trained forecaster its own horizon counts.
    context : int
        Steps before the last one in the window that is encoded.
    alphas : tuple of float
        Penalties of the ridge; the validation part chooses.
    skip : int or None
        First training steps that are not fitted; None is the context.
    largest : int
        Rows of a fit and of the choice of its penalty; of more a subsample is drawn.
    n_bootstrap : int
        Bootstrap resamples of blocks of time.

    References
    ----------
    Yue et al., "TS2Vec: Towards Universal Representation of Time Series", AAAI 2022, section 4.2 (ridge).
    """

    title, task, metric, rank = "forecasts", "series", "mse", 0

    def evaluate(
        self, candidates: Sequence[Candidate], evaluation: SeriesEvaluation
    ) -> tuple[Scores, Head | None]:
        """See :meth:`Protocol.evaluate`."""
        if evaluation.horizon:
            return score_forecasters(*self._of_look_backs(candidates, evaluation), evaluation, self), None
        features = {each.name: self._of_steps(each, evaluation) for each in candidates}
        return score_representations(features, evaluation, self), None

    def _of_steps(self, candidate: Candidate, evaluation: SeriesEvaluation) -> Iterator[list[Floats]]:
        """Representations of all steps, one encoder after the other: those of one may fill the memory."""
        stop, device = getattr(evaluation.split, evaluation.part)[1], evaluation.device
        for seed in range(candidate.count):
            evaluation.on_step(f"encoding every step by {candidate.name}, seed {seed}")
            encoder = candidate.model(seed)[0].to(device)
            yield encode(encoder, evaluation.instances, context=self.context, stop=stop, device=device)

    def _of_look_backs(
        self, candidates: Sequence[Candidate], evaluation: SeriesEvaluation
    ) -> tuple[dict[str, Iterable[Forecast]], dict[str, Iterable[FrozenFeatures]]]:
        """Trained forecasts by method, and what stands for look-backs where there are none."""
        forecasters: dict[str, Iterable[Forecast]] = {}
        frozen: dict[str, Iterable[FrozenFeatures]] = {}
        for candidate in sorted(candidates, key=lambda each: each.role == "control"):
            objective = candidate.model(0)[1]
            assert objective is not None
            said = candidate.role == "method" and objective.has_forecasts
            if said:
                forecasters[candidate.name] = _said(candidate, evaluation)
            if not said or not objective.trains_encoder:
                name = f"{candidate.name}, ridge" if said else candidate.name
                frozen[name] = _frozen(candidate, evaluation)
        return forecasters, frozen


def _said(candidate: Candidate, evaluation: SeriesEvaluation) -> Iterator[Forecast]:
    for encoder, objective in _models(candidate):
        said = forecast_of(Forecaster(encoder, objective), evaluation.instances, evaluation.device)
        yield evaluation.watched(said)


def _frozen(candidate: Candidate, evaluation: SeriesEvaluation) -> Iterator[FrozenFeatures]:
    for encoder, objective in _models(candidate):
        yield frozen_features_of(encoder, objective, evaluation.instances, evaluation.device)


def _models(candidate: Candidate) -> Iterator[tuple[Any, Objective]]:
    for seed in range(candidate.count):
        encoder, objective = candidate.model(seed)
        assert objective is not None
        yield encoder, objective

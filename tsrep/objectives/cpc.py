"""Contrastive predictive coding: the past of a signal must pick its own future among other steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from tsrep.encoders.encoder import Encoder, Positive, without_missing
from tsrep.encoders.step_rows import RectifiedStepNorm, StepConv, as_rows
from tsrep.errors import ConfigError
from tsrep.losses.prediction_contrast import drawn_prediction_contrast, full_prediction_contrast
from tsrep.losses.similarity import Temperature, unit_rows
from tsrep.objectives.objective import Objective
from tsrep.registry import OBJECTIVES
from tsrep.signals.batch import Batch
from tsrep.signals.panel import Panel

Distance = Annotated[int, Field(ge=0)]


class LocalTargets(nn.Module):
    """A description of each output step from its own input steps alone, which training throws away."""

    def __init__(self, channels: int, dim: int, stride: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            StepConv(channels, dim, stride, stride=stride),
            RectifiedStepNorm(dim),
            StepConv(dim, dim, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, channel, time)`` to ``(batch, dim, time // stride)``."""
        described: Tensor = self.layers(as_rows(without_missing(x)[0]))
        return described.squeeze(2)


@OBJECTIVES.register("cpc", runtime=("dim", "stride", "channels"))
class Cpc(Objective):
    """Predict a later step of the signal from its past, with other steps as negatives.

    Parameters
    ----------
    dim, stride : int
        Of the representation.
    channels : int
        Of the signal.
    form : {"corrected", "published"}
        Mean of all contexts, or their sum: as published, the learning rate then depends on the length.
    ahead : int
        Output steps from a context to what it predicts; the published 120 ms are 3 steps of 40 ms.
    negatives : int or "all"
        Wrong steps drawn for each context, or all steps of its sequence.
    within : {"sequence", "batch"}
        Where wrong steps are drawn from: the same sequence, which says nothing of patients, or all.
    exclusion_zone : int
        Steps this near to the right one are never wrong ones: they hardly differ from it. The published
        code has 0.
    window : int
        Wrong steps are at most so far from the context, in output steps; 0 for no limit.
    temperature : float
        Published code has 1.
    normalize : bool
        Whether steps are compared by cosine instead of by their product, as in published code.
    projection : {"linear", "mlp"}
        From the representation to what it predicts. A linear one, as in most published forms, makes the
        representation itself a linear code of the next steps, and pooled it says less of the recording than
        before training.
    targets : {"own", "encoder"}
        What is predicted: steps of a small convolution that the objective trains, for every encoder; or,
        as published, the encoder's own latent.

    Raises
    ------
    ConfigError
        When the encoder is not causal, has no latent for ``targets="encoder"``, or a sequence is too short
        for ``ahead`` or the limits on wrong steps.

    References
    ----------
    van den Oord et al., "Representation learning with contrastive predictive coding", 2018; on ECG Mehari &
    Strodthoff, 2022 and 2023 (one horizon). Deviations: the mean, an exclusion zone, and targets without
    batch normalisation, through which they knew of one another.
    """

    defaults: ClassVar[Mapping[str, Any]] = {"encoder": {"name": "s4d"}}
    local: LocalTargets | None
    predictor: nn.Module

    def __init__(
        self,
        dim: int,
        stride: int,
        channels: int,
        form: Literal["corrected", "published"] = "corrected",
        ahead: Positive = 3,
        negatives: Positive | Literal["all"] = "all",
        within: Literal["sequence", "batch"] = "sequence",
        exclusion_zone: Distance = 1,
        window: Distance = 0,
        temperature: Temperature = 0.1,
        normalize: bool = True,
        projection: Literal["linear", "mlp"] = "mlp",
        targets: Literal["own", "encoder"] = "own",
    ) -> None:
        super().__init__()
        if negatives == "all" and within == "batch":
            raise ConfigError(
                "objective.negatives is 'all', which is for objective.within 'sequence'; give a number of "
                "negatives to draw from the batch"
            )
        self.mean, self.ahead, self.negatives, self.within = form == "corrected", ahead, negatives, within
        self.exclusion_zone, self.window = exclusion_zone, window
        self.temperature, self.normalize, self.projection = temperature, normalize, projection
        own = targets == "own"
        self.register_module("local", LocalTargets(channels, dim, stride) if own else None)

    def attach(self, encoder: Encoder) -> None:
        """Check the encoder, and make the map from its representation to the targets."""
        if not encoder.causal:
            raise ConfigError(
                f"objective cpc predicts later steps from earlier ones, but {type(encoder).__name__} sees "
                "later ones; use a causal encoder: s4d, conv-s4d, causal-tcn, lstm or gru"
            )
        width = encoder.dim if self.local is not None else encoder.latent_dim
        if width is None:
            raise ConfigError(
                f"objective.targets is 'encoder', but {type(encoder).__name__} has no latent before its "
                "steps know of one another; use s4d or conv-s4d, or targets 'own'"
            )
        first = [nn.Linear(encoder.dim, encoder.dim), nn.ReLU()] if self.projection == "mlp" else []
        self.predictor = nn.Sequential(*first, nn.Linear(encoder.dim, width, bias=False))

    def refuse_unfit(self, encoder: Encoder, train: Panel) -> None:
        """See :class:`Objective`: windows too short to predict in."""
        self._allowed(train.length // encoder.stride, torch.device("cpu"))

    def forward(self, encoder: Encoder, batch: Batch, *, generator: torch.Generator) -> dict[str, Tensor]:
        """Term ``prediction``; see :class:`Objective`."""
        z, target = self._encoded(encoder, batch.x)  # (batch, dim, time), (batch, width, time)
        allowed = self._allowed(target.shape[2], target.device)
        prediction, target = self.predictor(z.mT), target.mT
        if self.normalize:
            prediction, target = unit_rows(prediction), unit_rows(target)
        if self.negatives == "all":
            losses = full_prediction_contrast(
                prediction, target, self.ahead, allowed, temperature=self.temperature
            )
        else:
            wrong = self._draw(allowed, len(target), self.negatives, generator)
            losses = drawn_prediction_contrast(
                prediction, target, self.ahead, wrong, temperature=self.temperature
            )
        per_sample = losses.mean(1) if self.mean else losses.sum(1)
        return {"prediction": per_sample.mean()}

    def _encoded(self, encoder: Encoder, x: Tensor) -> tuple[Tensor, Tensor]:
        if self.local is not None:
            return encoder(x), self.local(x)
        latent = encoder.latent(x)
        return encoder.context(latent), latent

    def _allowed(self, time: int, device: torch.device) -> Tensor:
        """Steps that may be wrong ones of each context, shape (time - ahead, time)."""
        context = torch.arange(max(0, time - self.ahead), device=device)[:, None]
        step = torch.arange(time, device=device)
        allowed = (step - context - self.ahead).abs() > self.exclusion_zone
        if self.window:
            allowed &= (step - context).abs() <= self.window
        if not len(allowed) or not allowed.any(1).all():
            raise ConfigError(
                f"objective cpc has sequences of {time} steps, too short for objective.ahead {self.ahead} "
                f"with objective.exclusion_zone {self.exclusion_zone} and objective.window {self.window}; "
                "give longer windows, an encoder of smaller stride, or other values"
            )
        return allowed

    def _draw(self, allowed: Tensor, batch: int, count: int, generator: torch.Generator) -> Tensor:
        """Wrong steps, counted through the batch, shape (time - ahead, batch, count)."""
        contexts, time = allowed.shape
        step = torch.multinomial(allowed.float(), batch * count, replacement=True, generator=generator)
        step = step.view(contexts, batch, count)
        own = torch.arange(batch, device=allowed.device)[:, None]
        if self.within == "sequence":
            return own * time + step
        anyone = torch.randint(batch, step.shape, generator=generator, device=allowed.device)
        return anyone * time + step

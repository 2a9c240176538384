"""MoCo: a sample must find the key that a slow copy of the encoder gives it among keys of other samples."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import torch
from pydantic import Field, NonNegativeInt
from torch import Tensor, nn

from tsrep.encoders.encoder import Encoder, Positive
from tsrep.encoders.pooling import pool
from tsrep.losses.infonce import InfoNCE
from tsrep.losses.similarity import Temperature
from tsrep.objectives.chosen_loss import ChosenLoss, chosen_loss, needs_of_loss, refuse_temperature
from tsrep.objectives.momentum_queue import ExclusionZone, MomentumContrast
from tsrep.objectives.objective import Objective
from tsrep.objectives.teacher import Momentum
from tsrep.registry import OBJECTIVES
from tsrep.signals.batch import Batch
from tsrep.signals.panel import Panel
from tsrep.views.combined import ChosenView, ExceptCovariates
from tsrep.views.timestamp_masks import binomial_mask


@OBJECTIVES.register("moco", runtime=("dim", "channels", "covariates"))
class MoCo(Objective):
    """Queries of the encoder against keys of its slow copy, in the batch and in a queue of past keys.

    Parameters
    ----------
    dim : int
        Width of the representation.
    channels, covariates : int
        Of the signal; the first ``covariates`` channels are known covariates, which no view alters.
    view : name or settings of a view
        Each sample draws its own, and the two views of a sample are independent.
    views : {"both", "key"}
        Which sides are altered (and masked): both, or the keys alone, their queries being the samples.
    masked_steps : float
        Probability that the latent of a time step is zeroed, drawn anew for each view.
    pooling : {"random-step", "last", "mean", "max"}
        What is contrasted: a step drawn for the whole batch and both sides, or a pool over all steps.
    hidden, projection : int
        Widths of the projection head; it serves the loss alone.
    temperature : float
        Of InfoNCE; a chosen loss has settings of its own. Published code of contrastive forecasting has 1, at
        which the loss hardly separates keys.
    queue : int
        Number of past keys; it need not be a multiple of the batch. With 0 the batch gives the negatives.
    momentum : float
        Of the slow copy of encoder and head, per step.
    exclusion_zone : int or None
        In steps. Windows of one record whose starts are less than this apart are no negatives of one
        another; null is the window length (those that overlap), 0 is off, as published. See
        :class:`tsrep.objectives.momentum_queue.MomentumContrast` for what a record is.
    loss : name or settings of a loss, or None
        In place of InfoNCE: one that contrasts rows with candidates, such as ``dcl``, as keys have no
        gradient.

    Raises
    ------
    ConfigError
        When the loss does not contrast rows with candidates.

    References
    ----------
    He et al., "Momentum Contrast", CVPR 2020; on series Woo et al., "CoST", ICLR 2022, and Zhang et al.,
    "What Constitutes Good Contrastive Learning in Time-Series Forecasting?", 2023. Deviations from the
    public code of the latter: rows of the queue have unit length, evaluation moves neither queue nor copy,
    views are drawn per sample, and the exclusion zone.
    """

    def __init__(
        self,
        dim: int,
        channels: int,
        covariates: int = 0,
        view: ChosenView = "scale-shift-jitter",
        views: Literal["both", "key"] = "both",
        masked_steps: Annotated[float, Field(ge=0, lt=1)] = 0.0,
        pooling: Literal["random-step", "last", "mean", "max"] = "random-step",
        hidden: Positive = 256,
        projection: Positive = 128,
        temperature: Temperature = 0.1,
        queue: NonNegativeInt = 512,
        momentum: Momentum = 0.999,
        exclusion_zone: ExclusionZone = None,
        loss: ChosenLoss = None,
    ) -> None:
        super().__init__()
        refuse_temperature(MoCo, loss, temperature)
        self.view = ExceptCovariates.of(view, channels=channels, covariates=covariates)
        self.views = views
        self.masked_steps, self.pooling = masked_steps, pooling
        self.head = nn.Sequential(nn.Linear(dim, hidden), nn.ReLU(), nn.Linear(hidden, projection))
        chosen = chosen_loss(loss, InfoNCE(temperature))
        self.contrast = MomentumContrast(projection, queue, chosen, momentum, exclusion_zone)
        self.needs = chosen.needs

    @classmethod
    def needs_of(cls, settings: Any) -> frozenset[str]:
        """Those of the loss."""
        return needs_of_loss(settings.loss)

    def refuse_unfit(self, encoder: Encoder, train: Panel) -> None:
        """Ask the loss."""
        self.contrast.loss.refuse_unfit(train)

    def attach(self, encoder: Encoder) -> None:
        """Make the slow copy of encoder and head."""
        self.contrast.attach(encoder, self.head)

    def forward(self, encoder: Encoder, batch: Batch, *, generator: torch.Generator) -> dict[str, Tensor]:
        """Term ``contrast``, or those of the chosen loss; see :class:`Objective`."""
        query = self._viewed(batch.x, generator) if self.views == "both" else (batch.x, None)
        key = self._viewed(batch.x, generator)  # draws of its own: the two views are independent
        z = encoder(*query)  # (batch, dim, time')
        step = torch.randint(z.shape[2], (1,), generator=generator, device=z.device)
        with torch.no_grad():  # keys are targets: their copy follows and is never trained
            slow_encoder, slow_head = self.contrast.copies()
            keys = slow_head(self._pooled(slow_encoder(*key), step))
        queries = self.head(self._pooled(z, step))
        terms: dict[str, Tensor] = self.contrast(queries, keys, batch, encoder, self.head)
        return terms

    def after_step(self) -> None:
        """Move copy and queue."""
        self.contrast.after_step()

    def _viewed(self, x: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor | None]:
        view = self.view(x, generator=generator)
        if self.masked_steps == 0:
            return view, None
        return view, binomial_mask(*x.shape[::2], generator=generator, probability=1 - self.masked_steps)

    def _pooled(self, z: Tensor, step: Tensor) -> Tensor:
        return z.index_select(2, step)[..., 0] if self.pooling == "random-step" else pool(z, self.pooling)

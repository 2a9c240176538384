"""SimCLR: two augmented views of a whole sample against those of all other samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import torch
from pydantic import Field, NonNegativeFloat, PositiveInt
from torch import Tensor, nn

from tsrep.encoders.encoder import Encoder
from tsrep.encoders.pooling import pool
from tsrep.losses.nt_xent import NTXent
from tsrep.losses.similarity import Learnable
from tsrep.objectives.chosen_loss import (
    ChosenLoss,
    chosen_loss,
    needs_of_loss,
    refuse_temperature,
    two_view_terms,
)
from tsrep.objectives.objective import Objective
from tsrep.registry import OBJECTIVES
from tsrep.signals.batch import Batch
from tsrep.signals.panel import Ints, Panel
from tsrep.views.amplitude import BaselineWander, Jitter, Scale
from tsrep.views.combined import Compose, ExceptCovariates
from tsrep.views.masking import CutOut, LeadDropout
from tsrep.views.timing import WindowSlice
from tsrep.views.view import Share, View


@OBJECTIVES.register("simclr", runtime=("dim", "covariates"))
class SimCLR(Objective):
    """Augment twice, encode both views in one pass, pool, project, contrast by NT-Xent.

    Every augmentation is switched off by its neutral value. Amplitudes are in standard deviations of
    the signal.

    Parameters
    ----------
    dim : int
        Width of the representation.
    covariates : int
        Leading channels that no augmentation alters.
    temperature : float or "learned"
        Of NT-Xent; a chosen loss has settings of its own.
    pooling : str
        Over time: ``"max"`` or ``"mean"``.
    hidden, projection : int
        Widths of the projection head; it serves the loss alone and is not evaluated.
    crop : float
        Least part of the sample that is resampled to the whole length; 1 is off.
    scale : float
        Spread of the logarithm of each channel's factor.
    leads : float
        Probability that a channel is zeroed.
    wander : float
        Spread of the baseline's amplitude.
    cut : float
        Longest zeroed part of the sample.
    jitter : float
        Standard deviation of white noise.
    loss : name or settings of a loss, or None
        In place of NT-Xent, such as ``dcl`` or ``{name: supcon, by: patient}``.

    References
    ----------
    Chen et al., "A Simple Framework for Contrastive Learning", ICML 2020. Deviations: augmentations of
    signals in place of images, and no batch normalisation in the projection head, so that samples meet only
    in the loss.
    """

    def __init__(
        self,
        dim: int,
        covariates: int = 0,
        temperature: Learnable = 0.1,
        pooling: Literal["max", "mean"] = "max",
        hidden: PositiveInt = 256,
        projection: PositiveInt = 128,
        crop: Annotated[float, Field(gt=0, le=1)] = 0.7,
        scale: NonNegativeFloat = 0.2,
        leads: Share = 0.2,
        wander: NonNegativeFloat = 0.1,
        cut: Share = 0.2,
        jitter: NonNegativeFloat = 0.05,
        loss: ChosenLoss = None,
    ) -> None:
        super().__init__()
        refuse_temperature(SimCLR, loss, temperature)
        self.loss = chosen_loss(loss, NTXent(temperature))
        self.needs = self.loss.needs
        self.pooling = pooling
        self.hidden, self.projection = hidden, projection
        # Without batch normalisation, which would let samples see one another outside of the loss.
        self.head = nn.Sequential(nn.Linear(dim, hidden), nn.ReLU(), nn.Linear(hidden, projection))
        # A neutral view would still draw, and cost a pass over the batch.
        choices: list[tuple[bool, View]] = [
            (crop < 1, WindowSlice(crop)),
            (scale > 0, Scale(scale)),
            (leads > 0, LeadDropout(leads)),
            (wander > 0, BaselineWander(wander)),
            (cut > 0, CutOut(cut)),
            (jitter > 0, Jitter(jitter)),
        ]
        self.view = ExceptCovariates(Compose(tuple(view for used, view in choices if used)), covariates)

    @classmethod
    def needs_of(cls, settings: Any) -> frozenset[str]:
        """Those of the loss."""
        return needs_of_loss(settings.loss)

    def refuse_unfit(self, encoder: Encoder, train: Panel) -> None:
        """Ask the loss."""
        self.loss.refuse_unfit(train)
        self.loss.refuse_head(self.hidden, self.projection)

    def refuse_batches(self, encoder: Encoder, train: Panel, batches: Sequence[Ints]) -> None:
        """See :class:`Objective`; and what the loss refuses."""
        super().refuse_batches(encoder, train, batches)
        self.loss.refuse_batches(train, batches, self.projection, "objective.projection")

    def forward(self, encoder: Encoder, batch: Batch, *, generator: torch.Generator) -> dict[str, Tensor]:
        """Term ``contrast``, or those of the chosen loss; see :class:`Objective`."""
        both = self.view(torch.cat([batch.x, batch.x]), generator=generator)  # (2 batch, channel, time)
        z1, z2 = self.head(pool(encoder(both), self.pooling)).chunk(2)
        return two_view_terms(self.loss, z1, z2, batch, generator=generator)

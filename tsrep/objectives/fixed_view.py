"""The contrast of AutoTCL with a view that nobody learns: what the learned one is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from tsrep.encoders.encoder import Encoder
from tsrep.losses.infonce import InfoNCE
from tsrep.losses.similarity import Temperature
from tsrep.objectives.autotcl import Share, ViewContrast, Weight
from tsrep.objectives.chosen_loss import ChosenLoss, chosen_loss, needs_of_loss
from tsrep.objectives.objective import Objective
from tsrep.registry import OBJECTIVES
from tsrep.signals.batch import Batch
from tsrep.signals.panel import Ints, Panel
from tsrep.views.combined import ChosenView, ExceptCovariates


@OBJECTIVES.register("fixed-view", runtime=("channels", "covariates"))
class FixedView(Objective):
    """Contrast samples with views of a fixed kind, by the encoder's side of ``autotcl``.

    Parameters
    ----------
    channels, covariates : int
        Of the signal; the first ``covariates`` channels are known covariates, which no view alters.
    view : name or settings of a view
    noise, temperature, local_weight : float
        See :class:`tsrep.objectives.autotcl_paper.PaperForm`; equal defaults, so that the two differ in
        the view only.
    loss : name or settings of a loss, or None
        In place of the global InfoNCE at ``temperature``.

    References
    ----------
    Zheng et al., ICLR 2024, table 4, rows "Cutout", "Jitter" and "Random Aug".
    """

    def __init__(
        self,
        channels: int,
        covariates: int,
        view: ChosenView = "jitter",
        noise: Share = 0.5,
        temperature: Temperature = 1.0,
        local_weight: Weight = 0.3,
        loss: ChosenLoss = None,
    ) -> None:
        super().__init__()
        self.view = ExceptCovariates.of(view, channels=channels, covariates=covariates)
        self.loss = chosen_loss(loss, InfoNCE(temperature))
        self.needs = self.loss.needs
        self.contrast = ViewContrast(
            noise, temperature, local_weight, loss=None if loss is None else self.loss
        )

    @classmethod
    def needs_of(cls, settings: Any) -> frozenset[str]:
        """Those of the loss."""
        return needs_of_loss(settings.loss)

    def refuse_unfit(self, encoder: Encoder, train: Panel) -> None:
        """Ask the loss."""
        self.loss.refuse_unfit(train)

    def refuse_batches(self, encoder: Encoder, train: Panel, batches: Sequence[Ints]) -> None:
        """See :class:`Objective`; and what the loss refuses."""
        super().refuse_batches(encoder, train, batches)
        self.loss.refuse_batches(train, batches, encoder.dim, "encoder.dim")

    def forward(self, encoder: Encoder, batch: Batch, *, generator: torch.Generator) -> dict[str, Tensor]:
        """Terms ``global`` and ``local``; see :class:`Objective`."""
        view = self.view(batch.x, generator=generator)
        # Samples themselves are the anchors, as in autotcl: only their views are altered.
        return self.contrast(encoder, batch.x, view, generator=generator, batch=batch)

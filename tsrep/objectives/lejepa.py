"""LeJEPA: views of a sample agree, and every projection of their representations is standard normal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field, NonNegativeInt
from torch import Tensor, nn

from tsrep.encoders.encoder import Encoder, Positive
from tsrep.encoders.pooling import pool
from tsrep.errors import ConfigError
from tsrep.losses.loss import refuse_views
from tsrep.losses.sigreg import SIGReg
from tsrep.objectives.chosen_loss import ChosenLoss, chosen_loss, needs_of_loss, view_terms
from tsrep.objectives.objective import Objective
from tsrep.registry import OBJECTIVES
from tsrep.signals.batch import Batch
from tsrep.signals.panel import Ints, Panel
from tsrep.views.combined import ChosenView, ExceptCovariates
from tsrep.views.view import View


@OBJECTIVES.register("lejepa", runtime=("dim", "stride", "channels", "covariates"))
class LeJepa(Objective):
    """Two views of the whole sample and some of short pieces of it, all drawn to the mean of the two.

    There is no teacher, no predictor and no negative; the loss itself keeps representations apart.

    Parameters
    ----------
    dim, stride : int
        Of the representation.
    channels, covariates : int
        Of the signal; the first ``covariates`` channels are known covariates, which no view alters.
    view : name or settings of a view
        Of the sample, and of each of its pieces.
    local_views : int
        Number of pieces.
    local_share : float
        Length of a piece, as a share of the sample.
    pooling : {"max", "mean"}
        Over time.
    hidden, projection : int
        Widths of the projection head; it serves the loss alone.
    weight : float
        Of the normality, see :class:`tsrep.losses.sigreg.SIGReg`; without it, or with little of it,
        projections collapse. Of a batch of 128 the default is the published 0.03.
    loss : name or settings of a loss, or None
        In place of SIGReg, one that takes so many views, such as ``vicreg``.

    Raises
    ------
    ConfigError
        When pieces are shorter than one step of the representation, or the loss takes fewer views.

    References
    ----------
    Balestriero and LeCun, "LeJEPA", 2025. Deviations: signals in place of images; the normality is divided
    by the batch, so that ``weight`` does not depend on it (``loss: {name: sigreg, per_sample: false}`` is the
    published one); the head has no batch normalisation.
    """

    defaults: ClassVar[dict[str, Any]] = {"encoder": {"name": "resnet1d", "width": 32, "dim": 128}}

    def __init__(
        self,
        dim: int,
        stride: int,
        channels: int,
        covariates: int = 0,
        view: ChosenView = "compose",
        local_views: NonNegativeInt = 4,
        local_share: Annotated[float, Field(gt=0, le=1)] = 0.4,
        pooling: Literal["max", "mean"] = "mean",
        hidden: Positive = 256,
        projection: Positive = 64,
        weight: Annotated[float, Field(ge=0, le=1)] = 0.8,
        loss: ChosenLoss = None,
    ) -> None:
        super().__init__()
        self.view = ExceptCovariates.of(view, channels=channels, covariates=covariates)
        self.loss = chosen_loss(loss, SIGReg(weight, per_sample=True))
        refuse_views(self.loss, 2 + local_views)
        self.needs = self.loss.needs
        self.stride, self.pooling = stride, pooling
        self.local_views, self.local_share = local_views, local_share
        self.hidden, self.projection = hidden, projection
        self.head = nn.Sequential(nn.Linear(dim, hidden), nn.ReLU(), nn.Linear(hidden, projection))

    @classmethod
    def needs_of(cls, settings: Any) -> frozenset[str]:
        """Those of the loss."""
        return needs_of_loss(settings.loss)

    def refuse_unfit(self, encoder: Encoder, train: Panel) -> None:
        """See :class:`Objective`: pieces of no step; and what the loss refuses."""
        self._piece(train.length)
        self.loss.refuse_unfit(train)
        self.loss.refuse_head(self.hidden, self.projection)

    def refuse_batches(self, encoder: Encoder, train: Panel, batches: Sequence[Ints]) -> None:
        """See :class:`Objective`; and what the loss refuses."""
        super().refuse_batches(encoder, train, batches)
        self.loss.refuse_batches(train, batches, self.projection, "objective.projection")

    def forward(self, encoder: Encoder, batch: Batch, *, generator: torch.Generator) -> dict[str, Tensor]:
        """Terms of the loss, by default ``invariance`` and ``normality``; see :class:`Objective`."""
        whole = torch.cat([batch.x, batch.x])  # (2 batch, channel, time)
        rows = [self._projected(encoder, whole, generator)]
        if self.local_views:
            rows.append(self._projected(encoder, self._pieces(batch.x, generator), generator))
        z = torch.cat(rows).view(2 + self.local_views, len(batch), -1)  # (view, batch, projection)
        return view_terms(self.loss, z, batch, generator=generator)

    def _projected(self, encoder: Encoder, x: Tensor, generator: torch.Generator) -> Tensor:
        z = pool(encoder(self.view(x, generator=generator)), self.pooling)
        projected: Tensor = self.head(z)
        return projected

    def _pieces(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Random pieces of each sample, shape (local_views * batch, channel, steps)."""
        steps, several = self._piece(x.shape[-1]), x.repeat(self.local_views, 1, 1)
        place = torch.rand(len(several), generator=generator, device=x.device)
        start = (place * (x.shape[-1] - steps + 1)).long()
        at = start[:, None] + torch.arange(steps, device=x.device)  # (local_views * batch, steps)
        return several.take_along_dim(at[:, None], dim=2)

    def _piece(self, time: int) -> int:
        """Steps of a piece of a sample of so many."""
        if (steps := round(self.local_share * time)) >= self.stride or not self.local_views:
            return steps
        raise ConfigError(
            f"objective lejepa cuts pieces of {steps} of {time} steps, fewer than the {self.stride} steps of "
            "one step of the encoder; raise objective.local_share, give longer windows, or set "
            "objective.local_views to 0"
        )

    def own_view(self) -> View:
        """The fixed view, which leaves covariates as they are."""
        return self.view

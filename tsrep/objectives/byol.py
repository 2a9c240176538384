"""BYOL: one view of a sample predicts what a slow copy of the encoder makes of the other view."""

from __future__ import annotations

import math
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from tsrep.encoders.encoder import Encoder, Positive
from tsrep.encoders.pooling import pool
from tsrep.losses.similarity import unit_rows
from tsrep.objectives.objective import Objective
from tsrep.objectives.teacher import Momentum, Teacher
from tsrep.registry import OBJECTIVES
from tsrep.signals.batch import Batch
from tsrep.views.combined import ChosenView, ExceptCovariates
from tsrep.views.view import View

HeadNorm = Literal["batch", "none"]


@OBJECTIVES.register("byol", runtime=("dim", "channels", "covariates"))
class Byol(Objective):
    """Predict the projection of a sample's other view by a slow copy of encoder and projection head.

    There are no negatives. What keeps representations from becoming one constant is that the copy gets no
    gradient and moves slowly, the predictor, and the batch normalisation of the heads.

    Parameters
    ----------
    dim : int
        Width of the representation.
    channels, covariates : int
        Of the signal; the first ``covariates`` channels are known covariates, which no view alters.
    view : name or settings of a view
        Drawn twice for each sample.
    pooling : {"max", "mean"}
        Over time.
    hidden, projection : int
        Widths of the projection head and of the predictor; both serve the loss alone.
    norm : {"batch", "none"}
        In the hidden layer of both. ``"batch"`` takes mean and variance from the samples of one process, so
        several processes do not equal one with the whole batch.
    predictor : bool
        Without it, and with ``momentum`` 0, representations collapse.
    momentum : float
        Of the copy, per step, at the start; it rises to 1 at the end of training by half a cosine.

    References
    ----------
    Grill et al., "Bootstrap Your Own Latent", NeurIPS 2020, equations 1 and 2. Deviations: augmentations of
    signals, smaller heads, and running statistics in the slow copy's batch normalisation, as in Cai et al.,
    "Exponential Moving Average Normalization", CVPR 2021.
    """

    defaults: ClassVar[dict[str, Any]] = {"encoder": {"name": "resnet1d", "width": 32, "dim": 128}}

    def __init__(
        self,
        dim: int,
        channels: int,
        covariates: int = 0,
        view: ChosenView = "compose",
        pooling: Literal["max", "mean"] = "max",
        hidden: Positive = 512,
        projection: Positive = 128,
        norm: HeadNorm = "batch",
        predictor: bool = True,
        momentum: Annotated[Momentum, Field(lt=1)] = 0.99,
    ) -> None:
        super().__init__()
        self.view = ExceptCovariates.of(view, channels=channels, covariates=covariates)
        self.pooling, self.teacher = pooling, Teacher(momentum)
        self.project = _head(dim, hidden, projection, norm)
        self.predict_other = _head(projection, hidden, projection, norm) if predictor else nn.Identity()

    def begin(self, steps: int) -> None:
        """Remember how many steps the momentum has for its rise."""
        self.teacher.steps = steps

    def attach(self, encoder: Encoder) -> None:
        """Make the slow copy of encoder and projection head."""
        self.teacher.attach(encoder, self.project)

    def forward(self, encoder: Encoder, batch: Batch, *, generator: torch.Generator) -> dict[str, Tensor]:
        """Term ``prediction``, from 0 to 8; see :class:`Objective`."""
        both = self.view(torch.cat([batch.x, batch.x]), generator=generator)  # (2 batch, channel, time)
        online = self.predict_other(self.project(pool(encoder(both), self.pooling)))
        target = self._target(both)
        self.teacher.note(encoder, self.project)
        return {"prediction": prediction_error(*online.chunk(2), *target.chunk(2))}

    @torch.no_grad()
    def _target(self, both: Tensor) -> Tensor:
        encoder, project = self.teacher.copies()
        target: Tensor = project(pool(encoder(both), self.pooling))  # (2 batch, projection)
        return target

    def after_step(self) -> None:
        """Let the copy follow, by the momentum of this step."""
        self.teacher.after_step()

    def diagnostics(self, encoder: Encoder, batch: Batch, *, generator: torch.Generator) -> dict[str, Tensor]:
        """``spread`` of the unit representations: about 1 when they fill the sphere, 0 at collapse."""
        del generator
        z = unit_rows(pool(encoder(batch.x), self.pooling))
        return {"spread": z.std(dim=0).mean() * math.sqrt(z.shape[1])}

    def own_view(self) -> View:
        """The fixed view, which leaves covariates as they are."""
        return self.view


def prediction_error(online1: Tensor, online2: Tensor, target1: Tensor, target2: Tensor) -> Tensor:
    """Squared distance of unit predictions from the unit projection of the other view, both ways summed.

    Parameters
    ----------
    online1, online2 : Tensors, shape (batch, dim)
        Predictions from either view.
    target1, target2 : Tensors, shape (batch, dim)
        Projections of either view, to which no gradient flows.

    Returns
    -------
    Tensor, scalar

    References
    ----------
    Grill et al., "Bootstrap Your Own Latent", NeurIPS 2020, equation 2.
    """
    first, second, goal1, goal2 = map(unit_rows, (online1, online2, target1.detach(), target2.detach()))
    return ((first - goal2).square().sum(1) + (second - goal1).square().sum(1)).mean()


def _head(inputs: int, hidden: int, outputs: int, norm: HeadNorm) -> nn.Sequential:
    standardise = [nn.BatchNorm1d(hidden)] if norm == "batch" else []
    return nn.Sequential(nn.Linear(inputs, hidden), *standardise, nn.ReLU(), nn.Linear(hidden, outputs))

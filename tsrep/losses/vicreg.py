"""VICReg: equal views, dimensions that vary, and dimensions that are not redundant; no negatives."""

from __future__ import annotations

from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from tsrep.losses.gather import gather_views
from tsrep.losses.loss import Loss
from tsrep.losses.relation import Relation
from tsrep.losses.similarity import exact, single
from tsrep.registry import LOSSES

Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
EPSILON = 1e-4


def off_diagonal_squares(matrix: Tensor) -> Tensor:
    """Sum of squares beside the diagonal of matrices of shape (..., dim, dim)."""
    return matrix.square().sum((-2, -1)) - matrix.diagonal(dim1=-2, dim2=-1).square().sum(-1)


@LOSSES.register("vicreg")
class VICReg(Loss):
    """Mean squared difference of views, a hinge on each dimension's deviation, and squared covariances.

    Of more than two views the differences are means over pairs, and the other terms keep the scale of two.
    Covariances want a batch of a quarter of the dimensions and more.

    Parameters
    ----------
    invariance, variance, covariance : float
        Weights of the terms.

    References
    ----------
    Bardes et al., "VICReg", ICLR 2022.
    """

    normalises: ClassVar[bool] = False

    def __init__(self, invariance: Weight = 25.0, variance: Weight = 25.0, covariance: Weight = 1.0) -> None:
        super().__init__()
        self.weights = {"invariance": invariance, "variance": variance, "covariance": covariance}

    def forward(
        self,
        z: Tensor,
        relation: Relation | None = None,
        *,
        bank: Tensor | None = None,
        draws: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Terms ``invariance``, ``variance`` and ``covariance``; see :class:`Loss`."""
        del relation, bank, draws
        rows = gather_views(single(z))  # (view, batch, dim)
        views, count, dim = rows.shape
        first, second = torch.triu_indices(views, views, 1, device=z.device)
        with exact(z):
            centred = rows - rows.mean(1, keepdim=True)
            covariance = centred.mT @ centred / max(1, count - 1)  # (view, dim, dim)
            deviation = (covariance.diagonal(dim1=1, dim2=2) + EPSILON).sqrt()  # (view, dim)
            found = {
                "invariance": (rows[first] - rows[second]).square().mean(),
                "variance": (1 - deviation).relu().mean(),
                "covariance": 2 * off_diagonal_squares(covariance).mean() / dim,
            }
        return {name: self.weights[name] * value for name, value in found.items()}

"""Barlow Twins: the correlation of two views across the batch shall be the identity; no negatives."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field
from torch import Tensor

from tsrep.losses.gather import gather_views
from tsrep.losses.loss import Loss
from tsrep.losses.relation import Relation
from tsrep.losses.similarity import exact, single
from tsrep.losses.vicreg import off_diagonal_squares
from tsrep.registry import LOSSES

EPSILON = 1e-5


@LOSSES.register("barlow-twins")
class BarlowTwins(Loss):
    """Squared deviation of correlations between views from one within and from zero between dimensions.

    Parameters
    ----------
    redundancy : float
        Weight of correlations between dimensions.

    References
    ----------
    Zbontar et al., "Barlow Twins", ICML 2021.
    """

    views = (2, 2)
    normalises: ClassVar[bool] = False

    def __init__(self, redundancy: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.005) -> None:
        super().__init__()
        self.redundancy = redundancy

    def forward(
        self,
        z: Tensor,
        relation: Relation | None = None,
        *,
        bank: Tensor | None = None,
        draws: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Terms ``invariance`` and ``redundancy``; see :class:`Loss`."""
        del relation, bank, draws
        rows = gather_views(single(z))  # (view, batch, dim)
        with exact(z):
            spread = (rows.var(1, unbiased=False, keepdim=True) + EPSILON).sqrt()
            one, other = (rows - rows.mean(1, keepdim=True)) / spread
            correlation = one.mT @ other / rows.shape[1]  # (dim, dim)
            within = (correlation.diagonal() - 1).square().sum()
            between = off_diagonal_squares(correlation)
        return {"invariance": within, "redundancy": self.redundancy * between}

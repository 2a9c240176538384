"""Alignment and uniformity: the two halves of a contrast, each with its own weight."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from tsrep.losses.contrast import PLAIN, Contrast, Pairs
from tsrep.losses.gather import gather_views
from tsrep.losses.kernel import rows_of
from tsrep.losses.relation import Relation
from tsrep.losses.similarity import exact
from tsrep.registry import LOSSES

LEAST = 1e-12


@LOSSES.register("align-uniform")
class AlignUniform(Contrast):
    """Distance of a sample's views, and the log of the mean Gaussian potential of distinct samples.

    Parameters
    ----------
    alpha : float
        Power of the distance.
    sharpness : float
        Of the Gaussian potential.
    uniformity : float
        Weight of the second term.
    pairs : Pairs
        Which pairs count less in the second term; see :class:`tsrep.losses.contrast.Pairs`.

    References
    ----------
    Wang and Isola, "Understanding Contrastive Representation Learning through Alignment and Uniformity on the
    Hypersphere", ICML 2020.
    """

    takes_bank = False

    def __init__(
        self,
        alpha: Annotated[float, Field(ge=1, le=4)] = 2.0,
        sharpness: Annotated[float, Field(gt=0, le=8)] = 2.0,
        uniformity: Annotated[float, Field(ge=0, le=5)] = 1.0,
        pairs: Pairs = PLAIN,
    ) -> None:
        super().__init__(1.0, "cosine", pairs)
        self.alpha, self.sharpness, self.uniformity = alpha, sharpness, uniformity

    def forward(
        self,
        z: Tensor,
        relation: Relation | None = None,
        *,
        bank: Tensor | None = None,
        draws: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Terms ``alignment`` and ``uniformity``; see :class:`tsrep.losses.loss.Loss`."""
        del bank, draws
        rows = gather_views(rows_of(z, "cosine"))  # (view, batch, dim)
        views, count = rows.shape[:2]
        first, second = torch.triu_indices(views, views, 1, device=z.device)
        squared = (rows[first] - rows[second]).square().sum(2)  # (pair, batch)
        away = squared if self.alpha == 2 else (squared + LEAST) ** (self.alpha / 2)
        sample = torch.arange(count, device=z.device)
        related = self.relation_of(z, relation)
        weight = related.block(torch.zeros_like(sample), sample, 1)[1].to(rows.dtype)  # (batch, batch)
        with exact(z):
            exponent = 2 * self.sharpness * (rows @ rows.mT - 1)  # (view, batch, batch)
            weight = weight * ~torch.eye(count, dtype=torch.bool, device=z.device)
            logs = torch.where(weight > 0, weight, 1).log()
            total = weight.sum()
            idle = total <= 0  # no pair at all must not yield NaN gradients
            used = exponent + logs.masked_fill((weight <= 0) & ~idle, -torch.inf)
            potential = used.flatten(1).logsumexp(1) - total.log().masked_fill(idle, 0)  # (view,)
        uniformity = torch.where(idle, 0, potential.mean())
        return {"alignment": away.mean(), "uniformity": self.uniformity * uniformity}

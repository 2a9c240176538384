"""SIGReg: every projection of the representations shall be standard normal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from tsrep.errors import ConfigError
from tsrep.losses.gather import gather_views
from tsrep.losses.loss import Loss
from tsrep.losses.relation import Relation
from tsrep.losses.similarity import exact, single
from tsrep.registry import LOSSES
from tsrep.signals.panel import Ints, Panel

LAST = 3.0  # knots beyond weigh next to nothing under the normal density
FEWEST = 8  # samples whose distribution is compared


def normality(x: Tensor, directions: Tensor, *, knots: int = 17) -> Tensor:
    """Epps-Pulley distance of projections of a batch from the standard normal law, times the batch.

    Parameters
    ----------
    x : Tensor, shape (..., batch, dim)
    directions : Tensor, shape (dim, direction)
        Columns of unit length.
    knots : int
        At which characteristic functions are compared, from 0 to 3.

    Returns
    -------
    Tensor, shape (..., direction)

    References
    ----------
    Balestriero and LeCun, "LeJEPA", 2025, section on SIGReg.
    """
    t = torch.linspace(0, LAST, knots, dtype=x.dtype, device=x.device)
    normal = (-(t**2) / 2).exp()  # characteristic function of the normal law, (knot,)
    each = torch.full_like(t, 2 * LAST / (knots - 1))
    each[0] = each[-1] = LAST / (knots - 1)
    with exact(x):
        # one knot after the other: the product with all of them would be many times the batch
        angle = x @ directions.to(x.dtype)  # (..., batch, direction)
        total = torch.zeros_like(angle[..., 0, :])
        for knot, phi, weight in zip(t, normal, each * normal, strict=True):
            real, imaginary = (knot * angle).cos().mean(-2), (knot * angle).sin().mean(-2)
            total = total + weight * ((real - phi).square() + imaginary.square())
    return x.shape[-2] * total


@LOSSES.register("sigreg")
class SIGReg(Loss):
    """Mean squared difference of each view from the mean of some, and the normality of random projections.

    Parameters
    ----------
    weight : float
        Share of the second term.
    directions : int
        Drawn anew at each step.
    knots : int
    per_sample : bool
        Divide the second term by the batch, so that the weight does not depend on it; as published it grows
        with the batch.
    centre : int or None
        So many views, from the first on, make the mean: those of whole samples, where others are of short
        pieces. None is all.

    References
    ----------
    Balestriero and LeCun, "LeJEPA", 2025.
    """

    normalises: ClassVar[bool] = False

    def __init__(
        self,
        weight: Annotated[float, Field(ge=0, le=1)] = 0.05,
        directions: Annotated[int, Field(ge=16, le=4096)] = 256,
        knots: Annotated[int, Field(ge=5, le=129)] = 17,
        per_sample: bool = False,
        centre: Annotated[int, Field(ge=1)] | None = 2,
    ) -> None:
        super().__init__()
        self.centre = centre
        self.weight, self.directions, self.knots, self.per_sample = weight, directions, knots, per_sample

    def refuse_batches(self, train: Panel, batches: Sequence[Ints], dim: int, width: str) -> None:
        """See :class:`Loss`: all batches are too small to have a distribution."""
        del train, dim, width
        sizes = [*map(len, batches)]
        largest, enough = max(sizes), sum(sizes) >= FEWEST
        if largest < FEWEST:
            remedy = f"set training.batch_size to {FEWEST} or more" if enough else "add recordings"
            raise ConfigError(
                "loss sigreg compares the distribution of a batch with the normal one, but the largest batch "
                f"has {largest} samples; {remedy}, or choose another loss such as vicreg"
            )

    def draw(self, size: tuple[int, int, int], *, generator: torch.Generator) -> Tensor:
        """Directions, shape (dim, direction)."""
        drawn = torch.randn(size[2], self.directions, generator=generator, device=generator.device)
        return F.normalize(drawn, dim=0)

    def forward(
        self,
        z: Tensor,
        relation: Relation | None = None,
        *,
        bank: Tensor | None = None,
        draws: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Terms ``invariance`` and ``normality``; see :class:`Loss`."""
        del relation, bank
        if draws is None:
            raise ValueError("sigreg needs directions; give draws=loss.draw(size, generator=...)")
        rows = gather_views(single(z))  # (view, batch, dim)
        apart = normality(rows, draws, knots=self.knots).mean()
        apart = apart / rows.shape[1] if self.per_sample else apart
        invariance = (rows - rows[: self.centre].mean(0)).square().mean()
        return {"invariance": (1 - self.weight) * invariance, "normality": self.weight * apart}

"""W-MSE: views are whitened, so that they can be made equal without collapse."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field, PositiveInt
from torch import Tensor
from torch.nn import functional as F

from tsrep.errors import ConfigError, RunError
from tsrep.losses.gather import gather_views
from tsrep.losses.loss import Loss
from tsrep.losses.relation import Relation
from tsrep.losses.similarity import exact, single
from tsrep.registry import LOSSES
from tsrep.signals.panel import Ints, Panel


def whitened(x: Tensor, epsilon: float) -> Tensor:
    """Rows of groups with mean zero and, at epsilon 0, the identity as covariance.

    Parameters
    ----------
    x : Tensor, shape (..., row, dim)
    epsilon : float
        Share of the identity in the covariance.

    Raises
    ------
    RunError
        When a covariance is singular.
    """
    centred = x - x.mean(-2, keepdim=True)
    covariance = centred.mT @ centred / (x.shape[-2] - 1)  # (..., dim, dim)
    identity = torch.eye(x.shape[-1], dtype=x.dtype, device=x.device)
    factor, failed = torch.linalg.cholesky_ex((1 - epsilon) * covariance + epsilon * identity)
    # where values are not finite neither is the loss, which training refuses by itself
    if bool((failed.bool() & covariance.isfinite().all(-1).all(-1)).any()):
        raise RunError(
            f"loss w-mse cannot whiten {x.shape[-2]} samples in {x.shape[-1]} dimensions, as their "
            f"covariance is singular; raise loss.epsilon from {epsilon:g}"
        )
    white: Tensor = torch.linalg.solve_triangular(factor, centred.mT, upper=False)
    return white.mT


@LOSSES.register("w-mse")
class WMSE(Loss):
    """Squared difference of the views of a sample after whitening of random groups of the batch.

    Parameters
    ----------
    group : int or None
        Samples that are whitened together, more than there are dimensions; None is twice as many. Those that
        are left over have no part in a step, and a last batch that is smaller than a group has no loss.
    epsilon : float
        Share of the identity in the covariance, 0 as published; training stops where representations fill
        fewer dimensions then.
    distance : {"unit", "mse"}
        Between rows of unit length, or the mean over their values.

    References
    ----------
    Ermolov et al., "Whitening for Self-Supervised Representation Learning", ICML 2021.
    """

    normalises: ClassVar[bool] = False

    def __init__(
        self,
        group: PositiveInt | None = None,
        epsilon: Annotated[float, Field(ge=0, lt=1)] = 1e-3,
        distance: Literal["unit", "mse"] = "unit",
    ) -> None:
        super().__init__()
        self.group, self.epsilon, self.distance = group, epsilon, distance

    def refuse_batches(self, train: Panel, batches: Sequence[Ints], dim: int, width: str) -> None:
        """See :class:`Loss`: no batch fills a group."""
        del train
        sizes = [*map(len, batches)]
        size, largest = self._size(dim, width), max(sizes)
        if size <= largest:
            return
        remedies = [f"training.batch_size to {size}"] if size <= sum(sizes) else []
        if self.group is None:
            remedies.append(f"{width} to {largest // 2}")
        else:
            narrower = f" and {width} below that" if dim >= largest else ""
            remedies.append(f"loss.group to {largest}{narrower}")
        raise ConfigError(
            f"loss w-mse whitens groups of {size} samples, but the largest batch has {largest}; "
            f"set {' or '.join(remedies)}"
        )

    def refuse_head(self, hidden: int, projection: int) -> None:
        """See :class:`Loss`: a projection wider than the hidden layer has a singular covariance."""
        if self.epsilon == 0 and projection > hidden:
            raise ConfigError(
                f"loss w-mse with loss.epsilon 0 whitens {projection} dimensions, but a hidden layer of "
                f"{hidden} fills no more than so many; lower objective.projection to {hidden}, raise "
                f"objective.hidden to {projection}, or set loss.epsilon to 0.001"
            )

    def draw(self, size: tuple[int, int, int], *, generator: torch.Generator) -> Tensor:
        """Order of the samples, shape (batch,); groups are consecutive."""
        return torch.randperm(size[1], generator=generator, device=generator.device)

    def forward(
        self,
        z: Tensor,
        relation: Relation | None = None,
        *,
        bank: Tensor | None = None,
        draws: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Term ``difference``; see :class:`Loss`."""
        del relation, bank
        rows = gather_views(single(z))  # (view, batch, dim)
        size = self._size(rows.shape[2], "the projection")
        groups = rows.shape[1] // size
        if groups == 0:
            return {"difference": rows.sum() * 0}
        order = torch.arange(rows.shape[1], device=z.device) if draws is None else draws
        with exact(z):
            grouped = rows[:, order[: groups * size]].view(len(rows), groups, size, -1)
            white = whitened(grouped, self.epsilon)  # (view, group, row, dim)
        first, second = torch.triu_indices(len(rows), len(rows), 1, device=z.device)
        if self.distance == "mse":
            return {"difference": (white[first] - white[second]).square().mean()}
        unit = F.normalize(white, dim=-1)
        return {"difference": (unit[first] - unit[second]).square().sum(-1).mean()}

    def _size(self, dim: int, width: str) -> int:
        size = 2 * dim if self.group is None else self.group
        if size <= dim:
            raise ConfigError(
                f"loss w-mse whitens groups of {size} samples in {dim} dimensions, whose covariance is "
                f"singular; set loss.group to {2 * dim}, or lower {width}"
            )
        return size

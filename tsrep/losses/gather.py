"""Rows of all ranks, for contrasts across the whole batch."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


def world_size() -> int:
    """Number of ranks; 1 outside a distributed run."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def first_row(rows: int) -> int:
    """Index of this rank's first row among the gathered ones, when every rank holds ``rows``."""
    return dist.get_rank() * rows if world_size() > 1 else 0


class _Gather(torch.autograd.Function):
    """``torch.distributed.nn`` has one too, which gives wrong gradients over gloo (torch 2.13)."""

    @staticmethod
    def forward(ctx: Any, local: Tensor) -> Tensor:
        ctx.rows = len(local)
        parts = [torch.empty_like(local) for _ in range(world_size())]
        dist.all_gather(parts, local)
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        # every rank's loss sees these rows; an all-reduce works on all backends, a reduce-scatter does not
        total = grads[0].contiguous().clone()
        dist.all_reduce(total)
        return total.narrow(0, first_row(ctx.rows), ctx.rows)


def gather_rows(local: Tensor) -> Tensor:
    """Concatenate the rows of all ranks in rank order; the identity outside a distributed run.

    The gradient of a row is the sum over the losses of all ranks. With ``DistributedDataParallel``, which
    averages parameter gradients over ranks, a per-rank loss that is a mean over the rank's own rows then
    has exactly the gradient of the mean over all rows.

    Parameters
    ----------
    local : Tensor, shape (rows, ...)
        The same shape on every rank.

    Returns
    -------
    Tensor, shape (ranks * rows, ...)
    """
    if world_size() == 1:
        return local
    gathered: Tensor = _Gather.apply(local.contiguous())  # type: ignore[no-untyped-call]  # torch leaves it untyped
    return gathered


def gather_views(z: Tensor) -> Tensor:
    """Views of the samples of all ranks, shape (view, ranks * batch, dim), of those of this one."""
    return gather_rows(z.transpose(0, 1)).transpose(0, 1)

"""Losses of a Gram matrix, some rows at a time, so that the matrix is never whole in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.autograd.function import once_differentiable

from tsrep.losses.gather import world_size

LOGITS_AT_ONCE = 2**22

Part = Callable[[slice, Tensor], tuple[Tensor, Tensor, Tensor]]
"""``part(rows, products)`` of some anchors gives a sum, how many it counts, and the sum's derivative."""


def streamed(anchors: Tensor, candidates: Tensor, part: Part, *, fixed: int = 0) -> Tensor:
    """Mean over the anchors of all ranks of a function of their inner products with candidates.

    Value and gradient are computed together, so that memory is ``O(LOGITS_AT_ONCE)``, or one row if that is
    larger, beyond the gradients. In a distributed run the mean over ranks is the mean over all anchors, and
    so is the averaged gradient, also where ranks count differently.

    Parameters
    ----------
    anchors : Tensor, shape (row, dim)
        Of this rank, float32 or float64.
    candidates : Tensor, shape (candidate, dim)
        The same on all ranks.
    part : Part
        May write over the products.
    fixed : int
        So many of the last candidates have no gradient.

    Returns
    -------
    Tensor, scalar; zero where nothing counts

    Notes
    -----
    Differentiable once.
    """
    mean: Tensor = _Streamed.apply(anchors, candidates, part, len(candidates) - fixed)  # type: ignore[no-untyped-call]  # torch leaves it
    return mean


class _Streamed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, anchors: Tensor, candidates: Tensor, part: Part, moving: int) -> Tensor:
        by_anchor, by_candidate = torch.zeros_like(anchors), torch.zeros_like(candidates)
        wanted = any(ctx.needs_input_grad)
        sums = counts = anchors.new_zeros(())
        step = max(1, LOGITS_AT_ONCE // max(1, len(candidates)))
        with torch.autocast(anchors.device.type, enabled=False):
            for start in range(0, len(anchors), step):
                rows = slice(start, min(start + step, len(anchors)))
                value, count, slope = part(rows, anchors[rows] @ candidates.mT)
                sums, counts = sums + value, counts + count
                if wanted:
                    torch.mm(slope, candidates, out=by_anchor[rows])
                    by_candidate[:moving].addmm_(slope[:, :moving].mT, anchors[rows])
        scale = _scale(counts)
        ctx.save_for_backward(by_anchor.mul_(scale), by_candidate.mul_(scale))
        return sums * scale

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None, None]:
        by_anchor, by_candidate = ctx.saved_tensors
        return by_anchor * grad, by_candidate * grad, None, None


def _scale(count: Tensor) -> Tensor:
    """Ranks over the count of all of them; the sum of a rank times it averages to the mean."""
    total = count.clone()
    if world_size() > 1:
        dist.all_reduce(total)
    return torch.where(total > 0, world_size() / total.clamp(min=torch.finfo(total.dtype).tiny), 0.0)

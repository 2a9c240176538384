"""Attention in which only the queries with a say attend: the ProbSparse attention of Informer."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tsrep.rng import numpy_generator

Measure = Literal["mean", "published"]


def sparse_count(length: int, factor: int) -> int:
    """Queries that attend, and keys sampled to find them: ``factor * ceil(ln(length))``, 1 to ``length``."""
    return max(1, min(length, factor * math.ceil(math.log(length))))


@torch.compiler.disable  # type: ignore[untyped-decorator]  # torch leaves it unannotated; the draw is NumPy's
def sampled_keys(layers: int, length: int, count: int, seed: int) -> Tensor:
    """Which keys each query is measured on; a pure function of its arguments.

    Parameters
    ----------
    layers : int
        Each gets a draw of its own.
    length : int
        Queries and keys.
    count : int
        Keys to draw for each query, with replacement; all keys once when there are no more.
    seed : int

    Returns
    -------
    Tensor, shape (layer, query, count), int64
    """
    if count >= length:
        return torch.arange(length).expand(layers, length, length)
    drawn = numpy_generator("prob-sparse", seed, length).integers(length, size=(layers, length, count))
    return torch.from_numpy(drawn)


@torch.no_grad()
def sparsity(query: Tensor, key: Tensor, sampled: Tensor, keep: Tensor, measure: Measure = "mean") -> Tensor:
    """How far the attention of each query is from uniform: largest less mean score over its sampled keys.

    Parameters
    ----------
    query, key : Tensors, shape (batch, head, time, width)
    sampled : Tensor, shape (time, count), int64
    keep : Tensor, shape (batch, time), bool
        Keys that count; some in every sample.
    measure : str
        ``"mean"`` is over the sampled keys; ``"published"`` divides their sum by the number of all keys.

    Returns
    -------
    Tensor, shape (batch, head, time)
        Minus infinity where none of the sampled keys counts.
    """
    length, count = sampled.shape
    if length <= count * query.shape[-1]:  # all scores take less room than all sampled keys
        scores = (query @ key.mT).gather(-1, sampled.expand(*query.shape[:2], -1, -1))
    else:
        scores = torch.einsum("bhqw,bhqkw->bhqk", query, key[:, :, sampled])
    kept = keep[:, sampled][:, None]
    total = scores.masked_fill(~kept, 0).float().sum(-1)
    over = kept.sum(-1).clamp(min=1) if measure == "mean" else keep.sum(-1)[:, None, None]
    return scores.masked_fill(~kept, -math.inf).amax(-1).float() - total / over


def prob_sparse_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    sampled: Tensor,
    keep: Tensor,
    *,
    active: int,
    measure: Measure = "mean",
) -> Tensor:
    """Attention of the ``active`` queries of largest :func:`sparsity`; the others get the mean value.

    Parameters
    ----------
    query, key, value : Tensors, shape (batch, head, time, width)
    sampled : Tensor, shape (time, count), int64
    keep : Tensor, shape (batch, time), bool
        Keys and values that count; in a sample without any, all do.
    active : int
        At most ``time``.
    measure : str

    Returns
    -------
    Tensor, shape (batch, head, time, width)

    References
    ----------
    Zhou et al., "Informer", AAAI 2021, eq. 4 and algorithm 1. Deviations: see
    :class:`tsrep.encoders.informer.Informer`.
    """
    keep = keep | ~keep.any(1, keepdim=True)
    measured = sparsity(query, key, sampled, keep, measure)
    chosen = measured.topk(active, sorted=False).indices[..., None].expand(-1, -1, -1, query.shape[-1])
    attended = F.scaled_dot_product_attention(
        query.gather(2, chosen), key, value, attn_mask=keep[:, None, None]
    )
    weight = keep[:, None, :, None].to(value.dtype)
    mean = (value * weight).sum(2, keepdim=True) / weight.sum(2, keepdim=True)
    return mean.expand_as(value).scatter(2, chosen, attended.to(mean.dtype))


class ProbSparseAttention(nn.Module):
    """Self-attention of several heads by :func:`prob_sparse_attention`, between linear maps."""

    def __init__(self, width: int, heads: int, measure: Measure) -> None:
        super().__init__()
        self.heads, self.measure = heads, measure
        self.enter = nn.Linear(width, 3 * width)
        self.leave = nn.Linear(width, width)

    def forward(self, x: Tensor, sampled: Tensor, keep: Tensor, active: int) -> Tensor:
        """Map (batch, time, width) to the same shape; ``keep`` is (batch, time)."""
        query, key, value = self.enter(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        out = prob_sparse_attention(query, key, value, sampled, keep, active=active, measure=self.measure)
        left: Tensor = self.leave(out.transpose(1, 2).flatten(2))
        return left

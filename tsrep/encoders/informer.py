"""The encoder of Informer, without distilling: only the queries with a say attend (ProbSparse attention)."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from tsrep.encoders.encoder import UNBOUNDED, Positive, StemWeight, TokenEncoder, without_missing
from tsrep.encoders.positions import AddedPositions
from tsrep.errors import ConfigError
from tsrep.registry import ENCODERS
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


class InformerBlock(nn.Module):
    """``x = norm1(x + attention(x))``, then ``norm2(x + down(gelu(up(x))))``."""

    def __init__(self, width: int, heads: int, feedforward: int, measure: Measure) -> None:
        super().__init__()
        self.attention = ProbSparseAttention(width, heads, measure)
        self.norm1 = nn.LayerNorm(width)
        self.mix = nn.Sequential(nn.Linear(width, feedforward), nn.GELU(), nn.Linear(feedforward, width))
        self.norm2 = nn.LayerNorm(width)

    def forward(self, x: Tensor, sampled: Tensor, keep: Tensor, active: int) -> Tensor:
        """Map (batch, time, width) to the same shape; for the others see the attention."""
        x = self.norm1(x + self.attention(x, sampled, keep, active))
        out: Tensor = self.norm2(x + self.mix(x))
        return out


@ENCODERS.register("informer", runtime=("channels",))
class Informer(TokenEncoder):
    """Blocks of ProbSparse attention over a per-step linear map.

    Parameters
    ----------
    channels : int
        Channels of the signal.
    width, dim : int
        Of the latent and of the representation.
    layers, heads, feedforward : int
        Blocks, attention heads in each, and width between the two maps after the attention; ``heads``
        divides ``width``.
    factor : int
        Of ``time`` steps, ``factor * ceil(ln(time))`` attend in each head and block, found by as many keys
        sampled for each; the others get the mean of all values. Every step attends when that is all steps.
    positions : str
        ``"sinusoid"`` is added to the latent. ``"none"`` is as published: order is then known only through
        which keys are sampled, and not at all where every step attends.
    measure : str
        Of how much a step has to attend to, the largest less the mean score over its sampled keys.
        ``"published"`` divides the sum for the mean by the number of all keys, as the public code does.
    seed : int
        Of the sampled keys.

    Raises
    ------
    ConfigError
        When ``heads`` does not divide ``width``.

    Notes
    -----
    A step that is missing or not kept enters as a zero latent (with its position), and no step attends to
    it. All steps can reach each other, so ``receptive_field`` is the largest 32-bit number. Which steps
    attend is a choice without gradient, so the output has jumps.

    References
    ----------
    Zhou et al., "Informer", AAAI 2021; without decoder, distilling and positions it is the "Transformer" of
    the public code of self-supervised contrastive forecasting (5 blocks, width 128, 8 heads, feedforward
    64, factor 3), which ``positions: none`` and ``measure: published`` give. Deviations: no dropout; the
    sampled keys of each block are a function of ``seed`` and the number of steps alone, where the public
    code draws them anew in every pass, in evaluation too, so that two evaluations differ; and when as many
    keys are to be sampled as there are, each is taken once.
    """

    def __init__(
        self,
        channels: int,
        width: Positive = 128,
        dim: Positive = 320,
        layers: Positive = 5,
        heads: Positive = 8,
        feedforward: Positive = 64,
        factor: Positive = 3,
        positions: Literal["sinusoid", "none"] = "sinusoid",
        measure: Measure = "mean",
        seed: Annotated[int, Field(ge=0)] = 0,
    ) -> None:
        super().__init__()
        if width % heads:
            raise ConfigError(f"width is {width}, which {heads} heads cannot share; give a multiple of heads")
        self.input = nn.Linear(channels, width)
        self.blocks = nn.ModuleList(InformerBlock(width, heads, feedforward, measure) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.output = nn.Linear(width, dim)
        self.positions = AddedPositions(positions, width, longest=0)
        self.factor, self.seed = factor, seed
        self.dim, self.stride, self.causal, self.receptive_field = dim, 1, False, UNBOUNDED

    def tokens(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        """One token per time step."""
        length = x.shape[-1]
        active = sparse_count(length, self.factor)
        # drawn first: a compiled pass pauses here, before there is anything to differentiate
        sampled = sampled_keys(len(self.blocks), length, active, self.seed).to(x.device)
        x, keep = without_missing(x, keep)
        latent: Tensor = self.input(x.mT) * keep[..., None]
        latent = self.positions(latent)
        for block, keys in zip(self.blocks, sampled, strict=True):
            latent = block(latent, keys, keep, active)
        out: Tensor = self.output(self.norm(latent))
        return out

    def stem_weights(self) -> list[StemWeight]:
        """See :meth:`Encoder.stem_weights`."""
        return [StemWeight("input.weight")]

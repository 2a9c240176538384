"""The encoder of Informer, without distilling."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor, nn

from tsrep.encoders.encoder import UNBOUNDED, Encoder, without_missing
from tsrep.encoders.positions import sinusoid
from tsrep.encoders.prob_sparse import Measure, ProbSparseAttention, sampled_keys, sparse_count
from tsrep.encoders.sizes import Positive
from tsrep.errors import ConfigError
from tsrep.registry import ENCODERS


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
class Informer(Encoder):
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
        self.factor, self.positions, self.seed = factor, positions, seed
        self.dim, self.stride, self.causal, self.receptive_field = dim, 1, False, UNBOUNDED

    def forward(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        length = x.shape[-1]
        active = sparse_count(length, self.factor)
        # drawn first: a compiled pass pauses here, before there is anything to differentiate
        sampled = sampled_keys(len(self.blocks), length, active, self.seed).to(x.device)
        x, keep = without_missing(x, keep)
        latent: Tensor = self.input(x.mT) * keep[..., None]
        if self.positions == "sinusoid":
            latent = latent + sinusoid(length, latent.shape[-1], latent.device).to(latent.dtype)
        for block, keys in zip(self.blocks, sampled, strict=True):
            latent = block(latent, keys, keep, active)
        out: Tensor = self.output(self.norm(latent))
        return out.mT

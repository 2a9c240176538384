"""The decoder of an encoder-decoder transformer, all steps in one pass."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from tsrep.encoders.positions import sinusoid
from tsrep.errors import ConfigError
from tsrep.forecasting.heads.head import Head, Positive, Probability
from tsrep.registry import HEADS


class Attention(nn.Module):
    """Scaled dot-product attention of some vectors to others, over several heads."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.output = nn.Linear(width, width)

    def forward(self, x: Tensor, memory: Tensor) -> Tensor:
        """From ``(row, step, width)`` to ``(row, other, width)``; shape of the former."""
        query = self.query(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        both = self.key_value(memory).unflatten(-1, (2 * self.heads, -1)).transpose(1, 2)
        key, value = both.chunk(2, dim=1)
        mixed = F.scaled_dot_product_attention(query, key, value)
        out: Tensor = self.output(mixed.transpose(1, 2).flatten(-2))
        return out


class Block(nn.Module):
    """Attention to oneself, to the representation, and a perceptron; normalised before, added after."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.own = Attention(width, heads)
        self.cross = Attention(width, heads)
        self.perceptron = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor, memory: Tensor, noisy: Callable[[Tensor], Tensor]) -> Tensor:
        """Map ``(row, step, width)`` to the same shape."""
        normal = self.norms[0](x)
        x = x + noisy(self.own(normal, normal))
        x = x + noisy(self.cross(self.norms[1](x), memory))
        return x + noisy(self.perceptron(self.norms[2](x)))


@HEADS.register("decoder", runtime=("dim", "lookback", "horizon", "variates", "covariates"))
class Decoder(Head):
    """A transformer over the end of the look-back and the empty forecast, which reads the representation.

    Every position enters with its values (zeros where they are to be forecast), its covariates and its
    sinusoid; all steps of the forecast come out of one pass.

    Parameters
    ----------
    dim, lookback, horizon, variates, covariates : int
        See :class:`Head`.
    label_length : int, optional
        Last steps of the look-back that the decoder sees themselves; half the look-back when missing.
    width, depth, heads : int
        Of the vectors, number of blocks, and attention heads, which divide the width.
    dropout : float
        Probability, on the entering vectors and on what each part of a block adds.

    Raises
    ------
    ConfigError
        When the label length is beyond the look-back, or the heads do not divide the width.

    References
    ----------
    Zhou et al., "Informer", AAAI 2021, section 3.3. Deviations: steps are embedded by a linear map, not a
    convolution; normalisation comes before each part; attention is full and not masked, for nothing of the
    future enters.
    """

    positions: Tensor

    def __init__(
        self,
        dim: int,
        lookback: int,
        horizon: int,
        variates: int,
        covariates: int,
        label_length: Annotated[int, Field(ge=0)] | None = None,
        width: Positive = 128,
        depth: Positive = 2,
        heads: Positive = 8,
        dropout: Probability = 0.1,
    ) -> None:
        super().__init__()
        self.label_length = lookback // 2 if label_length is None else label_length
        if self.label_length > lookback:
            raise ConfigError(
                f"head 'decoder' has a label_length of {label_length}, beyond the look-back of {lookback}; "
                "shorten it"
            )
        if width % heads:
            raise ConfigError(f"head 'decoder' has {heads} heads, which do not divide its width of {width}")
        self.horizon, self.covariates, self.dropout = horizon, covariates, dropout
        self.input = nn.Linear(covariates + variates, width)
        self.memory = nn.Linear(dim, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.output = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, variates))
        self.register_buffer("positions", sinusoid(self.label_length + horizon, width), persistent=False)

    def forward(
        self, z: Tensor, past: Tensor, ahead: Tensor, *, generator: torch.Generator | None = None
    ) -> Tensor:
        noisy = partial(self.noisy, generator=generator)

        label = past[..., past.shape[-1] - self.label_length :]
        empty = past.new_zeros(len(past), past.shape[1] - self.covariates, self.horizon)
        future = torch.cat([ahead, empty], dim=1)
        steps = torch.cat([label, future], dim=-1)  # (row, channel, label + horizon)
        x = noisy(self.input(steps.mT) + self.positions)
        memory = self.memory(z.mT)
        for block in self.blocks:
            x = block(x, memory, noisy)
        out: Tensor = self.output(x[:, self.label_length :])
        return out.mT

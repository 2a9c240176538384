"""The network of TS-TCC that makes one vector of the past."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tsrep.encoders.positions import sinusoid
from tsrep.errors import ConfigError
from tsrep.views.dropout import dropout


class Context(nn.Module):
    """One vector of the past: the output of a transformer at a learned token before the past.

    Parameters
    ----------
    dim, width : int
        Of a step in, and of the context out.
    depth, heads, feedforward : int
    dropout : float
    positions : bool

    Raises
    ------
    ConfigError
        When ``heads`` does not divide ``width``.
    """

    def __init__(
        self, dim: int, width: int, depth: int, heads: int, feedforward: int, dropout: float, positions: bool
    ) -> None:
        super().__init__()
        if width % heads:
            raise ConfigError(f"objective.heads is {heads} and does not divide objective.hidden, {width}")
        self.positions = positions
        self.token = nn.Parameter(torch.randn(width))
        self.embed = nn.Linear(dim, width)
        self.blocks = nn.ModuleList(ContextBlock(width, heads, feedforward, dropout) for _ in range(depth))

    def forward(self, z: Tensor, cut: Tensor, *, generator: torch.Generator) -> Tensor:
        """Contexts of the past.

        Parameters
        ----------
        z : Tensor, shape (batch, time, dim)
        cut : Tensor, shape (batch,), int64
            Last step of the past of each sample.
        generator : torch.Generator

        Returns
        -------
        Tensor, shape (batch, width)
        """
        first, last = torch.stack(cut.aminmax()).tolist()
        steps = self.embed(z[:, : last + 1])  # later steps are of nobody's past
        if self.positions:
            steps = steps + sinusoid(steps.shape[1], steps.shape[2], z.device)
        tokens = torch.cat([self.token.expand(len(z), 1, -1), steps], dim=1)
        past = torch.arange(-1, last + 1, device=z.device) <= cut[:, None]
        keep = None if first == last else past
        noise = generator if self.training else None
        for block in self.blocks:
            read = 1 if block is self.blocks[-1] else tokens.shape[1]
            tokens = block(tokens, keep, noise, read=read)
        return tokens[:, 0]


class ContextBlock(nn.Module):
    """``x + attention(norm(x))``, then ``x + down(relu(up(norm(x))))``; scores over the root of the width."""

    def __init__(self, width: int, heads: int, feedforward: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, feedforward), nn.Linear(feedforward, width)

    def forward(self, x: Tensor, keep: Tensor | None, noise: torch.Generator | None, *, read: int) -> Tensor:
        """The first ``read`` tokens, after all of ``x``, or those that are kept, have been attended to.

        Parameters
        ----------
        x : Tensor, shape (batch, token, width)
        keep : Tensor, shape (batch, token), bool, optional
        noise : torch.Generator, optional
            Of the dropout; None does without.
        read : int
        """
        qkv = self.qkv(self.norm1(x)).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        query, key, value = qkv.unbind(0)
        allowed, scale = None if keep is None else keep[:, None, None], x.shape[2] ** -0.5
        mixed = F.scaled_dot_product_attention(query[:, :, :read], key, value, attn_mask=allowed, scale=scale)
        x = x[:, :read] + self._dropped(self.out(mixed.transpose(1, 2).flatten(2)), noise)
        wide = self._dropped(F.relu(self.up(self.norm2(x))), noise)
        return x + self._dropped(self.down(wide), noise)

    def _dropped(self, x: Tensor, noise: torch.Generator | None) -> Tensor:
        return x if noise is None else dropout(x, self.dropout, generator=noise)

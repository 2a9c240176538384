"""Transformer blocks that normalise first, on tokens some of which may be missing."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tsrep.encoders.positions import rotary_table, rotate
from tsrep.errors import ConfigError

# finite, so that a row of missing tokens has a softmax; large enough that the others' is exactly zero
MISSING = -3e4


class TransformerBlock(nn.Module):
    """``x + attention(norm(x))``, then ``x + down(gelu(up(norm(x))))``; no dropout.

    Parameters
    ----------
    width : int
        Of a token.
    heads : int
        Divides ``width``.
    hidden : int
        Width between the two maps of the feedforward part.

    References
    ----------
    Xiong et al., "On layer normalization in the transformer architecture", ICML 2020 (pre-LN).
    """

    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, tokens: Tensor, bias: Tensor | None = None, table: Tensor | None = None) -> Tensor:
        """Map tokens to tokens.

        Parameters
        ----------
        tokens : Tensor, shape (batch, token, width)
        bias : Tensor, broadcasts to (batch, head, token, token), optional
            Added to the scores of queries (third) and keys (last).
        table : Tensor, shape (2, token, width // heads // 2), optional
            Of rotary positions; with an axis for the batch and one for the heads where places differ.

        Returns
        -------
        Tensor, shape (batch, token, width)
        """
        parts = self.qkv(self.norm1(tokens)).chunk(3, dim=-1)
        query, key, value = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in parts)
        if table is not None:
            query, key = rotate(query, table), rotate(key, table)
        mixed = _attend(query, key, value, bias).transpose(1, 2).flatten(2)
        tokens = tokens + self.out(mixed)
        changed: Tensor = self.down(F.gelu(self.up(self.norm2(tokens))))
        return tokens + changed


class TransformerBlocks(nn.Module):
    """Blocks in a row, a last normalisation and a linear map.

    The features of a normalised token sum to a constant, so without the map no gradient of their sum would
    reach the signal.

    Parameters
    ----------
    width, depth, heads : int
    feedforward : float
        Hidden width of the feedforward parts, as a multiple of ``width``.
    dim : int
        Width of a token in the end.
    causal : bool
        Whether a token sees no later one.
    rotary : bool
        Whether queries and keys are turned by their place.

    Raises
    ------
    ConfigError
        When ``heads`` does not divide ``width``, or rotary positions meet an odd width of a head.
    """

    def __init__(
        self,
        width: int,
        depth: int,
        heads: int,
        feedforward: float,
        dim: int,
        *,
        causal: bool = False,
        rotary: bool = False,
    ) -> None:
        super().__init__()
        if width % heads:
            raise ConfigError(f"width is {width}, which {heads} heads cannot share; give a multiple of heads")
        if rotary and width // heads % 2:
            raise ConfigError(
                f"rotary positions turn pairs of features, but width {width} gives {heads} heads of "
                f"{width // heads} each; give a width that is a multiple of {2 * heads}"
            )
        self.causal, self.rotary, self.head_size = causal, rotary, width // heads
        hidden = max(1, round(width * feedforward))
        self.blocks = nn.ModuleList(TransformerBlock(width, heads, hidden) for _ in range(depth))
        self.norm, self.output = nn.LayerNorm(width), nn.Linear(width, dim)

    def forward(self, tokens: Tensor, keep: Tensor | None = None, visible: Tensor | None = None) -> Tensor:
        """Map tokens to tokens.

        Parameters
        ----------
        tokens : Tensor, shape (batch, token, width)
        keep : Tensor, shape (batch, token), bool, optional
            Tokens that others attend to. In a row without any, all that may be seen count alike.
        visible : Tensor, shape (batch, visible), int64, optional
            Ascending places of the tokens that are not left out; by default none is.

        Returns
        -------
        Tensor, shape (batch, token or visible, dim)
        """
        table = rotary_table(tokens.shape[1], self.head_size, tokens.device) if self.rotary else None
        if visible is not None:
            tokens = tokens.take_along_dim(visible[..., None], dim=1)
            keep = None if keep is None else keep.take_along_dim(visible, dim=1)
            table = None if table is None else table[:, visible][:, :, None]  # 1 for the heads
        bias = _bias(tokens, keep, self.causal)
        for block in self.blocks:
            tokens = block(tokens, bias, table)
        out: Tensor = self.output(self.norm(tokens))
        return out


def start_linear_maps(module: nn.Module) -> None:
    """Draw the weights of all linear maps by Glorot's uniform rule and set their biases to zero."""
    for part in module.modules():
        if isinstance(part, nn.Linear):
            nn.init.xavier_uniform_(part.weight)
            nn.init.zeros_(part.bias)


def _attend(query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None) -> Tensor:
    """Attention of all heads, shape (batch, head, token, size)."""
    kind = query.dtype
    if query.device.type != "cpu" or kind not in (torch.bfloat16, torch.float16):
        return F.scaled_dot_product_attention(query, key, value, attn_mask=bias)
    # on CPUs the backward pass in half precision takes more than ten times as long
    with torch.autocast("cpu", enabled=False):
        query, key, value = query.float(), key.float(), value.float()
        bias = None if bias is None else bias.float()
        return F.scaled_dot_product_attention(query, key, value, attn_mask=bias).to(kind)


def _bias(tokens: Tensor, keep: Tensor | None, causal: bool) -> Tensor | None:
    """What is added to the scores of all heads, shape (batch or 1, 1, token or 1, token)."""
    bias = None if keep is None else tokens.new_zeros(()).where(keep, MISSING)[:, None, None]
    if causal:
        square = tokens.new_full((tokens.shape[1], tokens.shape[1]), -torch.inf).triu(1)[None, None]
        bias = square if bias is None else bias + square
    return bias

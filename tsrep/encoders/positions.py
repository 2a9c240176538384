"""How a transformer learns where in the signal a token stands.

Kinds are ``"none"`` (the network is permutation-equivariant), ``"learned"`` and ``"sinusoid"`` (added to the
tokens once) and ``"rotary"`` (turns queries and keys in every block, so that only distances matter).
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from tsrep.errors import ConfigError

Positions = Literal["none", "learned", "sinusoid", "rotary"]


def sinusoid(tokens: int, width: int, device: torch.device | None = None) -> Tensor:
    """Sines in even columns and cosines in odd ones, of wavelengths from ``2 pi`` to ``20000 pi`` tokens.

    Returns
    -------
    Tensor, shape (token, width), float32

    References
    ----------
    Vaswani et al., "Attention is all you need", NeurIPS 2017, section 3.5.
    """
    angles = _angles(tokens, width + width % 2, device)
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)[:, :width]


def rotary_table(tokens: int, size: int, device: torch.device | None = None) -> Tensor:
    """Cosines and sines for :func:`rotate`, shape (2, token, size // 2), float32."""
    angles = _angles(tokens, size, device)
    return torch.stack([angles.cos(), angles.sin()])


def rotate(x: Tensor, table: Tensor) -> Tensor:
    """Turn pairs of features by angles that grow with the token's place.

    The scalar product of two rotated vectors depends on the distance of their places alone.

    Parameters
    ----------
    x : Tensor, shape (batch, head, token, size)
        Queries or keys; feature ``i`` is paired with feature ``i + size // 2``.
    table : Tensor, shape (2, token, size // 2)

    Returns
    -------
    Tensor, shape (batch, head, token, size)

    References
    ----------
    Su et al., "RoFormer: enhanced transformer with rotary position embedding", Neurocomputing 2024, eq. 34,
    with the halves of a vector as the pairs.
    """
    cos, sin = table.to(x.dtype)
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cos - second * sin, first * sin + second * cos], dim=-1)


class AddedPositions(nn.Module):
    """Adds ``"learned"`` or ``"sinusoid"`` positions to tokens; the other kinds add nothing.

    Parameters
    ----------
    kind : str
    width : int
        Of a token.
    longest : int
        Tokens that learned positions reach.
    """

    def __init__(self, kind: Positions, width: int, longest: int) -> None:
        super().__init__()
        self.kind = kind
        if kind == "learned":
            self.table = nn.Parameter(nn.init.trunc_normal_(torch.empty(longest, width), std=0.02))

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens that carry their place.

        Parameters
        ----------
        tokens : Tensor, shape (batch, token, width)

        Returns
        -------
        Tensor, shape (batch, token, width)

        Raises
        ------
        ConfigError
            When there are more tokens than learned positions: what was never trained is not made up.
        """
        count, width = tokens.shape[1:]
        if self.kind == "sinusoid":
            return tokens + sinusoid(count, width, tokens.device).to(tokens.dtype)
        if self.kind != "learned":
            return tokens
        if count > len(self.table):
            raise ConfigError(
                f"a signal gives {count} tokens, but positions are learned for {len(self.table)}; give a "
                "larger longest, or choose sinusoid or rotary positions"
            )
        return tokens + self.table[:count].to(tokens.dtype)


def _angles(tokens: int, size: int, device: torch.device | None) -> Tensor:
    """Angle of each token in each of ``size // 2`` frequencies, shape (token, size // 2), radians."""
    place = torch.arange(tokens, device=device, dtype=torch.float32)
    rate = 10_000.0 ** (-torch.arange(0, size, 2, device=device, dtype=torch.float32) / size)
    return place[:, None] * rate

"""Two overlapping crops of each sample, as TS2Vec compares them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from tsrep.errors import ConfigError


@dataclass(frozen=True)
class OverlappingCrops:
    """Where two crops of equal overlap lie; the same for all samples up to ``offset``.

    The first crop runs from ``outer_left`` to ``right``, the second from ``left`` to
    ``outer_right``, so they share ``left`` to ``right``. All are in time steps.

    Attributes
    ----------
    outer_left, left, right, outer_right : int
        In ascending order, and multiples of ``unit``.
    offset : int64 Tensor, shape (batch,)
        Added to all four for each sample.
    unit : int
        Time steps per step of the representation.
    """

    outer_left: int
    left: int
    right: int
    outer_right: int
    offset: Tensor
    unit: int = 1

    def first(self, x: Tensor) -> Tensor:
        """First crop of ``x``, shape (batch, channel, right - outer_left)."""
        return self._cut(x, self.outer_left, self.right)

    def second(self, x: Tensor) -> Tensor:
        """Second crop of ``x``, shape (batch, channel, outer_right - left)."""
        return self._cut(x, self.left, self.outer_right)

    def overlap(self, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
        """The shared steps of the crops' representations, two of shape (batch, dim, overlap)."""
        steps = (self.right - self.left) // self.unit
        return first[..., -steps:], second[..., :steps]

    def _cut(self, x: Tensor, begin: int, end: int) -> Tensor:
        at = self.offset[:, None] + torch.arange(begin, end, device=x.device)
        return x.gather(2, at[:, None, :].expand(-1, x.shape[1], -1))


def draw_overlapping_crops(
    x: Tensor,
    *,
    unit: int = 1,
    least: int = 2,
    borders: Tensor | None = None,
    generator: torch.Generator,
) -> OverlappingCrops:
    """Random crops of ``x`` that share at least ``least`` steps of the representation.

    Parameters
    ----------
    x : Tensor, shape (batch, channel, time)
    unit : int
        Stride of the encoder: borders are multiples of it, so that shared steps stay aligned.
    least : int
        Steps of the representation.
    borders : Tensor, shape (4,), optional
        Uniform numbers in [0, 1) that fix the borders; drawn when missing. Ranks that contrast across
        their batches must agree on them, since the overlap must be equally long everywhere.
    generator : torch.Generator
        On the device of ``x``.

    Raises
    ------
    ConfigError
        When a sample is shorter than ``least`` strides.

    Notes
    -----
    Source: TS2Vec (AAAI 2022), section 3.2; the law of the borders is that of the public code.
    """
    time = x.shape[2]
    units = time // unit
    if units < least:
        raise ConfigError(
            f"samples of {time} steps are too short to crop for an encoder of stride {unit}; "
            f"use windows of at least {least * unit} steps"
        )
    if borders is None:
        borders = torch.rand(4, generator=generator, device=x.device)
    drawn = borders.tolist()
    length = least + int(drawn[0] * (units - least + 1))
    left = int(drawn[1] * (units - length + 1))
    right = left + length
    outer_left = int(drawn[2] * (left + 1))
    outer_right = right + int(drawn[3] * (units - right + 1))
    room = time - outer_right * unit + outer_left * unit + 1
    place = torch.rand(len(x), generator=generator, device=x.device)
    offset = (place * room).long().clamp(max=room - 1) - outer_left * unit
    return OverlappingCrops(outer_left * unit, left * unit, right * unit, outer_right * unit, offset, unit)

"""TS2Vec: two overlapping crops of a sample must agree on the steps that they share."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field, NonNegativeInt
from torch import Tensor

from tsrep.encoders.encoder import Encoder
from tsrep.errors import ConfigError
from tsrep.losses.gather import gather_rows
from tsrep.losses.ts2vec_hierarchical import hierarchical_contrast
from tsrep.objectives.objective import Objective
from tsrep.registry import OBJECTIVES
from tsrep.signals.batch import Batch
from tsrep.views.dropout import dropout
from tsrep.views.timestamp_masks import binomial_mask


@OBJECTIVES.register("ts2vec")
class TS2Vec(Objective):
    """Crop twice, mask time steps of the latent, contrast the overlap over time and over samples.

    Parameters
    ----------
    alpha : float
        Weight of the contrast between samples; ``1 - alpha`` goes to the one between time steps.
    masked_steps : float
        Probability that the latent of a time step is zeroed, drawn anew for each crop.
    dropout : float
        Of single values of the representation.
    temporal_unit : int
        First level of the max-pool pyramid that has a contrast between time steps; crops share at
        least ``2 ** (temporal_unit + 1)`` steps.

    References
    ----------
    Yue et al., "TS2Vec", AAAI 2022, section 3 and algorithm 1.
    """

    def __init__(
        self,
        alpha: Annotated[float, Field(ge=0, le=1)] = 0.5,
        masked_steps: Annotated[float, Field(ge=0, lt=1)] = 0.5,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1,
        temporal_unit: NonNegativeInt = 0,
    ) -> None:
        super().__init__()
        self.alpha, self.temporal_unit = alpha, temporal_unit
        self.masked_steps, self.dropout = masked_steps, dropout

    def forward(self, encoder: Encoder, batch: Batch, *, generator: torch.Generator) -> dict[str, Tensor]:
        """Terms ``observation`` and ``sample``, those of weight zero left out; see :class:`Objective`."""
        drawn = torch.rand(1, 4, generator=generator, device=batch.x.device)
        borders = gather_rows(drawn)[0]  # those of the first rank: all ranks contrast equal lengths
        least = 2 ** (self.temporal_unit + 1)
        *crops, shared = overlapping_crops(
            batch.x, borders, unit=encoder.stride, least=least, generator=generator
        )
        first, second = (self._represent(encoder, crop, generator) for crop in crops)
        # (batch, dim, shared): the overlap ends the first crop and begins the second
        z1, z2 = first[..., -shared:], second[..., :shared]
        weights = {"observation": 1 - self.alpha, "sample": self.alpha}
        return {
            name: hierarchical_contrast(
                z1, z2, **{name: weight}, single_step=True, temporal_unit=self.temporal_unit
            )
            for name, weight in weights.items()
            if weight > 0
        }

    def _represent(self, encoder: Encoder, x: Tensor, generator: torch.Generator) -> Tensor:
        keep = binomial_mask(*x.shape[::2], generator=generator, probability=1 - self.masked_steps)
        return dropout(encoder(x, keep), self.dropout, generator=generator)


def overlapping_crops(
    x: Tensor, borders: Tensor, *, unit: int, least: int, generator: torch.Generator
) -> tuple[Tensor, Tensor, int]:
    """Random crops of ``x`` that share at least ``least`` steps of the representation.

    Parameters
    ----------
    x : Tensor, shape (batch, channel, time)
    borders : Tensor, shape (4,)
        Uniform numbers in [0, 1) that fix the borders of both crops, which are those of all samples up to an
        offset. Ranks that contrast across their batches must agree on them, since the overlap must be equally
        long everywhere.
    unit : int
        Stride of the encoder: borders are multiples of it, so that shared steps stay aligned.
    least : int
        Steps of the representation.
    generator : torch.Generator
        On the device of ``x``; draws each sample's offset.

    Returns
    -------
    first, second : Tensors, shape (batch, channel, time)
    shared : int
        Steps of the representation at the end of the first crop that are also at the begin of the second.

    Raises
    ------
    ConfigError
        When a sample is shorter than ``least`` strides.

    References
    ----------
    Yue et al., "TS2Vec", AAAI 2022, section 3.2; the law of the borders is that of the public code.
    """
    time = x.shape[2]
    units = time // unit
    if units < least:
        raise ConfigError(
            f"samples of {time} steps are too short to crop for an encoder of stride {unit}; "
            f"use windows of at least {least * unit} steps"
        )
    drawn = borders.tolist()
    shared = least + int(drawn[0] * (units - least + 1))
    left = int(drawn[1] * (units - shared + 1))
    right = left + shared
    outer_left = int(drawn[2] * (left + 1))
    outer_right = right + int(drawn[3] * (units - right + 1))
    # Both crops of a sample move together by whole time steps, wherever there is room.
    room = time - (outer_right - outer_left) * unit + 1
    place = torch.rand(len(x), generator=generator, device=x.device)
    start = (place * room).long().clamp(max=room - 1)  # of the first crop, (batch,)
    first = _cut(x, start, (right - outer_left) * unit)
    second = _cut(x, start + (left - outer_left) * unit, (outer_right - left) * unit)
    return first, second, shared


def _cut(x: Tensor, start: Tensor, length: int) -> Tensor:
    """So many steps of each sample from its own start on, shape (batch, channel, length)."""
    at = start[:, None] + torch.arange(length, device=x.device)
    return x.gather(2, at[:, None, :].expand(-1, x.shape[1], -1))

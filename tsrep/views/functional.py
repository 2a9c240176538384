"""Augmentations as functions of a signal and of drawn parameters.

Each works on a whole batch on its device, keeps shape and dtype, and leaves missing values (NaN)
missing where it does not overwrite them. Parameters are tensors with a leading batch axis.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from tsrep.views.dropout import dropout_mask, dropped


def jitter(x: Tensor, std: float, *, generator: torch.Generator) -> Tensor:
    """Add white noise.

    Parameters
    ----------
    x : Tensor, shape (batch, channel, time)
    std : float
        Standard deviation of the noise, in units of ``x``.
    """
    return x + std * torch.randn(x.shape, generator=generator, device=x.device, dtype=x.dtype)


def scale(x: Tensor, factor: Tensor) -> Tensor:
    """Multiply each channel; ``factor`` has shape (batch, channel)."""
    return x * factor[:, :, None]


def drop_leads(x: Tensor, drop: Tensor) -> Tensor:
    """Zero whole channels where ``drop``, bool of shape (batch, channel), is true."""
    return x.masked_fill(drop[:, :, None], 0)


def cut_out(x: Tensor, start: Tensor, width: Tensor) -> Tensor:
    """Zero all channels in the ``width`` steps from ``start``; both int64 of shape (batch,)."""
    since = torch.arange(x.shape[2], device=x.device) - start[:, None]
    inside = (since >= 0) & (since < width[:, None])  # (batch, time)
    return x.masked_fill(inside[:, None, :], 0)


def shift(x: Tensor, steps: Tensor) -> Tensor:
    """Delay each sample by ``steps``, int64 of shape (batch,); steps from outside are missing (NaN)."""
    source = torch.arange(x.shape[2], device=x.device) - steps[:, None]
    outside = (source < 0) | (source >= x.shape[2])  # (batch, time)
    return _at(x, source.clamp(0, x.shape[2] - 1)).masked_fill(outside[:, None, :], torch.nan)


def crop_resize(x: Tensor, start: Tensor, width: Tensor) -> Tensor:
    """Stretch the part of ``width`` steps from ``start`` over the whole length, linearly interpolated.

    Parameters
    ----------
    x : Tensor, shape (batch, channel, time)
    start, width : float Tensors, shape (batch,), steps
        ``0 <= start`` and ``start + width <= time``; a width of ``time`` from 0 changes nothing.
    """
    last = x.shape[2] - 1
    along = torch.arange(x.shape[2], device=x.device, dtype=x.dtype) / max(last, 1)
    position = (start[:, None] + along * (width[:, None] - 1)).clamp(0, last)  # (batch, time)
    left = position.long().clamp(max=max(last - 1, 0))
    weight = (position - left)[:, None, :]
    before, after = _at(x, left), _at(x, (left + 1).clamp(max=last))
    # Whole positions take their neighbour alone, so that a missing one beside it does not spread.
    between = torch.where(weight == 0, before, before + weight * (after - before))
    return torch.where(weight == 1, after, between)


def baseline_wander(x: Tensor, amplitude: Tensor, cycles: Tensor, phase: Tensor) -> Tensor:
    """Add a slow sine to each channel.

    Parameters
    ----------
    x : Tensor, shape (batch, channel, time)
    amplitude : Tensor, shape (batch, channel)
        In units of ``x``; it may be negative.
    cycles, phase : Tensors, shape (batch,)
        Oscillations over the whole sample, and the phase at its start in radians.
    """
    time = torch.arange(x.shape[2], device=x.device, dtype=x.dtype) / x.shape[2]
    wave = torch.sin(2 * math.pi * cycles[:, None] * time + phase[:, None])  # (batch, time)
    return x + amplitude[:, :, None] * wave[:, None, :]


def dropout(z: Tensor, probability: float, *, generator: torch.Generator) -> Tensor:
    """Zero single values with ``probability`` and scale the others up to keep the mean.

    As a view of a representation it stands for the dropout that published encoders hold.

    Parameters
    ----------
    z : Tensor, any shape
    probability : float
        From 0 (``z`` itself) to below 1.
    """
    if probability == 0:
        return z
    return dropped(z, dropout_mask(tuple(z.shape), probability, generator=generator), probability)


def _at(x: Tensor, index: Tensor) -> Tensor:
    """Steps ``index``, shape (batch, time'), of every channel."""
    return x.gather(2, index[:, None, :].expand(-1, x.shape[1], -1))

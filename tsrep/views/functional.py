"""Changes of amplitude as functions of a signal and of drawn parameters.

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


def offset(x: Tensor, amount: Tensor) -> Tensor:
    """Add a constant to each channel; ``amount`` has shape (batch, channel)."""
    return x + amount[:, :, None]


def drop_leads(x: Tensor, drop: Tensor) -> Tensor:
    """Zero whole channels where ``drop``, bool of shape (batch, channel), is true."""
    return x.masked_fill(drop[:, :, None], 0)


def cut_out(x: Tensor, start: Tensor, width: Tensor) -> Tensor:
    """Zero all channels in the ``width`` steps from ``start``; both int64 of shape (batch,)."""
    since = torch.arange(x.shape[2], device=x.device) - start[:, None]
    inside = (since >= 0) & (since < width[:, None])  # (batch, time)
    return x.masked_fill(inside[:, None, :], 0)


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

"""Where each step of a view comes from: shifts, crops, warps and permutations of a whole batch.

Steps between two others are interpolated linearly and are missing (NaN) when one of these is. Parameters
are tensors with a leading batch axis.
"""

from __future__ import annotations

import torch
from torch import Tensor


def resample(x: Tensor, position: Tensor) -> Tensor:
    """Values at fractional steps.

    Parameters
    ----------
    x : Tensor, shape (batch, channel, time)
    position : float Tensor, shape (batch, time'), steps
        Positions outside of the sample count as its first or last step.

    Returns
    -------
    Tensor, shape (batch, channel, time')
    """
    last = x.shape[2] - 1
    position = position.clamp(0, last)
    left = position.long().clamp(max=max(last - 1, 0))
    weight = (position - left)[:, None, :]
    before, after = _at(x, left), _at(x, (left + 1).clamp(max=last))
    # Whole positions take their neighbour alone, so that a missing one beside it does not spread.
    between = torch.where(weight == 0, before, before + weight * (after - before))
    return torch.where(weight == 1, after, between)


def time_shift(x: Tensor, steps: Tensor) -> Tensor:
    """Delay each sample by ``steps``, int64 of shape (batch,); steps from outside are missing (NaN)."""
    source = torch.arange(x.shape[2], device=x.device) - steps[:, None]
    outside = (source < 0) | (source >= x.shape[2])  # (batch, time)
    return _at(x, source.clamp(0, x.shape[2] - 1)).masked_fill(outside[:, None, :], torch.nan)


def crop_resize(x: Tensor, start: Tensor, width: Tensor) -> Tensor:
    """Stretch the part of ``width`` steps from ``start`` over the whole length.

    Parameters
    ----------
    x : Tensor, shape (batch, channel, time)
    start, width : float Tensors, shape (batch,), steps
        ``0 <= start`` and ``start + width <= time``; a width of ``time`` from 0 changes nothing.
    """
    along = torch.arange(x.shape[2], device=x.device, dtype=x.dtype) / max(x.shape[2] - 1, 1)
    return resample(x, start[:, None] + along * (width[:, None] - 1))


def window_warp(x: Tensor, start: Tensor, width: Tensor, stretch: Tensor) -> Tensor:
    """Let the window of ``width`` steps from ``start`` last ``stretch`` times as long; keep the length.

    Parameters
    ----------
    x : Tensor, shape (batch, channel, time)
    start, width, stretch : float Tensors, shape (batch,)
        The first two in steps, with ``start + width <= time - 1``.
    """
    last = x.shape[2] - 1
    start, width, stretch = start[:, None], width[:, None], stretch[:, None]
    along = torch.arange(x.shape[2], device=x.device, dtype=x.dtype) / max(last, 1)
    clock = along * (last + (stretch - 1) * width)  # (batch, time): steps since the start, window stretched
    inside = (clock - start).clamp(min=0).minimum(stretch * width)
    return resample(x, clock - inside * (1 - 1 / stretch))


def travelled(speed: Tensor) -> Tensor:
    """Where a positive speed leads at every step: from the first step to the last in the given time.

    Parameters
    ----------
    speed : Tensor, shape (batch, time)
        Only its ratio to the mean matters.

    Returns
    -------
    Tensor, shape (batch, time), steps
        Strictly ascending from 0 to ``time - 1``.
    """
    last = speed.shape[1] - 1
    way = torch.nn.functional.pad(((speed[:, 1:] + speed[:, :-1]) / 2).cumsum(1), (1, 0))
    return way * (last / way[:, -1:]) if last else way


def permute(x: Tensor, cuts: Tensor, order: Tensor) -> Tensor:
    """Cut each sample and put its segments in another order.

    Parameters
    ----------
    x : Tensor, shape (batch, channel, time)
    cuts : int64 Tensor, shape (batch, segment - 1), steps
        First steps of all segments but the first, distinct, in any order.
    order : int64 Tensor, shape (batch, segment)
        The place that each segment goes to.
    """
    first = torch.zeros(len(x), x.shape[2], dtype=torch.int64, device=x.device).scatter_(1, cuts, 1)
    place = order.gather(1, first.cumsum(1))  # (batch, time)
    return _at(x, place.argsort(dim=1, stable=True))


def _at(x: Tensor, index: Tensor) -> Tensor:
    """Steps ``index``, shape (batch, time'), of every channel."""
    return x.gather(2, index[:, None, :].expand(-1, x.shape[1], -1))

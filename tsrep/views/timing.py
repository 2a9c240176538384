"""Views that move the steps of a sample in time, all channels alike: shifts, crops, warps, permutations.

Steps between two others are interpolated linearly and are missing (NaN) when one of these is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field, NonNegativeFloat
from torch import Tensor

from tsrep.registry import VIEWS
from tsrep.views.view import Knots, Share, normal, smooth_curve, uniform


@VIEWS.register("time-shift")
@dataclass(frozen=True)
class TimeShift:
    """A delay or advance; what comes from outside of the sample is missing.

    Parameters
    ----------
    most : float
        Greatest shift, as a fraction of the sample.
    """

    most: Share = 0.1

    def __call__(self, x: Tensor, *, generator: torch.Generator) -> Tensor:
        """Altered copy of ``x``."""
        drawn = uniform(x, 1, generator=generator)[:, 0]
        return time_shift(x, ((2 * drawn - 1) * self.most * x.shape[2]).round().long())


@VIEWS.register("window-slice")
@dataclass(frozen=True)
class WindowSlice:
    """A random part of the sample, resampled to the whole length.

    Known as window slicing for time series and as the random resized crop for images.

    Parameters
    ----------
    least : float
        Smallest part, as a fraction of the sample.

    References
    ----------
    Le Guennec et al., AALTD 2016. Deviations: the width is random, and the part is resampled to full length.
    """

    least: Annotated[float, Field(gt=0, le=1)] = 0.7

    def __call__(self, x: Tensor, *, generator: torch.Generator) -> Tensor:
        """Altered copy of ``x``."""
        size, place = uniform(x, 2, generator=generator).T
        width = (self.least + (1 - self.least) * size) * x.shape[2]
        return crop_resize(x, place * (x.shape[2] - width), width)


@VIEWS.register("window-warp")
@dataclass(frozen=True)
class WindowWarp:
    """A random window sped up or slowed down, then all resampled to the whole length.

    Parameters
    ----------
    window : float
        Length of the window, as a fraction of the sample.
    factor : float
        Of the speed, or of the slowness; a toss decides.

    References
    ----------
    Le Guennec et al., AALTD 2016; there too the window is a tenth of the sample and the factor 2.
    """

    window: Annotated[float, Field(gt=0, le=1)] = 0.1
    factor: Annotated[float, Field(ge=1)] = 2.0

    def __call__(self, x: Tensor, *, generator: torch.Generator) -> Tensor:
        """Altered copy of ``x``."""
        place, coin = uniform(x, 2, generator=generator).T
        longer = torch.full_like(coin, self.factor)
        slowdown = torch.where(coin < 0.5, longer, 1 / longer)
        width = self.window * (x.shape[2] - 1)
        return window_warp(x, place * (x.shape[2] - 1 - width), torch.full_like(place, width), slowdown)


@VIEWS.register("time-warp")
@dataclass(frozen=True)
class TimeWarp:
    """A smooth random speed of time; first and last step stay where they are.

    The logarithm of the speed is a spline through equally spaced normal points, ends included; time
    therefore never runs backwards.

    Parameters
    ----------
    std : float
        Standard deviation of the points.
    knots : int
        Number of the points.

    References
    ----------
    Um et al., ICMI 2017. Deviation: the speed is log-normal, so that it is positive for every draw.
    """

    std: NonNegativeFloat = 0.3
    knots: Knots = 6

    def __call__(self, x: Tensor, *, generator: torch.Generator) -> Tensor:
        """Altered copy of ``x``."""
        points = self.std * normal(x, self.knots, generator=generator)
        return resample(x, travelled(torch.exp(smooth_curve(points, x.shape[2]))))


@VIEWS.register("permutation")
@dataclass(frozen=True)
class Permutation:
    """The sample cut at random places into segments, which are put together in random order.

    Parameters
    ----------
    segments : int

    References
    ----------
    Um et al., ICMI 2017.
    """

    segments: Annotated[int, Field(ge=1)] = 5

    def __call__(self, x: Tensor, *, generator: torch.Generator) -> Tensor:
        """Altered copy of ``x``."""
        parts = min(self.segments, x.shape[2])
        cuts = 1 + uniform(x, x.shape[2] - 1, generator=generator).topk(parts - 1).indices
        return permute(x, cuts, uniform(x, parts, generator=generator).argsort(1))


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
    """Resample the part of ``width`` steps from ``start`` to the whole length.

    Parameters
    ----------
    x : Tensor, shape (batch, channel, time)
    start, width : float Tensors, shape (batch,), steps
        ``0 <= start`` and ``start + width <= time``; a width of ``time`` from 0 changes nothing.
    """
    along = torch.arange(x.shape[2], device=x.device, dtype=x.dtype) / max(x.shape[2] - 1, 1)
    return resample(x, start[:, None] + along * (width[:, None] - 1))


def window_warp(x: Tensor, start: Tensor, width: Tensor, slowdown: Tensor) -> Tensor:
    """Let the window of ``width`` steps from ``start`` last ``slowdown`` times as long; keep the length.

    Parameters
    ----------
    x : Tensor, shape (batch, channel, time)
    start, width, slowdown : float Tensors, shape (batch,)
        The first two in steps, with ``start + width <= time - 1``.
    """
    last = x.shape[2] - 1
    start, width, slowdown = start[:, None], width[:, None], slowdown[:, None]
    along = torch.arange(x.shape[2], device=x.device, dtype=x.dtype) / max(last, 1)
    clock = along * (last + (slowdown - 1) * width)  # (batch, time): steps since the start, window slowed
    inside = (clock - start).clamp(min=0).minimum(slowdown * width)
    return resample(x, clock - inside * (1 - 1 / slowdown))


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

"""Views that take a part of the signal away: a channel, a segment of time, a band of frequencies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from tsrep.registry import VIEWS
from tsrep.views.view import Share, uniform


@VIEWS.register("lead-dropout")
@dataclass(frozen=True)
class LeadDropout:
    """Whole channels zeroed; at least one channel of a sample stays.

    Parameters
    ----------
    probability : float
        That a channel is zeroed.
    """

    probability: Share = 0.2

    def __call__(self, x: Tensor, *, generator: torch.Generator) -> Tensor:
        """Altered copy of ``x``."""
        drawn = uniform(x, x.shape[1], generator=generator)
        stays = drawn == drawn.amax(1, keepdim=True)
        return x.masked_fill(((drawn < self.probability) & ~stays)[:, :, None], 0)


@VIEWS.register("cut-out")
@dataclass(frozen=True)
class CutOut:
    """A segment of time zeroed in all channels.

    Parameters
    ----------
    most : float
        Greatest length of the segment, as a fraction of the sample.

    References
    ----------
    DeVries & Taylor, "Improved Regularization of Convolutional Neural Networks with Cutout", 2017, in time.
    """

    most: Share = 0.2

    def __call__(self, x: Tensor, *, generator: torch.Generator) -> Tensor:
        """Altered copy of ``x``."""
        time = x.shape[2]
        size, place = uniform(x, 2, generator=generator).T
        width = (size * self.most * time).long()
        start = (place * (time - width + 1)).long()
        return x.masked_fill(_inside(start, width, time)[:, None, :], 0)


@VIEWS.register("frequency-dropout")
@dataclass(frozen=True)
class FrequencyDropout:
    """Bands of frequencies removed from all channels; the mean of a channel stays.

    Parameters
    ----------
    bands : int
        How many; they may overlap.
    most : float
        Greatest width of a band, as a fraction of the spectrum.
    """

    bands: Annotated[int, Field(ge=0)] = 2
    most: Share = 0.2

    def __call__(self, x: Tensor, *, generator: torch.Generator) -> Tensor:
        """Altered copy of ``x``."""
        size, place = uniform(x, 2 * self.bands, generator=generator).chunk(2, dim=1)
        count = x.shape[2] // 2
        width = (size * self.most * count).long()
        return drop_bands(x, 1 + (place * (count - width + 1)).long(), width)


def drop_bands(x: Tensor, start: Tensor, width: Tensor) -> Tensor:
    """Remove the oscillations of some bands from every channel.

    Parameters
    ----------
    x : Tensor, shape (batch, channel, time)
        Missing values stay missing; for the spectrum they count as the mean of their channel, so that the
        energy about that mean never rises.
    start, width : int64 Tensors, shape (batch, band), cycles per sample length
        First frequency of each band and how many follow; a width of 0 changes nothing.

    Returns
    -------
    Tensor, shape (batch, channel, time)
    """
    time = x.shape[2]
    drop = _inside(start, width, time // 2 + 1).any(1)  # (batch, frequency)
    exact = x if x.dtype in (torch.float32, torch.float64) else x.float()  # no FFT in half precision
    centred = exact - exact.nanmean(2, keepdim=True)
    spectrum = torch.fft.rfft(centred.masked_fill(exact.isnan(), 0))
    removed: Tensor = torch.fft.irfft(spectrum * drop[:, None, :], n=time)
    return (exact - removed).to(x.dtype)


def _inside(start: Tensor, width: Tensor, count: int) -> Tensor:
    """Which of ``count`` places lie in the ``width`` places from ``start``, shape (..., count)."""
    since = torch.arange(count, device=start.device) - start[..., None]
    return (since >= 0) & (since < width[..., None])

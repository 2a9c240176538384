"""Bands of frequencies taken out of a signal."""

from __future__ import annotations

import torch
from torch import Tensor


def drop_bands(x: Tensor, start: Tensor, width: Tensor) -> Tensor:
    """Remove the oscillations of some bands from every channel.

    Parameters
    ----------
    x : Tensor, shape (batch, channel, time)
        Missing values stay missing; for the spectrum they count as the mean of their channel, so that the
        energy about that mean never rises.
    start, width : int64 Tensors, shape (batch, band), cycles per sample length
        First frequency of each band and how many follow; a width of 0 changes nothing.
    """
    time = x.shape[2]
    since = torch.arange(time // 2 + 1, device=x.device) - start[:, :, None]
    drop = ((since >= 0) & (since < width[:, :, None])).any(1)  # (batch, frequency)
    exact = x if x.dtype in (torch.float32, torch.float64) else x.float()
    centred = exact - exact.nanmean(2, keepdim=True)
    spectrum = torch.fft.rfft(centred.masked_fill(exact.isnan(), 0))
    removed: Tensor = torch.fft.irfft(spectrum * drop[:, None, :], n=time)
    return (exact - removed).to(x.dtype)

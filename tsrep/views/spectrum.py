"""Spectra of signals, and views of a spectrum: components removed, or small ones raised."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from pydantic import NonNegativeFloat
from torch import Tensor

from tsrep.views.view import Share

Sides = Literal["one-sided", "two-sided"]


def amplitude_spectrum(x: Tensor, sides: Sides = "one-sided") -> Tensor:
    """Amplitudes of the Fourier components of every channel.

    Parameters
    ----------
    x : Tensor, shape (batch, channel, time)
        Missing values count as the mean of their channel.
    sides : {"one-sided", "two-sided"}
        Components up to half the sampling rate, as ``log(1 + amplitude / sqrt(time))``, which does not grow
        with the length; or all components as they are, whose second half mirrors the first (published).

    Returns
    -------
    Tensor, shape (batch, channel, time // 2 + 1), or (batch, channel, time), float32 or float64
    """
    exact = x if x.dtype in (torch.float32, torch.float64) else x.float()  # no FFT in half precision
    filled = torch.where(exact.isnan(), exact.nanmean(2, keepdim=True), exact).nan_to_num(0.0)
    with torch.autocast(x.device.type, enabled=False):
        if sides == "two-sided":
            whole: Tensor = torch.fft.fft(filled).abs()
            return whole
        return torch.log1p(torch.fft.rfft(filled).abs() / x.shape[2] ** 0.5)


@dataclass(frozen=True)
class RemoveOrLift:
    """A view of a spectrum: by a toss some components removed, or some raised where they are small.

    Attributes
    ----------
    remove, lift : float
        Share of the components.
    alpha : float
        Components are raised to at most so much of the largest one of the channel.
    """

    remove: Share = 0.1
    lift: Share = 0.1
    alpha: NonNegativeFloat = 0.5

    def __call__(self, x: Tensor, *, generator: torch.Generator) -> Tensor:
        """Altered copy of ``x``, shape (batch, channel, frequency)."""
        drawn = torch.rand((4, *x.shape), generator=generator, device=x.device, dtype=x.dtype)
        removed = removed_components(x, drawn[0] >= self.remove)
        lifted = lifted_components(x, drawn[1] < self.lift, self.alpha * drawn[2])
        return torch.where(drawn[3, :, :1, :1] < 0.5, removed, lifted)


@dataclass(frozen=True)
class RemoveAndAdd:
    """The public view of 2023: the spectrum with components removed, plus itself with some noise added.

    Attributes
    ----------
    remove, lift : float
        Share of the components.
    """

    remove: Share = 0.1
    lift: Share = 0.1

    def __call__(self, x: Tensor, *, generator: torch.Generator) -> Tensor:
        """Altered copy of ``x``, shape (batch, channel, frequency)."""
        drawn = torch.rand((3, *x.shape), generator=generator, device=x.device, dtype=x.dtype)
        added = (drawn[1] < self.lift) * drawn[2]
        return removed_components(x, drawn[0] >= self.remove) + x + added * 0.1 * x.max()


def removed_components(x: Tensor, keep: Tensor) -> Tensor:
    """Components that are not kept set to zero; both of shape (batch, channel, frequency)."""
    return x * keep


def lifted_components(x: Tensor, where: Tensor, height: Tensor) -> Tensor:
    """Some components raised to a share of the largest one of their channel, larger ones left as they are.

    Parameters
    ----------
    x, where, height : Tensors, shape (batch, channel, frequency)
        Spectrum, which components, and to what share.
    """
    return torch.where(where, torch.maximum(x, height * x.amax(2, keepdim=True)), x)

"""The two branches of CoST over a representation: trend by autoregressive experts, season by frequencies."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tsrep.encoders.dilated_conv_ar import CausalExperts

SMALLEST = 1e-6


class TrendHead(nn.Module):
    """Mean of causal convolutions with 1, 2, 4, ... taps, read at one step and projected.

    Parameters
    ----------
    dim, width : int
        In and out; a linear map to ``width`` comes first, as the experts have ``width ** 2`` weights a tap.
    experts : int
    """

    def __init__(self, dim: int, width: int, experts: int) -> None:
        super().__init__()
        self.narrow = nn.Linear(dim, width, bias=False)
        self.experts = CausalExperts(width, experts)
        self.project = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))

    def forward(self, z: Tensor, step: Tensor) -> Tensor:
        """Projected trend at one step of all samples.

        Parameters
        ----------
        z : Tensor, shape (batch, dim, time)
        step : int64 Tensor, shape (1,)

        Returns
        -------
        Tensor, shape (batch, width)
        """
        projected: Tensor = self.project(self.trend(z, step))
        return projected

    def trend(self, z: Tensor, step: Tensor) -> Tensor:
        """The experts at one step, from no more steps than reach it."""
        taps = min(self.experts.taps, z.shape[2])
        weight, bias = self.experts.merged()
        reach = F.pad(z, (taps - 1, 0)).index_select(2, step + torch.arange(taps, device=z.device))
        latent = self.narrow(reach.mT).mT  # (batch, width, taps)
        return F.linear(latent.flatten(1), weight[..., -taps:].flatten(1), bias)


class BandedFourier(nn.Module):
    """A complex affine map of its own for each frequency.

    The maps belong to frequencies evenly spaced from zero to one half per step, and between two of them
    they are interpolated linearly. So the layer fits samples of every length, and a period has the same map
    whatever the length; samples of ``2 * (bands - 1)`` steps have exactly one map for each harmonic.

    Parameters
    ----------
    inputs, outputs : int
    bands : int
        Number of frequencies, at least 2.

    References
    ----------
    Woo et al., "CoST", ICLR 2022, section 3.3. There a window has a fixed length and each of its
    harmonics one map.
    """

    def __init__(self, inputs: int, outputs: int, bands: int) -> None:
        super().__init__()
        self.bands = bands
        bound = inputs**-0.5
        # real and imaginary parts last: complex parameters would not be averaged or stored everywhere
        self.weight = nn.Parameter(torch.empty(bands, inputs, outputs, 2).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(bands, outputs, 2).uniform_(-bound, bound))

    def forward(self, z: Tensor) -> Tensor:
        """Map ``(batch, inputs, time)`` to ``(batch, outputs, time)``, in float32 at least."""
        time = z.shape[2]
        with torch.autocast(z.device.type, enabled=False):
            spectrum = torch.fft.rfft(z.to(self.weight.dtype), dim=2)
            weight, bias = (self._at_harmonics(maps, time) for maps in (self.weight, self.bias))
            mapped = torch.einsum("bif,fio->bof", spectrum, weight) + bias.mT
            signal: Tensor = torch.fft.irfft(mapped, n=time, dim=2)
            return signal

    def _at_harmonics(self, maps: Tensor, time: int) -> Tensor:
        """Complex maps at the harmonics of ``time`` steps, shape (time // 2 + 1, ...)."""
        harmonic = torch.arange(time // 2 + 1, device=maps.device, dtype=maps.dtype)
        place = harmonic * (2 * (self.bands - 1) / time)
        below = place.long().clamp(max=self.bands - 2)
        share = (place - below).view(-1, *[1] * (maps.ndim - 1))
        return torch.view_as_complex(torch.lerp(maps[below], maps[below + 1], share))


def amplitude_and_phase(z: Tensor) -> tuple[Tensor, Tensor]:
    """Polar coordinates of the spectrum over time, with finite gradients where it vanishes.

    Parameters
    ----------
    z : Tensor, shape (batch, dim, time)

    Returns
    -------
    amplitude, phase : Tensors, shape (batch, dim, time // 2 + 1)
    """
    with torch.autocast(z.device.type, enabled=False):
        spectrum = torch.fft.rfft(z.to(torch.promote_types(z.dtype, torch.float32)), dim=2)
        real, imaginary = spectrum.real + SMALLEST, spectrum.imag
        amplitude = (real.square() + (imaginary + SMALLEST).square()).sqrt()
        return amplitude, torch.atan2(imaginary, real)

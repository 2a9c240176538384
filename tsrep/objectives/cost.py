"""CoST: trend is contrasted over a queue of keys, season by amplitude and phase of its spectrum."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field, NonNegativeInt
from torch import Tensor, nn
from torch.nn import functional as F

from tsrep.encoders.dilated_conv_ar import CausalExperts
from tsrep.encoders.encoder import Encoder, Positive
from tsrep.losses.infonce import InfoNCE
from tsrep.losses.similarity import Temperature, single
from tsrep.losses.ts2vec_hierarchical import sample_contrast
from tsrep.objectives.momentum_queue import ExclusionZone, MomentumContrast
from tsrep.objectives.objective import Objective
from tsrep.objectives.teacher import Momentum
from tsrep.registry import OBJECTIVES
from tsrep.signals.batch import Batch
from tsrep.views.combined import ChosenView, ExceptCovariates
from tsrep.views.dropout import dropout

SMALLEST = 1e-6


@OBJECTIVES.register("cost", runtime=("dim", "channels", "covariates"))
class CoST(Objective):
    """Contrast trends over time and spectra of seasons, by two branches on one representation.

    The trend at a random step is contrasted in time against keys of a slow copy of encoder and branch; the
    season is contrasted between the samples of the batch at each frequency, by amplitude and by phase.

    Parameters
    ----------
    dim : int
        Width of the representation.
    channels, covariates : int
        Of the signal; the first ``covariates`` channels are known covariates, which no view alters.
    view : name or settings of a view
        Drawn twice for each sample.
    width : int
        Of each branch; published is half of ``dim``.
    experts : int
        Of the trend, with 1, 2, 4, ... taps in steps of the representation.
    bands : int
        Frequencies with a map of their own; see :class:`BandedFourier`.
    alpha : float
        Weight of the season, half of it for amplitudes and half for phases. Spectra are not divided by the
        length, so that amplitude terms grow with it; the default is meant for some 200 steps.
    dropout : float
        Of single values of the season.
    temperature, queue, momentum, exclusion_zone
        Of the trend; see :class:`tsrep.objectives.moco.MoCo`.

    References
    ----------
    Woo et al., "CoST", ICLR 2022, equations 2 to 5, and its public code for what these leave open.
    Deviations: the branches serve the loss and the representation is what they share, so that any encoder
    will do; the trend is narrowed before the experts; maps of frequencies are interpolated; rows of the
    queue have unit length; the exclusion zone.
    """

    def __init__(
        self,
        dim: int,
        channels: int,
        covariates: int = 0,
        view: ChosenView = "scale-shift-jitter",
        width: Positive = 64,
        experts: Annotated[int, Field(gt=0, le=12)] = 8,
        bands: Annotated[int, Field(ge=2)] = 65,
        alpha: Annotated[float, Field(gt=0)] = 5e-4,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1,
        temperature: Temperature = 0.07,
        queue: NonNegativeInt = 256,
        momentum: Momentum = 0.999,
        exclusion_zone: ExclusionZone = None,
    ) -> None:
        super().__init__()
        self.view = ExceptCovariates.of(view, channels=channels, covariates=covariates)
        self.alpha, self.dropout = alpha, dropout
        self.trend = TrendHead(dim, width, experts)
        self.season = BandedFourier(dim, width, bands)
        self.contrast = MomentumContrast(width, queue, InfoNCE(temperature), momentum, exclusion_zone)

    def attach(self, encoder: Encoder) -> None:
        """Make the slow copy of encoder and trend."""
        self.contrast.attach(encoder, self.trend)

    def forward(self, encoder: Encoder, batch: Batch, *, generator: torch.Generator) -> dict[str, Tensor]:
        """Terms ``trend``, ``amplitude`` and ``phase``; see :class:`Objective`."""
        both = self.view(torch.cat([batch.x, batch.x]), generator=generator)
        z = encoder(both)  # (2 batch, dim, time')
        step = torch.randint(z.shape[2], (1,), generator=generator, device=z.device)  # one for the batch
        with torch.no_grad():  # keys are targets: their copy follows and is never trained
            slow_encoder, slow_trend = self.contrast.copies()
            keys = slow_trend(slow_encoder(both[len(batch) :]), step)
        queries = self.trend(z[: len(batch)], step)
        season = F.normalize(dropout(self.season(z), self.dropout, generator=generator), dim=1)
        amplitude, phase = amplitude_and_phase(season)
        return {
            "trend": self.contrast(queries, keys, batch, encoder, self.trend)["contrast"],
            "amplitude": self.alpha / 2 * sample_contrast(*amplitude.chunk(2)),
            "phase": self.alpha / 2 * sample_contrast(*phase.chunk(2)),
        }

    def after_step(self) -> None:
        """Move copy and queue."""
        self.contrast.after_step()


class TrendHead(nn.Module):
    """Mean of causal convolutions with 1, 2, 4, ... taps, read at one step and projected.

    Parameters
    ----------
    dim, width : int
        In and out; a linear map to ``width`` comes first, as the experts have ``width ** 2`` weights a tap.
    experts : int

    References
    ----------
    Woo et al., "CoST", ICLR 2022, section 3.2.
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
            mapped = torch.einsum("bif,fio->bof", spectrum, weight) + bias.mT  # (batch, outputs, frequency)
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
        spectrum = torch.fft.rfft(single(z), dim=2)
        # The offsets keep the root and the arctangent differentiable where the spectrum vanishes.
        real, imaginary = spectrum.real + SMALLEST, spectrum.imag
        amplitude = (real.square() + (imaginary + SMALLEST).square()).sqrt()
        return amplitude, torch.atan2(imaginary, real)

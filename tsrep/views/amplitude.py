"""Views that alter amplitudes and leave every step where it is."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from pydantic import NonNegativeFloat
from torch import Tensor

from tsrep.registry import VIEWS
from tsrep.views.view import Knots, Share, normal, smooth_curve, uniform


@VIEWS.register("jitter")
@dataclass(frozen=True)
class Jitter:
    """White noise.

    Parameters
    ----------
    std : float
        Standard deviation of the noise, in units of the signal.

    References
    ----------
    Um et al., ICMI 2017.
    """

    std: NonNegativeFloat = 0.05

    def __call__(self, x: Tensor, *, generator: torch.Generator) -> Tensor:
        """Altered copy of ``x``."""
        return x + self.std * normal(x, *x.shape[1:], generator=generator)


@VIEWS.register("scale")
@dataclass(frozen=True)
class Scale:
    """A log-normal factor for each channel.

    Parameters
    ----------
    std : float
        Standard deviation of the logarithm.

    References
    ----------
    Um et al., ICMI 2017. Deviation: the factor is log-normal, so that it never turns a signal over.
    """

    std: NonNegativeFloat = 0.2

    def __call__(self, x: Tensor, *, generator: torch.Generator) -> Tensor:
        """Altered copy of ``x``."""
        return x * torch.exp(self.std * normal(x, x.shape[1], 1, generator=generator))


@VIEWS.register("shift")
@dataclass(frozen=True)
class Shift:
    """Another level: a normal constant added to each channel. For a shift in time see ``time-shift``.

    Parameters
    ----------
    std : float
        Standard deviation of the constant, in units of the signal.

    References
    ----------
    Woo et al., "CoST", ICLR 2022, section 3.
    """

    std: NonNegativeFloat = 0.2

    def __call__(self, x: Tensor, *, generator: torch.Generator) -> Tensor:
        """Altered copy of ``x``."""
        return x + self.std * normal(x, x.shape[1], 1, generator=generator)


@VIEWS.register("scale-shift-jitter")
@dataclass(frozen=True)
class ScaleShiftJitter:
    """The views of CoST: another factor and level of each channel, then white noise; each by a toss.

    Parameters
    ----------
    std : float
        Of the factor about one, of the level about zero, and of the noise.
    probability : float
        Of each of the three, for every sample.

    References
    ----------
    Woo et al., "CoST", ICLR 2022, appendix on augmentations. Public code of end-to-end contrastive
    forecasting draws once for the whole batch; here each sample draws its own.
    """

    std: NonNegativeFloat = 0.5
    probability: Share = 0.5

    def __call__(self, x: Tensor, *, generator: torch.Generator) -> Tensor:
        """Altered copy of ``x``."""
        scaled, shifted, noisy = (uniform(x, 3, generator=generator) < self.probability).T[..., None, None]
        factor, level = (self.std * normal(x, 2, x.shape[1], 1, generator=generator)).unbind(1)
        x = torch.where(scaled, x * (1 + factor), x)
        x = torch.where(shifted, x + level, x)
        return torch.where(noisy, Jitter(self.std)(x, generator=generator), x)


@VIEWS.register("baseline-wander")
@dataclass(frozen=True)
class BaselineWander:
    """A slow sine added to each channel.

    Parameters
    ----------
    std : float
        Standard deviation of each channel's amplitude, in units of the signal.
    cycles : float
        Most oscillations over the whole sample.
    """

    std: NonNegativeFloat = 0.1
    cycles: NonNegativeFloat = 2.0

    def __call__(self, x: Tensor, *, generator: torch.Generator) -> Tensor:
        """Altered copy of ``x``."""
        amplitude = self.std * normal(x, x.shape[1], 1, generator=generator)
        speed, phase = uniform(x, 2, generator=generator).T[..., None]  # (batch, 1) each
        time = torch.arange(x.shape[2], device=x.device, dtype=x.dtype) / x.shape[2]
        wave = torch.sin(2 * math.pi * (self.cycles * speed * time + phase))  # (batch, time)
        return x + amplitude * wave[:, None, :]


@VIEWS.register("magnitude-warp")
@dataclass(frozen=True)
class MagnitudeWarp:
    """A smooth random gain over time, one curve for each channel.

    The logarithm of the gain is a spline through equally spaced normal points, ends included.

    Parameters
    ----------
    std : float
        Standard deviation of the points.
    knots : int
        Number of the points.

    References
    ----------
    Um et al., ICMI 2017. Deviation: the gain is log-normal, so that it never turns a signal over.
    """

    std: NonNegativeFloat = 0.2
    knots: Knots = 6

    def __call__(self, x: Tensor, *, generator: torch.Generator) -> Tensor:
        """Altered copy of ``x``."""
        points = self.std * normal(x, x.shape[1], self.knots, generator=generator)
        return x * torch.exp(smooth_curve(points, x.shape[2]))

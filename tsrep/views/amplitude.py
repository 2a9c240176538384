"""Views that alter amplitudes and leave every step where it is."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from tsrep.registry import VIEWS
from tsrep.views import functional
from tsrep.views.smooth import smooth_curve
from tsrep.views.view import Knots, Strength, normal, uniform


@VIEWS.register("jitter")
@dataclass(frozen=True)
class Jitter:
    """White noise of standard deviation ``std``."""

    std: Strength = 0.05

    def __call__(self, x: Tensor, *, generator: torch.Generator) -> Tensor:
        """Altered copy of ``x``."""
        return functional.jitter(x, self.std, generator=generator)


@VIEWS.register("scale")
@dataclass(frozen=True)
class Scale:
    """A factor for each channel, log-normal with standard deviation ``std`` of the logarithm."""

    std: Strength = 0.2

    def __call__(self, x: Tensor, *, generator: torch.Generator) -> Tensor:
        """Altered copy of ``x``."""
        return functional.scale(x, torch.exp(self.std * normal(x, x.shape[1], generator=generator)))


@VIEWS.register("shift")
@dataclass(frozen=True)
class Shift:
    """Another level: a constant added to each channel, normal with ``std``.

    Source: the shift of CoST (ICLR 2022), section 3. For a shift in time see ``time-shift``.
    """

    std: Strength = 0.2

    def __call__(self, x: Tensor, *, generator: torch.Generator) -> Tensor:
        """Altered copy of ``x``."""
        return functional.offset(x, self.std * normal(x, x.shape[1], generator=generator))


@VIEWS.register("baseline-wander")
@dataclass(frozen=True)
class BaselineWander:
    """A slow sine of up to ``cycles`` oscillations; amplitudes are normal with ``std`` in each channel."""

    std: Strength = 0.1
    cycles: Strength = 2.0

    def __call__(self, x: Tensor, *, generator: torch.Generator) -> Tensor:
        """Altered copy of ``x``."""
        amplitude = self.std * normal(x, x.shape[1], generator=generator)
        speed, phase = uniform(x, 2, generator=generator).T
        return functional.baseline_wander(x, amplitude, speed * self.cycles, phase * 2 * math.pi)


@VIEWS.register("magnitude-warp")
@dataclass(frozen=True)
class MagnitudeWarp:
    """A smooth random gain over time, one curve for each channel.

    The logarithm of the gain is a spline through ``knots`` equally spaced points, ends included, that are
    normal with ``std``.

    Source: Um et al., ICMI 2017. Deviation: the gain is log-normal, so that it never turns a signal over.
    """

    std: Strength = 0.2
    knots: Knots = 6

    def __call__(self, x: Tensor, *, generator: torch.Generator) -> Tensor:
        """Altered copy of ``x``."""
        points = self.std * normal(x, x.shape[1], self.knots, generator=generator)
        return x * torch.exp(smooth_curve(points, x.shape[2]))

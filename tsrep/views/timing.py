"""Views that move the steps of a sample in time, all channels alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from tsrep.registry import VIEWS
from tsrep.views import warps
from tsrep.views.smooth import smooth_curve
from tsrep.views.view import Knots, Share, Strength, normal, uniform


@VIEWS.register("time-shift")
@dataclass(frozen=True)
class TimeShift:
    """A delay or advance by up to ``most`` of the sample; what comes from outside is missing."""

    most: Share = 0.1

    def __call__(self, x: Tensor, *, generator: torch.Generator) -> Tensor:
        """Altered copy of ``x``."""
        drawn = uniform(x, 1, generator=generator)[:, 0]
        return warps.time_shift(x, ((2 * drawn - 1) * self.most * x.shape[2]).round().long())


@VIEWS.register("window-slice")
@dataclass(frozen=True)
class WindowSlice:
    """A random part, at least ``least`` of the sample, stretched to the whole length.

    Known as window slicing for time series and as the random resized crop for images.

    Source: Le Guennec et al., AALTD 2016. Deviations: the width is random, and the part is stretched back.
    """

    least: Annotated[float, Field(gt=0, le=1)] = 0.7

    def __call__(self, x: Tensor, *, generator: torch.Generator) -> Tensor:
        """Altered copy of ``x``."""
        size, place = uniform(x, 2, generator=generator).T
        width = (self.least + (1 - self.least) * size) * x.shape[2]
        return warps.crop_resize(x, place * (x.shape[2] - width), width)


@VIEWS.register("window-warp")
@dataclass(frozen=True)
class WindowWarp:
    """A random window sped up or slowed down by ``factor``, then all resampled to the whole length.

    Source: Le Guennec et al., AALTD 2016; there the window is a tenth of the sample and the factor 2.
    """

    window: Annotated[float, Field(gt=0, le=1)] = 0.1
    factor: Annotated[float, Field(ge=1)] = 2.0

    def __call__(self, x: Tensor, *, generator: torch.Generator) -> Tensor:
        """Altered copy of ``x``."""
        place, coin = uniform(x, 2, generator=generator).T
        longer = torch.full_like(coin, self.factor)
        stretch = torch.where(coin < 0.5, longer, 1 / longer)
        width = self.window * (x.shape[2] - 1)
        return warps.window_warp(x, place * (x.shape[2] - 1 - width), torch.full_like(place, width), stretch)


@VIEWS.register("time-warp")
@dataclass(frozen=True)
class TimeWarp:
    """A smooth random speed of time; first and last step stay where they are.

    The logarithm of the speed is a spline through ``knots`` equally spaced points, ends included, that are
    normal with ``std``; time therefore never runs backwards.

    Source: Um et al., ICMI 2017. Deviation: the speed is log-normal, so that it is positive for every draw.
    """

    std: Strength = 0.3
    knots: Knots = 6

    def __call__(self, x: Tensor, *, generator: torch.Generator) -> Tensor:
        """Altered copy of ``x``."""
        points = self.std * normal(x, self.knots, generator=generator)
        return warps.resample(x, warps.travelled(torch.exp(smooth_curve(points, x.shape[2]))))


@VIEWS.register("permutation")
@dataclass(frozen=True)
class Permutation:
    """The sample cut at random places into ``segments`` parts, which are put together in random order.

    Source: Um et al., ICMI 2017.
    """

    segments: Annotated[int, Field(ge=1)] = 5

    def __call__(self, x: Tensor, *, generator: torch.Generator) -> Tensor:
        """Altered copy of ``x``."""
        parts = min(self.segments, x.shape[2])
        cuts = 1 + uniform(x, x.shape[2] - 1, generator=generator).topk(parts - 1).indices
        return warps.permute(x, cuts, uniform(x, parts, generator=generator).argsort(1))

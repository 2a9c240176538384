"""Augmentations that draw their own parameters, each sample its own.

A view is called as ``view(x, generator=generator)`` with ``x`` of shape (batch, channel, time) and
a generator on the device of ``x``; it gives a tensor of the same shape. Amplitudes are in units of
``x``, which is standardised when it comes from a batch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from tsrep.views import functional


class View(Protocol):
    """Anything that turns a batch of signals into an altered one of the same shape."""

    def __call__(self, x: Tensor, *, generator: torch.Generator) -> Tensor:
        """Altered copy of ``x``, shape (batch, channel, time)."""
        ...


@dataclass(frozen=True)
class Jitter:
    """White noise of standard deviation ``std``."""

    std: float = 0.05

    def __call__(self, x: Tensor, *, generator: torch.Generator) -> Tensor:
        """Altered copy of ``x``."""
        return functional.jitter(x, self.std, generator=generator)


@dataclass(frozen=True)
class Scale:
    """A factor for each channel, log-normal with standard deviation ``std`` of the logarithm."""

    std: float = 0.2

    def __call__(self, x: Tensor, *, generator: torch.Generator) -> Tensor:
        """Altered copy of ``x``."""
        normal = torch.randn(x.shape[:2], generator=generator, device=x.device, dtype=x.dtype)
        return functional.scale(x, torch.exp(self.std * normal))


@dataclass(frozen=True)
class LeadDropout:
    """Zero each channel with ``probability``; at least one channel of a sample stays."""

    probability: float = 0.2

    def __call__(self, x: Tensor, *, generator: torch.Generator) -> Tensor:
        """Altered copy of ``x``."""
        drawn = _uniform(x, x.shape[1], generator=generator)
        stays = drawn == drawn.amax(1, keepdim=True)
        return functional.drop_leads(x, (drawn < self.probability) & ~stays)


@dataclass(frozen=True)
class ResizedCrop:
    """A random part, at least ``least`` of the sample, stretched to the whole length."""

    least: float = 0.7

    def __call__(self, x: Tensor, *, generator: torch.Generator) -> Tensor:
        """Altered copy of ``x``."""
        size, place = _uniform(x, 2, generator=generator).T
        width = (self.least + (1 - self.least) * size) * x.shape[2]
        return functional.crop_resize(x, place * (x.shape[2] - width), width)


@dataclass(frozen=True)
class TimeShift:
    """A delay or advance by up to ``most`` of the sample; what comes from outside is missing."""

    most: float = 0.1

    def __call__(self, x: Tensor, *, generator: torch.Generator) -> Tensor:
        """Altered copy of ``x``."""
        drawn = _uniform(x, 1, generator=generator)[:, 0]
        return functional.shift(x, ((2 * drawn - 1) * self.most * x.shape[2]).round().long())


@dataclass(frozen=True)
class BaselineWander:
    """A slow sine of up to ``cycles`` oscillations; amplitudes are normal with ``std`` in each channel."""

    std: float = 0.1
    cycles: float = 2.0

    def __call__(self, x: Tensor, *, generator: torch.Generator) -> Tensor:
        """Altered copy of ``x``."""
        amplitude = self.std * torch.randn(x.shape[:2], generator=generator, device=x.device, dtype=x.dtype)
        speed, phase = _uniform(x, 2, generator=generator).T
        return functional.baseline_wander(x, amplitude, speed * self.cycles, phase * 2 * math.pi)


@dataclass(frozen=True)
class CutOut:
    """Zero a stretch of up to ``most`` of the sample in all channels."""

    most: float = 0.2

    def __call__(self, x: Tensor, *, generator: torch.Generator) -> Tensor:
        """Altered copy of ``x``."""
        size, place = _uniform(x, 2, generator=generator).T
        width = (size * self.most * x.shape[2]).long()
        return functional.cut_out(x, (place * (x.shape[2] - width + 1)).long(), width)


@dataclass(frozen=True)
class Compose:
    """One view after another."""

    views: tuple[View, ...] = ()

    def __call__(self, x: Tensor, *, generator: torch.Generator) -> Tensor:
        """Altered copy of ``x``."""
        for view in self.views:
            x = view(x, generator=generator)
        return x


def _uniform(x: Tensor, n: int, *, generator: torch.Generator) -> Tensor:
    """Uniform numbers in [0, 1), shape (batch, n)."""
    return torch.rand(len(x), n, generator=generator, device=x.device, dtype=x.dtype)

"""Views that take a part of the signal away: a channel, a stretch of time, a band of frequencies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from tsrep.registry import VIEWS
from tsrep.views import functional
from tsrep.views.spectral import drop_bands
from tsrep.views.view import Share, uniform


@VIEWS.register("lead-dropout")
@dataclass(frozen=True)
class LeadDropout:
    """Zero each channel with ``probability``; at least one channel of a sample stays."""

    probability: Share = 0.2

    def __call__(self, x: Tensor, *, generator: torch.Generator) -> Tensor:
        """Altered copy of ``x``."""
        drawn = uniform(x, x.shape[1], generator=generator)
        stays = drawn == drawn.amax(1, keepdim=True)
        return functional.drop_leads(x, (drawn < self.probability) & ~stays)


@VIEWS.register("cut-out")
@dataclass(frozen=True)
class CutOut:
    """Zero a stretch of up to ``most`` of the sample in all channels."""

    most: Share = 0.2

    def __call__(self, x: Tensor, *, generator: torch.Generator) -> Tensor:
        """Altered copy of ``x``."""
        size, place = uniform(x, 2, generator=generator).T
        width = (size * self.most * x.shape[2]).long()
        return functional.cut_out(x, (place * (x.shape[2] - width + 1)).long(), width)


@VIEWS.register("frequency-dropout")
@dataclass(frozen=True)
class FrequencyDropout:
    """Remove ``bands`` bands of frequencies, each up to ``most`` of the spectrum, in all channels.

    The mean of a channel stays; ``shift`` alters levels.
    """

    bands: Annotated[int, Field(ge=0)] = 2
    most: Share = 0.2

    def __call__(self, x: Tensor, *, generator: torch.Generator) -> Tensor:
        """Altered copy of ``x``."""
        size, place = uniform(x, 2 * self.bands, generator=generator).chunk(2, dim=1)
        count = x.shape[2] // 2
        width = (size * self.most * count).long()
        return drop_bands(x, 1 + (place * (count - width + 1)).long(), width)

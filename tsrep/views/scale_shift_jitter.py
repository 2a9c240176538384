"""Scale, then shift, then jitter, each applied to some of the samples: the views of CoST."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from tsrep.registry import VIEWS
from tsrep.views import functional
from tsrep.views.view import Share, Strength, normal, uniform


@VIEWS.register("scale-shift-jitter")
@dataclass(frozen=True)
class ScaleShiftJitter:
    """Another factor and level of each channel, then white noise; each by a toss for every sample.

    Attributes
    ----------
    std : float
        Of the factor about one, of the level about zero, and of the noise.
    probability : float
        Of each of the three.

    References
    ----------
    Woo et al., "CoST", ICLR 2022, appendix on augmentations. Public code of end-to-end contrastive
    forecasting draws once for the whole batch; here each sample draws its own.
    """

    std: Strength = 0.5
    probability: Share = 0.5

    def __call__(self, x: Tensor, *, generator: torch.Generator) -> Tensor:
        """Altered copy of ``x``."""
        scaled, shifted, noisy = (uniform(x, 3, generator=generator) < self.probability).T[..., None, None]
        factor, level = self.std * normal(x, 2, x.shape[1], generator=generator).transpose(0, 1)
        x = torch.where(scaled, functional.scale(x, 1 + factor), x)
        x = torch.where(shifted, functional.offset(x, level), x)
        return torch.where(noisy, functional.jitter(x, self.std, generator=generator), x)

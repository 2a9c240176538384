"""Views that leave covariates alone."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from tsrep.views.view import View


@dataclass(frozen=True)
class ExceptCovariates:
    """A view of all channels but the first ``covariates``, which are known in advance and stay unaltered.

    Attributes
    ----------
    view : View
        Sees, and draws for, the other channels alone.
    covariates : int
    """

    view: View
    covariates: int = 0

    def __call__(self, x: Tensor, *, generator: torch.Generator) -> Tensor:
        """Altered copy of ``x``."""
        if self.covariates == 0:
            return self.view(x, generator=generator)
        altered = self.view(x[:, self.covariates :], generator=generator)
        return torch.cat([x[:, : self.covariates], altered], dim=1)

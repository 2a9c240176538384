"""The weak and the strong view of TS-TCC, as they should be and as its public code has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from tsrep.views.amplitude import Jitter, Scale
from tsrep.views.combined import Compose
from tsrep.views.timing import Permutation, permute
from tsrep.views.view import View, normal, uniform

Form = Literal["corrected", "published"]


@dataclass(frozen=True)
class StepScale:
    """The published weak view: every step times a normal number of its own, the same for all channels.

    Attributes
    ----------
    mean, std : float
    """

    mean: float = 2.0
    std: float = 1.1

    def __call__(self, x: Tensor, *, generator: torch.Generator) -> Tensor:
        """Altered copy of ``x``, shape (batch, channel, time)."""
        return x * (self.mean + self.std * normal(x, 1, x.shape[2], generator=generator))


@dataclass(frozen=True)
class FirstChannelPermutation:
    """The published strong view: segments of the first channel in another order, copied to all channels.

    Attributes
    ----------
    most : int
        Less than so many segments; samples with one segment stay as they are.
    """

    most: int = 8

    def __call__(self, x: Tensor, *, generator: torch.Generator) -> Tensor:
        """Altered copy of ``x``, shape (batch, channel, time)."""
        places = min(self.most - 2, x.shape[2] - 2)
        cuts = uniform(x, x.shape[2] - 2, generator=generator).topk(places).indices
        drawn = uniform(x, places + 2, generator=generator)
        count = (
            drawn[:, :1] * (self.most - 1)
        ).long()  # (batch, 1): cuts of a sample, one less than segments
        used = torch.arange(places, device=x.device) < count
        # A cut at the first step divides nothing.
        permuted = permute(x, cuts * used, drawn[:, 1:].argsort(1))
        return copied_first_channel(x, permuted, count[:, 0] + 1)


def copied_first_channel(x: Tensor, permuted: Tensor, segments: Tensor) -> Tensor:
    """Samples of one segment as they are, of others the first channel of ``permuted`` for all channels.

    Parameters
    ----------
    x, permuted : Tensors, shape (batch, channel, time)
    segments : int64 Tensor, shape (batch,)
    """
    return torch.where((segments == 1)[:, None, None], x, permuted[:, :1].expand_as(x))


FORM_VIEWS: dict[Form, tuple[View, View]] = {
    "corrected": (Compose((Scale(0.3), Jitter(0.1))), Compose((Permutation(5), Jitter(0.3)))),
    "published": (StepScale(), Compose((FirstChannelPermutation(), Jitter(0.8)))),
}

"""What a view is, and how a view draws its parameters: for each sample its own, from the given generator."""

from __future__ import annotations

from typing import Annotated, Protocol

import torch
from pydantic import Field
from torch import Tensor

Strength = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Knots = Annotated[int, Field(ge=2)]


class View(Protocol):
    """Anything that turns a batch of signals into an altered one of the same shape.

    Built-in views keep dtype and device, leave missing values (NaN) missing where they do not overwrite
    them, and never let one sample reach another. Amplitudes are in units of ``x``, which is
    standardised when it comes from a batch.
    """

    def __call__(self, x: Tensor, *, generator: torch.Generator) -> Tensor:
        """Altered copy of ``x``, shape (batch, channel, time); ``generator`` is on the device of ``x``."""
        ...


def uniform(x: Tensor, n: int, *, generator: torch.Generator) -> Tensor:
    """Uniform numbers in [0, 1) for each sample of ``x``, shape (batch, n)."""
    return torch.rand(len(x), n, generator=generator, device=x.device, dtype=x.dtype)


def normal(x: Tensor, *shape: int, generator: torch.Generator) -> Tensor:
    """Standard normal numbers for each sample of ``x``, shape (batch, *shape)."""
    return torch.randn((len(x), *shape), generator=generator, device=x.device, dtype=x.dtype)

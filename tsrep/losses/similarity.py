"""Numbers as contrasts need them: cosines and sums in float32 at least, whatever autocast says."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

SHORTEST = 1e-6
Temperature = Annotated[float, Field(ge=0.01, le=10, allow_inf_nan=False)]
Learnable = Temperature | Literal["learned"]  # from 0.07 on, never below 0.01


def single(z: Tensor) -> Tensor:
    """At least float32; half precision would spoil the exponentials."""
    return z.to(torch.promote_types(z.dtype, torch.float32))


def exact(z: Tensor) -> torch.autocast:
    """A context without autocast on the device of some rows, for products and sums of statistics."""
    return torch.autocast(z.device.type, enabled=False)


def unit_rows(z: Tensor) -> Tensor:
    """Rows, the last axis, of unit length; a row shorter than ``SHORTEST`` becomes zero and has no gradient.

    Scaled up, the gradient of a nearly dead row would be that of the whole step.
    """
    z = single(z)
    length: Tensor = torch.linalg.vector_norm(z, dim=-1, keepdim=True)
    return z.div(length.masked_fill(length < SHORTEST, torch.inf))


def cosines(one: Tensor, other: Tensor) -> Tensor:
    """Cosine of every row of one with every row of the other.

    Parameters
    ----------
    one : Tensor, shape (m, dim)
    other : Tensor, shape (n, dim)

    Returns
    -------
    Tensor, shape (m, n), float32 or float64
    """
    with torch.autocast(one.device.type, enabled=False):
        return unit_rows(one) @ unit_rows(other).mT

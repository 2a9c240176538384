"""What a view is, and how it draws its parameters: for each sample its own, from the given generator."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Protocol

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

Share = Annotated[float, Field(ge=0, le=1)]
Knots = Annotated[int, Field(ge=2)]


class View(Protocol):
    """Anything that turns a batch of signals into an altered one of the same shape.

    Built-in views keep dtype and device, leave missing values (NaN) missing where they do not overwrite
    them, and never let one sample reach another. Amplitudes are in units of ``x``, which is
    standardised when it comes from a batch.
    """

    def __call__(self, x: Tensor, *, generator: torch.Generator) -> Tensor:
        """Altered copy of a batch.

        Parameters
        ----------
        x : Tensor, shape (batch, channel, time)
        generator : torch.Generator
            On the device of ``x``; the only source of randomness.

        Returns
        -------
        Tensor, shape (batch, channel, time)
        """


def uniform(x: Tensor, n: int, *, generator: torch.Generator) -> Tensor:
    """Uniform numbers in [0, 1) for each sample of ``x``, shape (batch, n)."""
    return torch.rand(len(x), n, generator=generator, device=x.device, dtype=x.dtype)


def normal(x: Tensor, *shape: int, generator: torch.Generator) -> Tensor:
    """Standard normal numbers for each sample of ``x``, shape (batch, *shape)."""
    return torch.randn((len(x), *shape), generator=generator, device=x.device, dtype=x.dtype)


def smooth_curve(points: Tensor, time: int) -> Tensor:
    """Natural cubic spline through points that are equally spaced from the first step to the last.

    Parameters
    ----------
    points : float Tensor, shape (..., knot)
        At least two.
    time : int
        Steps of the curve.

    Returns
    -------
    Tensor, shape (..., time)
    """
    basis = torch.from_numpy(_spline_basis(points.shape[-1], time)).to(points.device, points.dtype)
    with torch.autocast(points.device.type, enabled=False):  # half precision would move steps by several
        return points @ basis


@lru_cache(maxsize=16)
def _spline_basis(knots: int, time: int) -> np.ndarray:
    """Weight of every knot at every step, float64 of shape (knot, time): the splines of unit vectors."""
    from scipy.interpolate import CubicSpline

    unit_splines = CubicSpline(np.arange(knots), np.eye(knots), bc_type="natural")
    weights: np.ndarray = unit_splines(np.linspace(0, knots - 1, time)).T
    return weights

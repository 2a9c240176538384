"""Smooth random curves: cubic splines through equally spaced points."""

from __future__ import annotations

import torch
from torch import Tensor


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
    with torch.autocast(points.device.type, enabled=False):  # half precision would move steps by several
        return points @ _basis(points.shape[-1], time).to(points.device, points.dtype)


def _basis(knots: int, time: int) -> Tensor:
    """Weight of every knot at every step, float64 of shape (knot, time)."""
    at = torch.linspace(0, knots - 1, time, dtype=torch.float64)
    left = at.long().clamp(max=knots - 2)
    b = at - left
    a = 1 - b
    value = torch.eye(knots, dtype=torch.float64)
    bend = _bends(knots)
    return (
        a * value[:, left]
        + b * value[:, left + 1]
        + (a**3 - a) / 6 * bend[:, left]
        + (b**3 - b) / 6 * bend[:, left + 1]
    )


def _bends(knots: int) -> Tensor:
    """Second derivative at every knot of the splines through unit vectors, shape (spline, knot)."""
    inner = knots - 2
    bends = torch.zeros(knots, knots, dtype=torch.float64)
    if inner:
        ones = torch.ones(inner - 1, dtype=torch.float64)
        system = 4 * torch.eye(inner, dtype=torch.float64) + ones.diag(1) + ones.diag(-1)
        second_difference = 6 * torch.eye(knots, dtype=torch.float64).diff(n=2, dim=0)  # (inner, knot)
        bends[:, 1:-1] = torch.linalg.solve(system, second_difference).T
    return bends

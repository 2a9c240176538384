"""Maximum mean discrepancy: how far apart two sets of representations lie as distributions."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from tsrep.losses.gather import gather_rows
from tsrep.losses.similarity import single

SMALLEST_BANDWIDTH = 1e-6


def linear_mmd(one: Tensor, other: Tensor) -> Tensor:
    """Squared distance of the means.

    Parameters
    ----------
    one, other : Tensors, shape (batch, dim)
        In a distributed run the means are those of all ranks.

    Returns
    -------
    Tensor, scalar

    References
    ----------
    Zheng et al., "AutoTCL", ICLR 2024, equation 8.
    """
    one, other = (gather_rows(single(z)) for z in (one, other))
    return (one.mean(dim=0) - other.mean(dim=0)).square().sum()


def rbf_mmd(one: Tensor, other: Tensor, *, kernels: Annotated[int, Field(gt=0)] = 5) -> Tensor:
    """Discrepancy by a sum of Gaussian kernels, each twice as wide as the one before.

    The mean over i and j of ``k(x_i, x_j) + k(y_i, y_j) - k(x_i, y_j) - k(y_i, x_j)``: the biased estimate,
    diagonals included. The widths follow the mean squared distance of all points,
    through which no gradient flows.

    Parameters
    ----------
    one, other : Tensors, shape (batch, dim)
        In a distributed run the points are those of all ranks.
    kernels : int

    Returns
    -------
    Tensor, scalar, at least 0 and at most ``2 * kernels``

    References
    ----------
    The public code of Zheng et al., "AutoTCL", ICLR 2024. Deviation: the width has a floor, so that points
    that all coincide give 0 with gradient 0 in place of NaN.
    """
    points = torch.cat([gather_rows(single(z)) for z in (one, other)])  # (2 batch, dim)
    with torch.autocast(points.device.type, enabled=False):
        # The matrix product's shortcut would give coinciding points a distance.
        exact = "donot_use_mm_for_euclid_dist"
        distance = torch.cdist(points, points, compute_mode=exact).square()  # (2 batch, 2 batch)
    n = len(points)
    width = distance.detach().sum() / (n * n - n) / 2.0 ** (kernels // 2)  # the middle kernel has the mean
    width = width.clamp_min(SMALLEST_BANDWIDTH)
    kernel = torch.stack([torch.exp(-distance / (width * 2.0**m)) for m in range(kernels)]).sum(dim=0)
    half = n // 2
    same = kernel[:half, :half] + kernel[half:, half:]
    return (same - kernel[:half, half:] - kernel[half:, :half]).mean()

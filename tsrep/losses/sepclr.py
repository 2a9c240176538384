"""SepCLR's terms: what patients and controls share, what only patients have, and their independence."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from tsrep.losses.gather import gather_rows
from tsrep.losses.similarity import single, unit_rows

WIDTH = 1.0  # twice the variance of the kernel exp(-distance ** 2 / WIDTH)


@dataclass(frozen=True)
class Separated:
    """Common and salient vectors of two views of samples.

    Attributes
    ----------
    common1, common2 : Tensors, shape (batch, common)
        Made to have unit length.
    salient1, salient2 : Tensors, shape (batch, salient)
    ill : Tensor, shape (batch,), bool
        True for patients, False for controls.
    """

    common1: Tensor
    common2: Tensor
    salient1: Tensor
    salient2: Tensor
    ill: Tensor


def separation_terms(seen: Separated) -> dict[str, Tensor]:
    """Four terms before their weights.

    ``common`` and ``salient`` align the two views and spread the samples; controls stand at the origin of
    the salient space there, and ``background`` draws their salient vectors to it. ``joint`` is minus an
    estimate of the joint entropy of both spaces: at given marginals it is least where they are independent.
    In a distributed run the batch is that of all ranks, and each rank computes the terms of all of it.

    Parameters
    ----------
    seen : Separated

    Returns
    -------
    dict of Tensors, scalars
        ``salient`` is 0 in a batch without patients, ``background`` in one without controls; one sample alone
        has none to be apart from.

    References
    ----------
    Louiset et al., "SepCLR: Separating common from salient patterns with contrastive representation
    learning", ICLR 2024, equations 7 to 12. Deviation: the public code gives NaN where a group is absent.
    """
    with torch.autocast(seen.ill.device.type, enabled=False):
        c1, c2 = (unit_rows(gather_rows(c)) for c in (seen.common1, seen.common2))
        s1, s2 = (single(gather_rows(s)) for s in (seen.salient1, seen.salient2))
        ill = gather_rows(seen.ill)
        zeroed = s1 * ill[:, None], s2 * ill[:, None]  # controls at the origin
        spread = sum(uniformity(s) for s in zeroed)
        background = (_mean(s1.square().sum(1), ~ill) + _mean(s2.square().sum(1), ~ill)) / 2
        return {
            "common": (c1 - c2).square().sum(1).mean() / WIDTH + uniformity(c1) + uniformity(c2),
            "salient": (_mean((s1 - s2).square().sum(1), ill) / WIDTH + spread) * ill.any(),
            "background": background / WIDTH,
            "joint": (joint_density(c1, zeroed[0]) + joint_density(c2, zeroed[1])) / 2,
        }


def uniformity(x: Tensor) -> Tensor:
    """Logarithm of the mean kernel over pairs of rows of ``x``, shape (batch, dim).

    It is 0 when all are equal, and where there is no pair.
    """
    if len(x) < 2:
        return x.sum() * 0
    first, second = torch.triu_indices(len(x), len(x), 1, device=x.device)
    exponent = -_squared_distances(x)[first, second] / WIDTH
    return exponent.logsumexp(0) - math.log(len(first))


def joint_density(common: Tensor, salient: Tensor) -> Tensor:
    """Mean logarithm of a kernel estimate of the joint density at the samples, themselves included.

    Parameters
    ----------
    common, salient : Tensors, shape (batch, dim)
    """
    exponent = -(_squared_distances(common) + _squared_distances(salient)) / WIDTH
    return (exponent.logsumexp(dim=1) - math.log(len(common))).mean()


def _squared_distances(x: Tensor) -> Tensor:
    """Shape (batch, batch); by differences, as products would lose small distances of long vectors."""
    return (x[:, None] - x).square().sum(dim=2)


def _mean(values: Tensor, where: Tensor) -> Tensor:
    """Mean over some rows; 0 where there are none."""
    return (values * where).sum() / where.sum().clamp(min=1)

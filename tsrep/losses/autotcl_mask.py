"""What AutoTCL asks of its learned mask and gain over time: consistency, sparseness, no saturation."""

from __future__ import annotations

import math
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from tsrep.losses.gather import gather_rows

Probability = Annotated[float, Field(gt=0, lt=1)]
SMALLEST_SPREAD = 1e-4


def spread_over_time(values: Tensor) -> Tensor:
    """Standard deviation over time, with a gradient also where it is zero.

    Parameters
    ----------
    values : Tensor, shape (batch, map, time)

    Returns
    -------
    Tensor, shape (batch, map)
    """
    # The root has no derivative at zero, which is where a constant mask must be pulled from.
    return (values.var(dim=-1, correction=0) + SMALLEST_SPREAD**2).sqrt()


def triplet_consistency(mask: Tensor, uniform: Tensor) -> Tensor:
    """Neighbouring steps should be masked alike, distant ones apart.

    The mean of ``|m(anchor) - m(neighbour)| - |m(anchor) - m(distant)|``.

    Parameters
    ----------
    mask : Tensor, shape (batch, map, time)
    uniform : Tensor, shape (batch, anchor, 3)
        Uniform numbers in [0, 1) that place anchors, their neighbours (on either side) and their distant
        steps, at least a quarter of the length away.

    Returns
    -------
    Tensor, scalar, in [-1, 1]; zero for fewer than four steps

    References
    ----------
    Zheng et al., "AutoTCL", ICLR 2024, equation 9, with several anchors for each sample.
    """
    time = mask.shape[-1]
    if time < 4:
        return mask.sum() * 0.0
    least = max(2, time // 4)
    anchor = (uniform[..., 0] * time).long()
    side = torch.where(uniform[..., 1] < 0.5, -1, 1)
    # At both ends the neighbour is the one that there is.
    side = torch.where((anchor + side < 0) | (anchor + side >= time), -side, side)
    # Time closes to a circle here, so that a distant step is at least so far away on either side.
    far = (anchor + least + (uniform[..., 2] * (time - 2 * least + 1)).long()) % time
    places = (index[:, None].expand(-1, mask.shape[1], -1) for index in (anchor, anchor + side, far))
    at, near, away = (mask.gather(2, place) for place in places)  # (batch, map, anchor) each
    return ((at - near).abs() - (at - away).abs()).mean()


def released_consistency(weight: Tensor, anchor: Tensor, other: Tensor) -> Tensor:
    """What the public code of AutoTCL computes in place of the triplet.

    All samples share the anchors. ``other`` steps more than one after the anchor are pulled towards it,
    all others pushed away, and both neighbours are pulled.

    Parameters
    ----------
    weight : Tensor, shape (batch, map, time)
    anchor, other : int64 Tensors, shape (anchor,)
        From 1 to ``time - 2``.

    Returns
    -------
    Tensor, scalar

    References
    ----------
    The public code of Zheng et al., ICLR 2024, as of March 2024.
    """
    at, away = weight[..., anchor], weight[..., other]
    later = (other - anchor > 1).to(weight.dtype)
    gap = (at - away).abs()  # (batch, map, anchor)
    neighbours = (at - weight[..., anchor - 1]).abs() + (at - weight[..., anchor + 1]).abs()
    return (later * gap + (1 - later) * (1 - gap) + neighbours).mean()


def released_sparseness(weight: Tensor, *, threshold: Annotated[float, Field(ge=0)] = 0.4) -> Tensor:
    """Hinge of the public code on the sum over channels of what ought to be a probability.

    Parameters
    ----------
    weight : Tensor, shape (batch, map, time)
    threshold : float

    Returns
    -------
    Tensor, scalar

    References
    ----------
    The public code of Zheng et al., ICLR 2024, as of March 2024.
    """
    return (weight.sum(dim=1).mean() - threshold).relu()


def keep_rate_hinge(keep: Tensor, *, least: Probability = 0.1, most: Probability = 0.9) -> Tensor:
    """Zero while the mean keep rate of the batch lies within bounds; grows as its logarithm towards 0 and 1.

    Parameters
    ----------
    keep : Tensor, shape (batch, map, time)
        Probabilities.
    least, most : float
        The bounds.

    Returns
    -------
    Tensor, scalar
    """
    # The rate is that of the batch: single samples may well be kept or dropped as a whole.
    rate = gather_rows(keep.mean(dim=(1, 2))).mean().clamp(SMALLEST_SPREAD, 1 - SMALLEST_SPREAD)
    return (math.log(least) - rate.log()).relu() + (math.log(1 - most) - (1 - rate).log()).relu()


def spread_hinge(values: Tensor, *, floor: Annotated[float, Field(gt=0)] = 0.05) -> Tensor:
    """Zero while the spread over time of every map is above a floor; grows as maps become constant.

    Parameters
    ----------
    values : Tensor, shape (batch, map, time)
        Of a single time step there is no spread, and the hinge is zero.
    floor : float
        Of the standard deviation.

    Returns
    -------
    Tensor, scalar
    """
    if values.shape[-1] < 2:
        return values.sum() * 0.0
    return (math.log(floor) - spread_over_time(values).log()).relu().mean()

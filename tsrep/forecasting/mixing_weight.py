"""How the share of the contrast in the loss changes while training goes on."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

Schedule = Literal["constant", "linear", "cosine", "warm-up"]
RISE = 0.1


def scheduled(schedule: Schedule, weight: float, progress: Tensor) -> Tensor:
    """Share of the contrast at a point of training.

    Parameters
    ----------
    schedule : str
        ``"constant"``; ``"linear"`` and ``"cosine"`` fall from ``weight`` to 0 at the end; ``"warm-up"``
        rises from 0 to ``weight`` over the first tenth and stays.
    weight : float
    progress : Tensor, shape ()
        Part of training that is done; what is over 1 counts as 1.

    Returns
    -------
    Tensor, shape ()
    """
    done = progress.clamp(0, 1)
    if schedule == "linear":
        return weight * (1 - done)
    if schedule == "cosine":
        return weight * 0.5 * (1 + torch.cos(math.pi * done))
    if schedule == "warm-up":
        return weight * (done / RISE).clamp(max=1)
    return torch.full_like(done, weight)

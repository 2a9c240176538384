"""Error of patches that were hidden from the one who predicts them.

References
----------
Nie et al., "A time series is worth 64 words", ICLR 2023, section 3.2 (self-supervised PatchTST).
"""

from __future__ import annotations

import torch
from torch import Tensor

from tsrep.losses.gather import gather_rows, world_size
from tsrep.losses.similarity import single


def visible_patches(patches: int, share: float) -> int:
    """How many patches stay: ``patches * (1 - share)`` rounded down, but not for a rounding error."""
    return int(patches * (1 - share) + 1e-9)


def hidden_patches(order: Tensor, share: float) -> Tensor:
    """Which patches are hidden: in each row those with the largest numbers.

    Parameters
    ----------
    order : Tensor, shape (batch, patch, ...)
        Random numbers; a row is along the second axis.
    share : float
        Of hidden patches; the others are rounded down.

    Returns
    -------
    Tensor, bool, of the same shape
    """
    return order.argsort(dim=1).argsort(dim=1) >= visible_patches(order.shape[1], share)


def masked_patch_error(prediction: Tensor, patches: Tensor, hidden: Tensor) -> Tensor:
    """Mean squared error of hidden patches, each of all ranks counting alike.

    Parameters
    ----------
    prediction, patches : Tensor, shape (batch, patch, channel, step)
        Steps of a patch that are NaN are not counted.
    hidden : Tensor, shape (batch, patch, channel), bool

    Returns
    -------
    Tensor, scalar; zero where nothing is hidden
    """
    known = ~patches.isnan()
    error = (single(prediction) - torch.where(known, patches, 0)).square() * known
    counted = known.sum(-1)  # (batch, patch, channel)
    of_patch = error.sum(-1) / counted.clamp(min=1)
    weight = hidden & (counted > 0)
    everyone = gather_rows(weight.sum()[None]).sum()
    return world_size() * (of_patch * weight).sum() / everyone.clamp(min=1)

"""Error of patches that were hidden from the one who predicts them.

References
----------
Nie et al., "A time series is worth 64 words", ICLR 2023, section 3.2 (self-supervised PatchTST).
"""

from __future__ import annotations

import torch
from torch import Tensor

from tsrep.losses.similarity import single


def hidden_patches(order: Tensor, share: float) -> Tensor:
    """Which patches are hidden: in each row those with the largest numbers.

    Parameters
    ----------
    order : Tensor, shape (batch, patch, ...)
        Random numbers; a row is along the second axis.
    share : float
        Of hidden patches; ``int(patches * (1 - share))`` stay.

    Returns
    -------
    Tensor, bool, of the same shape
    """
    kept = int(order.shape[1] * (1 - share))
    return order.argsort(dim=1).argsort(dim=1) >= kept


def masked_patch_error(prediction: Tensor, patches: Tensor, hidden: Tensor) -> Tensor:
    """Mean squared error of hidden patches, each counting alike.

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
    return (of_patch * weight).sum() / weight.sum().clamp(min=1)

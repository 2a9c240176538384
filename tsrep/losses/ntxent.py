"""Contrast of two views of each sample against all other samples (SimCLR)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from tsrep.losses.gather import first_row, gather_rows


def ntxent(z1: Tensor, z2: Tensor, *, temperature: float = 0.1) -> Tensor:
    """Normalised temperature-scaled cross-entropy.

    Every view is an anchor; its positive is the sample's other view, its negatives are both views of
    all other samples, of all ranks in a distributed run.

    Parameters
    ----------
    z1, z2 : Tensors, shape (batch, dim)
    temperature : float

    Returns
    -------
    Tensor, scalar

    References
    ----------
    Chen et al., "A Simple Framework for Contrastive Learning", ICML 2020, equation 1.
    """
    local = torch.stack([z1, z2], dim=1)
    local = F.normalize(local.to(torch.promote_types(local.dtype, torch.float32)), dim=-1)
    own = torch.arange(2 * len(z1), device=z1.device)
    offset = 2 * first_row(len(z1))
    with torch.autocast(z1.device.type, enabled=False):
        logits = local.flatten(0, 1) @ gather_rows(local).flatten(0, 1).mT / temperature
    itself = own[:, None] + offset == torch.arange(logits.shape[1], device=z1.device)
    # Views of a sample are neighbours, 2i and 2i + 1, on every rank.
    return F.cross_entropy(logits.masked_fill(itself, -torch.inf), (own ^ 1) + offset)

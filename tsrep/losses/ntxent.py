"""NT-Xent: two views of each sample against all other samples (SimCLR)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from tsrep.losses.gather import first_row, gather_rows
from tsrep.losses.similarity import Temperature, cosines


def ntxent(z1: Tensor, z2: Tensor, *, temperature: Temperature = 0.1) -> Tensor:
    """Normalised temperature-scaled cross-entropy of two views: the loss of SimCLR.

    The mean over all views i of ``-log(exp(s_ij / tau) / sum_{k != i} exp(s_ik / tau))``, s the cosine. Every
    view is an anchor; its positive j is the sample's other view, its negatives are both views of all other
    samples, of all ranks in a distributed run.

    Parameters
    ----------
    z1, z2 : Tensors, shape (batch, dim)
        Two views of each sample.
    temperature : float

    Returns
    -------
    Tensor, scalar

    References
    ----------
    Chen et al., "A Simple Framework for Contrastive Learning", ICML 2020, equation 1.
    """
    local = torch.stack([z1, z2], dim=1)  # (batch, view, dim): views of a sample are rows 2i and 2i + 1
    logits = cosines(local.flatten(0, 1), gather_rows(local).flatten(0, 1)) / temperature
    anchor = torch.arange(2 * len(z1), device=z1.device)
    offset = 2 * first_row(len(z1))  # of this rank's rows among the columns of all ranks
    itself = anchor[:, None] + offset == torch.arange(logits.shape[1], device=z1.device)
    positive = (anchor ^ 1) + offset  # flipping the last bit leads to the other view
    return F.cross_entropy(logits.masked_fill(itself, -torch.inf), positive)

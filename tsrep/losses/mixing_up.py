"""The contrast of mixed-up samples: how much of each of two samples is in their mixture."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from tsrep.losses.gather import first_row, gather_rows
from tsrep.losses.similarity import cosines


def mixture_contrast(
    mixed: Tensor, z: Tensor, partner: Tensor, share: Tensor, *, temperature: float = 0.5
) -> Tensor:
    """Cross-entropy of a mixture's shares with its softmax over the samples of the batch.

    The mean over i of ``-share_i log p_i(i) - (1 - share_i) log p_i(partner_i)``, where ``p_i`` is the
    softmax of cosines over ``temperature``. In a distributed run the candidates are those of all ranks, and
    partners are of one's own.

    Parameters
    ----------
    mixed : Tensor, shape (batch, dim)
        Mixtures of a sample and its partner.
    z : Tensor, shape (batch, dim)
        The samples.
    partner : int64 Tensor, shape (batch,)
    share : Tensor, shape (batch,) or ()
        Of the sample itself, from 0 to 1.
    temperature : float

    Returns
    -------
    Tensor, scalar

    References
    ----------
    Wickstrøm et al., "Mixing up contrastive learning", Pattern Recognition Letters 2022, equation 3.
    """
    surprise = -(cosines(mixed, gather_rows(z)) / temperature).log_softmax(dim=1)  # (batch, all samples)
    rows = torch.arange(len(mixed), device=mixed.device)
    first = first_row(len(mixed))
    return (share * surprise[rows, rows + first] + (1 - share) * surprise[rows, partner + first]).mean()


def doubled_mixture_contrast(
    mixed: Tensor, z: Tensor, z_partner: Tensor, share: Tensor, *, temperature: float = 0.5
) -> Tensor:
    """The published form: partners are encoded again and double the candidates.

    Where ``z_partner`` are rows of ``z``, this is :func:`mixture_contrast` plus ``log 2``.

    Parameters
    ----------
    mixed, z, z_partner : Tensors, shape (batch, dim)
        Mixtures, samples, and the partner of each.
    share : Tensor, shape (batch,) or ()
    temperature : float

    Returns
    -------
    Tensor, scalar
    """
    candidates = torch.cat([gather_rows(z), gather_rows(z_partner)])
    surprise = -(cosines(mixed, candidates) / temperature).log_softmax(dim=1)
    own = torch.arange(len(mixed), device=mixed.device) + first_row(len(mixed))
    both = F.one_hot(own, len(candidates)), F.one_hot(own + len(candidates) // 2, len(candidates))
    weights = share.view(-1, 1) * both[0] + (1 - share.view(-1, 1)) * both[1]
    return (weights * surprise).sum(dim=1).mean()

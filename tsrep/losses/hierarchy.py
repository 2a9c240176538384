"""Contrasts across time steps and across samples, at one scale or over a max-pool pyramid."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from tsrep.losses.gather import first_row, gather_rows


def _contrast(anchors: Tensor, candidates: Tensor, positive: Tensor, own: Tensor) -> Tensor:
    """Mean over ``(group, anchor)`` of logsumexp over the candidates but the anchor, minus the positive."""
    with torch.autocast(anchors.device.type, enabled=False):
        dtype = torch.promote_types(anchors.dtype, torch.float32)
        logits = anchors.to(dtype) @ candidates.to(dtype).mT
        rows = torch.arange(len(own), device=own.device)
        logits[:, rows, own] = -torch.inf
        return (logits.logsumexp(-1) - logits[:, rows, positive]).mean()


def observation_contrast(z1: Tensor, z2: Tensor) -> Tensor:
    """Contrast of a time step's two views against all other steps of the same sample.

    Parameters
    ----------
    z1, z2 : Tensors, shape (batch, dim, time)

    Returns
    -------
    Tensor, scalar
    """
    z = torch.cat([z1, z2], dim=-1).mT
    own = torch.arange(z.shape[1], device=z.device)
    return _contrast(z, z, own.roll(z1.shape[-1]), own)


def sample_contrast(z1: Tensor, z2: Tensor) -> Tensor:
    """Contrast of a sample's two views against the other samples of the batch, at each time step.

    Candidates come from all ranks of a distributed run; see `gather_rows`.
    """
    local = torch.stack([z1, z2], dim=1)
    everyone = gather_rows(local)
    if len(everyone) == 1:
        return (z1.sum() + z2.sum()) * 0.0
    candidates = everyone.flatten(0, 1).permute(2, 0, 1)
    anchors = local.flatten(0, 1).permute(2, 0, 1)
    own = torch.arange(2 * len(z1), device=z1.device)
    offset = 2 * first_row(len(z1))
    return _contrast(anchors, candidates, (own ^ 1) + offset, own + offset)


def hierarchical_contrast(
    z1: Tensor,
    z2: Tensor,
    *,
    observation: float = 0.0,
    sample: float = 0.0,
    single_step: bool = False,
    temporal_unit: int = 0,
) -> Tensor:
    """Weighted observation and sample contrasts, averaged over a pyramid of max-pooled lengths.

    The length halves (an odd last step is dropped) while it exceeds one.

    Parameters
    ----------
    z1, z2 : Tensors, shape (batch, dim, time)
        Two views.
    observation, sample : float
        Weights of the two contrasts; one of weight zero costs nothing.
    single_step : bool
        Add the level of length one, where only the sample contrast is defined (TS2Vec).
    temporal_unit : int
        First level, from zero, that has an observation contrast.

    Returns
    -------
    Tensor, scalar
    """
    total, levels = z1.new_zeros((), dtype=torch.float32), 0
    while z1.shape[-1] > 1:
        if observation and levels >= temporal_unit:
            total = total + observation * observation_contrast(z1, z2)
        if sample:
            total = total + sample * sample_contrast(z1, z2)
        z1, z2, levels = F.max_pool1d(z1, 2), F.max_pool1d(z2, 2), levels + 1
    if single_step and z1.shape[-1] == 1:
        levels += 1
        if sample:
            total = total + sample * sample_contrast(z1, z2)
    return total / max(levels, 1)


def ts2vec_contrast(z1: Tensor, z2: Tensor, *, alpha: float = 0.5, temporal_unit: int = 0) -> Tensor:
    """The loss of TS2Vec: ``alpha`` of the sample and ``1 - alpha`` of the observation contrast.

    Source
    ------
    Yue et al., "TS2Vec", AAAI 2022, equations 1 to 3 and algorithm 1.
    """
    return hierarchical_contrast(
        z1, z2, observation=1 - alpha, sample=alpha, single_step=True, temporal_unit=temporal_unit
    )

"""Contrastive prediction: a context must pick the step that follows it among other steps."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def prediction_contrast(
    prediction: Tensor,
    target: Tensor,
    ahead: int,
    candidates: Tensor,
    *,
    temperature: float = 1.0,
) -> Tensor:
    """Cross-entropy of finding the step ``ahead`` of each context among drawn ones.

    Parameters
    ----------
    prediction, target : Tensor, shape (batch, time, dim)
    ahead : int
        Steps from a context to what it predicts.
    candidates : Tensor, shape (time - ahead, batch, negative), int64
        The wrong steps for each context, counted through the batch: ``sequence * time + step``.
    temperature : float

    Returns
    -------
    Tensor, shape (batch, time - ahead)
        Of each context; in float32 at least.

    References
    ----------
    van den Oord et al., "Representation learning with contrastive predictive coding", 2018, eq. 4, with one
    horizon as in Mehari & Strodthoff, "Self-supervised representation learning from 12-lead ECG data", 2022.
    """
    prediction, target = _scored(prediction, target)
    contexts = prediction.shape[1] - ahead
    right = (prediction[:, :contexts] * target[:, ahead:]).sum(-1)  # (batch, context)
    rows = target.flatten(0, 1)
    # one context at a time: the candidates of all at once would fill the memory
    wrong = [
        torch.einsum("bd,bkd->bk", prediction[:, i], rows[candidates[i]])  # (batch, negative)
        for i in range(contexts)
    ]
    logits = torch.cat([right[..., None], torch.stack(wrong, dim=1)], dim=-1) / temperature
    return logits.logsumexp(-1) - logits[..., 0]


def full_prediction_contrast(
    prediction: Tensor, target: Tensor, ahead: int, allowed: Tensor, *, temperature: float = 1.0
) -> Tensor:
    """The same with every allowed step of the own sequence as a negative, none drawn.

    Parameters
    ----------
    prediction, target : Tensor, shape (batch, time, dim)
    ahead : int
    allowed : Tensor, shape (time - ahead, time), bool
        Which steps are negatives of each context.
    temperature : float

    Returns
    -------
    Tensor, shape (batch, time - ahead)
    """
    prediction, target = _scored(prediction, target)
    contexts = prediction.shape[1] - ahead
    logits = prediction[:, :contexts] @ target.mT / temperature  # (batch, context, time)
    right = logits.diagonal(ahead, dim1=1, dim2=2)
    seen = allowed | torch.eye(len(allowed), allowed.shape[1] - ahead, device=logits.device).bool().new_zeros(
        allowed.shape
    ).diagonal_scatter(torch.ones(contexts, dtype=torch.bool, device=logits.device), ahead)
    return logits.masked_fill(~seen, -torch.inf).logsumexp(-1) - right


def unit_steps(z: Tensor) -> Tensor:
    """Steps of unit length, shape (batch, time, dim)."""
    return F.normalize(z.float() if z.dtype != torch.float64 else z, dim=-1)


def _scored(prediction: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    dtype = torch.promote_types(prediction.dtype, torch.float32)
    return prediction.to(dtype), target.to(dtype)

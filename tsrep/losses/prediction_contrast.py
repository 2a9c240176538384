"""Contrastive prediction: a context must pick the step that follows it among other steps.

References
----------
van den Oord et al., "Representation learning with contrastive predictive coding", 2018, eq. 4, with one
horizon as in Mehari & Strodthoff, "Self-supervised representation learning from 12-lead ECG data", 2022.
"""

from __future__ import annotations

import torch
from torch import Tensor

from tsrep.losses.similarity import single


def drawn_prediction_contrast(
    prediction: Tensor, target: Tensor, ahead: int, wrong: Tensor, *, temperature: float = 1.0
) -> Tensor:
    """Cross-entropy of finding the step ``ahead`` of each context among drawn steps.

    Parameters
    ----------
    prediction, target : Tensor, shape (batch, time, dim)
    ahead : int
        Steps from a context to what it predicts.
    wrong : Tensor, shape (time - ahead, batch, negative), int64
        The negatives of each context, counted through the batch: ``sequence * time + step``.
    temperature : float

    Returns
    -------
    Tensor, shape (batch, time - ahead)
        Of each context, in float32 at least.
    """
    prediction, target = single(prediction), single(target)
    rows = target.flatten(0, 1)  # (batch * time, dim)
    losses = []
    for i in range(len(wrong)):  # one context at a time, as the negatives of all would fill the memory
        right = (prediction[:, i] * target[:, i + ahead]).sum(-1, keepdim=True)  # (batch, 1)
        others = (rows[wrong[i]] * prediction[:, i, None]).sum(-1)  # (batch, negative)
        logits = torch.cat([right, others], dim=-1) / temperature
        losses.append(logits.logsumexp(-1) - logits[:, 0])
    return torch.stack(losses, dim=1)


def full_prediction_contrast(
    prediction: Tensor, target: Tensor, ahead: int, allowed: Tensor, *, temperature: float = 1.0
) -> Tensor:
    """The same with every allowed step of the own sequence as a negative, none drawn.

    Parameters
    ----------
    prediction, target : Tensor, shape (batch, time, dim)
    ahead : int
    allowed : Tensor, shape (time - ahead, time), bool
        Negatives of each context; its positive is none.
    temperature : float

    Returns
    -------
    Tensor, shape (batch, time - ahead)
    """
    prediction, target = single(prediction[:, : len(allowed)]), single(target)
    with torch.autocast(target.device.type, enabled=False):
        logits = prediction @ target.mT / temperature  # (batch, context, time)
    right = logits.diagonal(ahead, dim1=1, dim2=2)
    wrong = logits.masked_fill(~allowed, -torch.inf).logsumexp(-1)
    return torch.logaddexp(right, wrong) - right

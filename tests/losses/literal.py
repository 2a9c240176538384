"""Contrasts of one view with another and with a bank, written out, to compare with."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def queue_contrast(
    q: Tensor, k: Tensor, queue: Tensor, allowed: Tensor | None = None, *, temperature: float
) -> Tensor:
    """Each query among its own key and those of the queue that are allowed, one query after the other."""
    q, k, queue = (
        F.normalize(rows.to(torch.promote_types(rows.dtype, torch.float32)), dim=1) for rows in (q, k, queue)
    )
    lost = []
    for i, query in enumerate(q):
        others = queue if allowed is None else queue[allowed[i]]
        logits = torch.cat([k[i : i + 1], others]) @ query / temperature
        lost.append(logits.logsumexp(0) - logits[0])
    return torch.stack(lost).mean()


def global_infonce(anchors: Tensor, views: Tensor, *, temperature: float = 1.0) -> Tensor:
    """Each sample among the views of all samples."""
    logits = F.cosine_similarity(anchors[:, None], views, dim=2) / temperature
    return F.cross_entropy(logits, torch.arange(len(anchors)))

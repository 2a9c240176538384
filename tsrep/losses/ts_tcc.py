"""TS-TCC's temporal contrast: a context and the future that follows it find each other in the batch."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from tsrep.losses.gather import first_row, gather_rows
from tsrep.losses.similarity import single

Asking = Literal["context", "target"]


def temporal_contrast(predicted: Tensor, target: Tensor, *, asking: Asking = "context") -> Tensor:
    """Cross-entropy of the own pair among those of the batch, mean over lags and samples.

    At every lag predictions and targets are compared by inner products. In a distributed run the candidates
    are those of all ranks.

    Parameters
    ----------
    predicted : Tensor, shape (batch, lag, dim)
        What each context predicts.
    target : Tensor, shape (batch, lag, dim)
        What followed, in the other view.
    asking : {"context", "target"}
        Whether each context looks for its target among the targets of the batch, or (published) each target
        for its context.

    Returns
    -------
    Tensor, scalar

    References
    ----------
    Eldele et al., "Time-Series Representation Learning via Temporal and Contextual Contrasting", IJCAI 2021,
    equations 1 and 2.
    """
    anchors, candidates = (predicted, target) if asking == "context" else (target, predicted)
    with torch.autocast(predicted.device.type, enabled=False):
        # (lag, batch, dim) and (lag, dim, batch of all ranks)
        logits = single(anchors).transpose(0, 1) @ single(gather_rows(candidates)).permute(1, 2, 0)
    own = torch.arange(len(anchors), device=logits.device) + first_row(len(anchors))
    return F.cross_entropy(logits.flatten(0, 1), own.repeat(len(logits)))

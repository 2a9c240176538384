"""MoCo's contrast of queries with their keys and a queue of other keys."""

from __future__ import annotations

import torch
from torch import Tensor

from tsrep.losses.similarity import Temperature, cosines, unit_rows


def queue_contrast(
    queries: Tensor,
    keys: Tensor,
    queue: Tensor,
    allowed: Tensor | None = None,
    *,
    temperature: Temperature = 0.07,
) -> Tensor:
    """Each query must find its own key among the keys of a queue: the loss of MoCo.

    The mean over i of ``-log(exp(q_i k_i / tau) / (exp(q_i k_i / tau) + sum_j exp(q_i k_j / tau)))``, j in
    the queue, all of unit length.

    Parameters
    ----------
    queries, keys : Tensors, shape (batch, dim)
    queue : Tensor, shape (negatives, dim)
    allowed : Tensor, shape (batch, negatives), bool, optional
        Which negatives count for which query; all of them when missing.
    temperature : float

    Returns
    -------
    Tensor, scalar; a query without any negative adds zero

    References
    ----------
    He et al., "Momentum Contrast", CVPR 2020, equation 1. Public code of CoST and of contrastive
    forecasting divides each feature of the queue by its norm over the queue; here rows have unit length.
    """
    positive = (unit_rows(queries) * unit_rows(keys)).sum(dim=1, keepdim=True) / temperature  # (batch, 1)
    negative = cosines(queries, queue) / temperature  # (batch, negatives)
    if allowed is not None:
        negative = negative.masked_fill(~allowed, -torch.inf)
    return (torch.cat([positive, negative], dim=1).logsumexp(dim=1) - positive[:, 0]).mean()


def distinct_windows(windows: Tensor, others: Tensor, *, exclusion_zone: int) -> Tensor:
    """Which windows are no near copy of which: other records, or starts outside the exclusion zone.

    Parameters
    ----------
    windows : Tensor, shape (n, 2), int64
        What a window is cut from (its record), and its first step there.
    others : Tensor, shape (m, 2), int64
    exclusion_zone : int
        In steps: windows of one record whose starts are nearer are near copies. With the window length these
        are the windows that overlap, with 0 there are none.

    Returns
    -------
    Tensor, shape (n, m), bool
    """
    (record, start), (other_record, other_start) = windows.unbind(1), others.unbind(1)
    near = (start[:, None] - other_start).abs() < exclusion_zone
    return ~(near & (record[:, None] == other_record))

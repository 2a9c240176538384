"""Contrast of queries with their keys and a queue of other keys (MoCo)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def queue_contrast(
    queries: Tensor, keys: Tensor, queue: Tensor, *, temperature: float, allowed: Tensor | None = None
) -> Tensor:
    """Each query must find its own key among the keys of the queue; all are compared by the cosine.

    Parameters
    ----------
    queries, keys : Tensors, shape (batch, dim)
    queue : Tensor, shape (negatives, dim)
    temperature : float
    allowed : Tensor, shape (batch, negatives), bool, optional
        Which negatives count for which query; all of them when missing.

    Returns
    -------
    Tensor, scalar; a query without any negative adds zero

    References
    ----------
    He et al., "Momentum Contrast", CVPR 2020, equation 1. Public code of CoST and of contrastive
    forecasting divides each feature of the queue by its norm over the queue; here rows have unit length.
    """
    queries, keys, queue = (unit_rows(rows) for rows in (queries, keys, queue))
    with torch.autocast(queries.device.type, enabled=False):
        positive = (queries * keys).sum(dim=1, keepdim=True) / temperature
        negative = queries @ queue.mT / temperature  # (batch, negatives)
    if allowed is not None:
        negative = negative.masked_fill(~allowed, -torch.inf)
    loss = torch.cat([positive, negative], dim=1).logsumexp(dim=1) - positive[:, 0]
    return loss.mean()


def unit_rows(rows: Tensor) -> Tensor:
    """Rows of unit length, in float32 at least; half precision would spoil the exponentials."""
    return F.normalize(rows.to(torch.promote_types(rows.dtype, torch.float32)), dim=1)


def distinct_windows(
    record: Tensor, start: Tensor, other_record: Tensor, other_start: Tensor, *, guard: int
) -> Tensor:
    """Which windows are no near copy of which: other records, or starts at least ``guard`` steps apart.

    Parameters
    ----------
    record, start : Tensors, shape (windows,), int64
        What a window is cut from, and its first step there.
    other_record, other_start : Tensors, shape (others,), int64
    guard : int
        In steps; with the window length, windows that overlap are told to be near copies, with 0 none.

    Returns
    -------
    Tensor, shape (windows, others), bool
    """
    near = (start[:, None] - other_start).abs() < guard
    return ~(near & (record[:, None] == other_record))

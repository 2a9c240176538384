"""CLOCS's contrast: views of one recording, and recordings of one patient, find one another."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from tsrep.losses.gather import gather_rows
from tsrep.losses.similarity import cosines

Form = Literal["corrected", "published"]


def clocs_contrast(
    z: Tensor,
    patient: Tensor | None,
    *,
    temperature: float = 0.1,
    form: Form = "corrected",
    chosen: Tensor | None = None,
) -> Tensor:
    """Each view of a sample looks for the sample's other views, and for those of its patient's other samples.

    For two views with cosines ``s_ij / temperature`` the cross-entropy of finding the own sample, mean over
    samples, plus that of finding another sample of the patient, mean over such pairs; both directions are
    averaged, and then all pairs of views. Other positives stay among the candidates. In a distributed run
    the batch is that of all ranks, and each rank computes the loss of all of it.

    Parameters
    ----------
    z : Tensor, shape (batch, view, dim)
    patient : Tensor, shape (batch,), int64, or None
        None leaves the second term out.
    temperature : float
    form : {"corrected", "published"}
        The public code trains the last pair of views alone, divided by the number of all pairs, and takes
        the mean of the four (without two samples of a patient two) cross-entropies, in one direction for each
        pair of samples.
    chosen : int64 Tensor, shape (pair,), optional
        Numbers of the pairs of views that count, in the order of ``torch.triu_indices``; all by default.

    Returns
    -------
    Tensor, scalar

    References
    ----------
    Kiyasseh et al., "CLOCS", ICML 2021, equations 1 to 3.
    """
    z = gather_rows(z)
    first, second = torch.triu_indices(z.shape[1], z.shape[1], 1, device=z.device)  # (pair,) each
    count = len(first)
    if form == "published":
        first, second = first[-1:], second[-1:]
    elif chosen is not None:
        first, second = first[chosen], second[chosen]
    rows = z.flatten(0, 1)  # (batch * view, dim)
    similar = cosines(rows, rows).view(*z.shape[:2], *z.shape[:2]) / temperature
    logits = similar[:, first, :, second]  # (pair, batch, batch): advanced indices come first
    same = _same(patient, len(z), z.device)
    if form == "published":
        return _one_way(logits, same) / count
    return (_both_terms(logits, same) + _both_terms(logits.mT, same)) / 2


def _same(patient: Tensor | None, size: int, device: torch.device) -> Tensor:
    """Which samples are others of one patient, shape (batch, batch)."""
    if patient is None:
        return torch.zeros(size, size, dtype=torch.bool, device=device)
    ids = gather_rows(patient)
    return (ids[:, None] == ids) & ~torch.eye(size, dtype=torch.bool, device=device)


def _both_terms(logits: Tensor, same: Tensor) -> Tensor:
    surprise = -logits.log_softmax(dim=2)  # (pair, batch, batch)
    own = surprise.diagonal(dim1=1, dim2=2).mean()
    return own + _mean(surprise, same)


def _one_way(logits: Tensor, same: Tensor) -> Tensor:
    """The published mean of two or four cross-entropies of one pair of views."""
    rows, columns = -logits.log_softmax(dim=2), -logits.log_softmax(dim=1)
    own = rows.diagonal(dim1=1, dim2=2).mean() + columns.diagonal(dim1=1, dim2=2).mean()
    others = _mean(rows, same.triu()) + _mean(columns, same.tril())
    return (own + others) / (2 + 2 * same.any())


def _mean(values: Tensor, where: Tensor) -> Tensor:
    """Mean over all pairs of views of the values at some pairs of samples; 0 where there are none."""
    return values.mul(where).sum() / (len(values) * where.sum()).clamp(min=1)

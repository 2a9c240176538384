"""COMET's patient-level and trial-level loss: pull together samples of one patient, or of one trial."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from tsrep.losses.gather import gather_rows
from tsrep.losses.similarity import Temperature, cosines, single

Features = Literal["pooled", "time-course"]
Negatives = Literal["all", "same-group", "other-groups"]


def patient_trial_contrast(
    z1: Tensor,
    z2: Tensor,
    ids: Tensor,
    groups: Tensor | None = None,
    *,
    negatives: Negatives = "all",
    temperature: Temperature = 0.1,
    diagonal: Literal["keep", "positive", "drop"] = "drop",
    anchors: Literal["earlier", "both"] = "both",
    features: Features = "pooled",
) -> Tensor:
    """Find the other samples of one's patient, or of one's trial: the upper two levels of COMET.

    The mean over pairs ``(i, j)`` of samples with one id of ``-log(exp(s_ij / tau) / sum_k exp(s_ik / tau))``
    over the candidates k of i. The first view of ``i`` looks for the second view of ``j`` among the second
    views of the batch, and the second view of ``i`` among the first views; the two directions are averaged.
    Other samples with the id of ``i`` stay among the candidates. In a distributed run the batch is that of
    all ranks, and each rank computes the loss of all of it.

    Parameters
    ----------
    z1, z2 : Tensors, shape (batch, dim, time)
        Two views.
    ids : Tensor, shape (batch,), int64
        Trial or patient of each sample.
    groups : Tensor, shape (batch,), int64, optional
        The coarser level to which ``negatives`` refers, for trials the patient.
    negatives : {"all", "same-group", "other-groups"}
        Samples with another id among the candidates.
    temperature : float
    diagonal : {"keep", "positive", "drop"}
        A sample's own other view: a candidate that is never right (published), one more positive, or no
        candidate.
    anchors : {"earlier", "both"}
        Of two samples only the one earlier in the batch looks for the other (published), or each does.
    features : {"pooled", "time-course"}
        Similarity is the cosine of the maxima over time, or the mean over ``dim`` of the cosines between
        time courses, which wants windows that are aligned in phase (published).

    Returns
    -------
    Tensor, scalar; zero where the batch has no two samples with one id

    References
    ----------
    Wang et al., "Contrast Everything" (COMET), NeurIPS 2023, trial and patient levels; Kiyasseh et al.,
    "CLOCS", ICML 2021, equation 1.
    """
    ids = gather_rows(ids)
    groups = ids if groups is None else gather_rows(groups)
    # (n, n) for the n samples of all ranks: row i is the first view of i, column j the second view of j
    similar = _similarity(gather_rows(z1.mT), gather_rows(z2.mT), features) / temperature
    own = torch.eye(len(ids), dtype=torch.bool, device=ids.device)
    same = ids[:, None] == ids[None, :]
    positive = same if diagonal == "positive" else same & ~own
    if anchors == "earlier":
        positive = positive.triu()  # of the pair (i, j) with i < j only i looks for j
    near = groups[:, None] == groups[None, :]
    candidate = same | {"all": torch.ones_like(near), "same-group": near, "other-groups": ~near}[negatives]
    if diagonal == "drop":
        candidate = candidate & ~own
    return (
        _cross_entropy(similar, positive, candidate) + _cross_entropy(similar.mT, positive, candidate)
    ) / 2


def _cross_entropy(logits: Tensor, positive: Tensor, candidate: Tensor) -> Tensor:
    """Mean over positives of logsumexp over the row's candidates minus the positive; 0 without positives."""
    idle = ~positive.any(dim=1, keepdim=True)  # a row without candidates must not yield NaN gradients
    denominator = logits.masked_fill(~(candidate | idle), -torch.inf).logsumexp(dim=1, keepdim=True)
    return (denominator - logits).masked_fill(~positive, 0).sum() / positive.sum().clamp(min=1)


def _similarity(z1: Tensor, z2: Tensor, features: Features) -> Tensor:
    """Cosines ``(batch, batch)`` of maps ``(batch, time, dim)``, in float32 at least."""
    if features == "pooled":
        return cosines(z1.amax(dim=1), z2.amax(dim=1))
    with torch.autocast(z1.device.type, enabled=False):
        # Time courses of unit length; one of zeros stays zero.
        one, other = (z * single(z).square().sum(1, keepdim=True).clamp(min=1e-24).rsqrt() for z in (z1, z2))
        # One product for all dimensions: the sum over time and dim of both, then the mean over dim.
        return one.flatten(1) @ other.flatten(1).mT / z1.shape[2]

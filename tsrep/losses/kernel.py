"""One contrast for many losses: rows against candidates, with shares of positives, weights of negatives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from tsrep.losses.gather import gather_views
from tsrep.losses.relation import Relation, own_rows
from tsrep.losses.similarity import single, unit_rows
from tsrep.losses.stream import LOGITS_AT_ONCE, streamed
from tsrep.losses.two_view_contrast import two_view_contrast

Similarity = Literal["cosine", "dot"]
Denominator = Literal["all", "own", "none"]
Reduce = Literal["rows", "pairs", "raw", "all-rows"]

Found = tuple[Tensor, Tensor, Tensor]
RowLoss = Callable[[Tensor, Tensor, Tensor], Found]
"""``loss(s, share, weight)`` of some rows gives a sum, how many it counts, and its derivative by ``s``."""


@dataclass(frozen=True)
class Kernel:
    """Cross-entropy of rows with shares of positives and weighted candidates.

    With shares ``P``, weights ``W`` and similarities ``s`` it is the sum over pairs of
    ``Q_ij (log Z_i(j) - s_ij)``, ``Q`` the shares after ``reduce``, and ``Z`` the sum of ``W_ik exp(s_ik)``
    over candidates that are no positives, plus that of the positives that ``denominator`` names; a positive
    has its weight as a candidate, or 1 where it has none.

    Attributes
    ----------
    denominator : {"all", "own", "none"}
        Positives in the denominator: all of a row, the one that is looked for, or none.
    reduce : {"rows", "pairs", "raw", "all-rows"}
        The mean over rows with a positive of the mean over their positives; the mean over pairs; shares as
        they are, in a mean over all rows; or ``"rows"`` with a row without positive counted as 0.
    inside : bool
        Whether the mean over positives is taken inside the logarithm.
    """

    denominator: Denominator = "all"
    reduce: Reduce = "rows"
    inside: bool = False

    def __call__(self, s: Tensor, share: Tensor, weight: Tensor) -> Found:
        """Sum over rows, how many it counts, and its derivative by ``s``.

        Parameters
        ----------
        s, share, weight : Tensors, shape (row, candidate)
        """
        positive = share > 0
        negative = (weight > 0) & ~positive
        # a positive without a weight as a candidate has weight 1 in the denominator
        weighted = s
        if weight.dtype != torch.bool:
            weighted = s + torch.where(weight > 0, weight, 1).log().to(s.dtype)
        some = positive.any(1, keepdim=True)  # (row, 1)
        if self.denominator != "all":
            some = some & (negative.any(1, keepdim=True) | (self.denominator == "own"))
        valid = some.to(s.dtype)
        wanted = share.to(s.dtype) * valid  # (row, candidate)
        if self.reduce in ("rows", "all-rows"):
            wanted = wanted / wanted.sum(1, keepdim=True).clamp(min=torch.finfo(s.dtype).tiny)
        count = {"rows": valid.sum(), "pairs": wanted.sum()}.get(self.reduce, valid.new_tensor(float(len(s))))
        if self.denominator == "own":
            value, slope = _own_denominators(s, weighted, wanted, positive, negative)
            return value, count, slope
        there = negative | positive if self.denominator == "all" else negative
        top = weighted.masked_fill(~there, -torch.inf).logsumexp(1, keepdim=True)  # (row, 1)
        rows = wanted.sum(1, keepdim=True)
        slope = rows * (weighted - top.masked_fill(~some, torch.inf)).exp().masked_fill(~there, 0)
        value = (rows * top.masked_fill(~some, 0)).sum()
        if self.inside:
            # Q sums to one in each row, so this is the log of the mean of the positives' exponentials
            found = (s + wanted.log()).logsumexp(1, keepdim=True)
            shares = (s + wanted.log() - found.masked_fill(~some, torch.inf)).exp()
            return value - (rows * found.masked_fill(~some, 0)).sum(), count, slope - rows * shares
        return value - (wanted * s).sum(), count, slope - wanted

    def one_positive(self, s: Tensor, positive: Tensor, weight: Tensor) -> Found:
        """The same where each row has one positive, written over ``s``.

        Parameters
        ----------
        s, weight : Tensors, shape (row, candidate)
        positive : Tensor, shape (row, 1), int64
            Number of the candidate.
        """
        found = s.gather(1, positive)  # (row, 1)
        s = s.masked_fill_(~weight, -torch.inf) if weight.dtype == torch.bool else s.add_(weight.log())
        if self.denominator == "none":
            s.scatter_(1, positive, -torch.inf)
        top = s.amax(1, keepdim=True)
        some = top > -torch.inf
        s.sub_(top.masked_fill(~some, 0)).exp_()
        total = s.sum(1, keepdim=True)
        lost = torch.where(some, total.log() + top - found, 0)
        s.div_(total.masked_fill(~some, 1)).scatter_add_(1, positive, -some.to(s.dtype))
        counted = self.reduce in ("rows", "pairs")
        return lost.sum(), some.sum().to(s.dtype) if counted else s.new_tensor(float(len(s))), s


def _own_denominators(
    s: Tensor, weighted: Tensor, wanted: Tensor, positive: Tensor, negative: Tensor
) -> tuple[Tensor, Tensor]:
    """Each positive stands in a denominator of its own beside all negatives."""
    others = weighted.masked_fill(~negative, -torch.inf).logsumexp(1, keepdim=True)  # (row, 1)
    gap = others - weighted  # -inf in a row without negatives: then nothing is lost
    surprise = torch.where(positive, torch.nn.functional.softplus(gap) + weighted - s, 0)
    lost = torch.where(positive, wanted * gap.sigmoid(), 0)  # (row, candidate)
    pull = lost.sum(1, keepdim=True)
    idle = others.isinf()
    push = (weighted - others.masked_fill(idle, torch.inf)).exp().masked_fill(~negative, 0)
    return (wanted * surprise).sum(), pull * push - lost


def rows_of(z: Tensor, similarity: Similarity) -> Tensor:
    """Rows as they are compared, at least in float32."""
    return unit_rows(z) if similarity == "cosine" else single(z)


def candidates_of(rows: Tensor, bank: Tensor | None) -> Tensor:
    """Rows of all ranks, view by view, and then the bank.

    Parameters
    ----------
    rows : Tensor, shape (view, batch, dim)
    bank : Tensor, shape (key, dim), optional

    Returns
    -------
    Tensor, shape (view * ranks * batch + key, dim)
    """
    everyone = gather_views(rows).flatten(0, 1)
    return everyone if bank is None else torch.cat([everyone, bank.to(rows.dtype)])


def contrasted(
    z: Tensor,
    relation: Relation,
    kernel: Kernel,
    *,
    temperature: float | Tensor,
    similarity: Similarity = "cosine",
    bank: Tensor | None = None,
) -> Tensor:
    """The mean of a kernel over the anchors of all ranks.

    Parameters
    ----------
    z : Tensor, shape (view, batch, dim)
        Of this rank.
    relation : Relation
        Of the samples of all ranks.
    kernel : Kernel
    temperature : float or scalar Tensor
    similarity : {"cosine", "dot"}
    bank : Tensor, shape (key, dim), optional

    Returns
    -------
    Tensor, scalar, float32 or float64

    Notes
    -----
    Differentiable once.
    """
    rows = rows_of(z, similarity)
    if _is_small(rows, relation) and bank is None and kernel == Kernel() and relation.all_pairs(len(z)):
        return two_view_contrast(*(rows * temperature**-0.5).unsqueeze(1).unbind())
    candidates = candidates_of(rows, None if bank is None else rows_of(bank, similarity))
    anchors, keys = rows / temperature, 0 if bank is None else len(bank)
    if relation.one_positive(len(z)):
        return _over_partners(anchors, candidates, relation, kernel, keys)
    return over_rows(anchors, candidates, relation, kernel, keys)


def _is_small(rows: Tensor, relation: Relation) -> bool:
    """Whether all pairs fit in memory on the CPU, where half of a symmetric matrix is worth its own form."""
    alone = len(relation.samples) == rows.shape[1]
    return alone and rows.device.type == "cpu" and 4 * rows.shape[1] ** 2 <= LOGITS_AT_ONCE


def _over_partners(
    anchors: Tensor, candidates: Tensor, relation: Relation, kernel: Kernel, keys: int
) -> Tensor:
    """The mean where the other view of a row's sample is its one positive: fewer passes over each matrix."""
    views, local = anchors.shape[:2]
    view, sample = own_rows(relation, views, local, anchors.device)
    partner = ((1 - view) * len(relation.samples) + sample)[:, None]  # (row, 1)

    def part(some: slice, s: Tensor) -> Found:
        weight = relation.partner_weights(partner[some], view[some], sample[some], views)
        return kernel.one_positive(s, partner[some], weight)

    return streamed(anchors[: relation.anchors(views)].flatten(0, 1), candidates, part, fixed=keys)


def over_rows(rows: Tensor, candidates: Tensor, relation: Relation, loss: RowLoss, keys: int = 0) -> Tensor:
    """The mean of a loss over the anchors of all ranks, whose inner products are never whole in memory.

    Parameters
    ----------
    rows : Tensor, shape (view, batch, dim)
        Of this rank, divided by the temperature.
    candidates : Tensor, shape (view * ranks * batch + key, dim)
    relation : Relation
    loss : RowLoss
    keys : int
        So many of the last candidates are of a bank.
    """
    views, local = rows.shape[:2]
    view, sample = own_rows(relation, views, local, rows.device)

    def part(some: slice, s: Tensor) -> Found:
        return loss(s, *relation.block(view[some], sample[some], views))

    return streamed(rows[: relation.anchors(views)].flatten(0, 1), candidates, part, fixed=keys)

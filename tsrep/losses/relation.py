"""Which rows of a batch are positives of which, and how much each counts as a negative."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from tsrep.losses.gather import first_row, gather_rows, world_size
from tsrep.signals.batch import Batch

ViewPairs = Literal["all", "cross", "one-way"]
Own = Literal["positive", "candidate", "drop"]


@dataclass(frozen=True)
class Samples:
    """What is known of some samples; one row of each tensor is one sample.

    Attributes
    ----------
    place : Tensor, shape (n,), int64
        Number of the row; each sample of a batch has its own.
    sample, patient, trial, start : Tensors, shape (n,), int64
        As of :class:`tsrep.signals.batch.Batch`; samples that a sampler repeats share ``sample``.
    label : Tensor, shape (n,) int64, or (n, class) bool
    target : Tensor, shape (n, target), or None
        Missing values are NaN.
    window : Tensor, shape (n, value), or None
        The samples themselves, without mean and of unit length.
    """

    place: Tensor
    sample: Tensor
    patient: Tensor
    trial: Tensor
    start: Tensor
    label: Tensor
    target: Tensor | None = None
    window: Tensor | None = None

    @classmethod
    def plain(cls, count: int, device: torch.device | str = "cpu") -> Samples:
        """Samples of which nothing is known, so that none has anything in common with another."""
        each = torch.arange(count, device=device)
        return cls(each, each, each, each, torch.zeros_like(each), each)

    @classmethod
    def of(cls, batch: Batch, *, windows: bool = False) -> Samples:
        """Those of a batch of all ranks.

        Parameters
        ----------
        batch : Batch
            That of this rank.
        windows : bool
            Whether the signals are compared.
        """
        place = torch.arange(len(batch) * world_size(), device=batch.x.device)
        ids = (batch.sample, batch.patient, batch.trial, batch.start, batch.label)
        sample, patient, trial, start, label = (gather_rows(each) for each in ids)
        target = None if batch.target is None else gather_rows(batch.target)
        window = gather_rows(_unit_windows(batch.x)) if windows else None
        return cls(place, sample, patient, trial, start, label, target, window)

    @property
    def distinct(self) -> bool:
        """Whether no sample is repeated."""
        return self.sample is self.place or not bool((self.sample.sort().values.diff() == 0).any())

    def unknown(self, patient: Tensor, start: Tensor) -> Samples:
        """Others of which the patient and start alone are known, as those of a bank; both of shape (key,)."""
        nothing = torch.full_like(patient, -1)
        several = self.label.dtype == torch.bool
        label = self.label.new_full((len(patient), *self.label.shape[1:]), 0 if several else -1)
        target, window = (
            None if each is None else each.new_full((len(patient), each.shape[1]), torch.nan)
            for each in (self.target, self.window)
        )
        return Samples(nothing, nothing, patient, nothing, start, label, target, window)

    def at(self, rows: Tensor) -> Samples:
        """Some of them, by number."""
        chosen = {name: None if values is None else values[rows] for name, values in vars(self).items()}
        return Samples(**chosen)  # type: ignore[arg-type]  # only optional ones are None

    def __len__(self) -> int:
        return len(self.place)


Rule = Callable[[Samples, Samples], Tensor]
"""``rule(rows, others)`` gives what each pair of samples is to one another, shape (row, other)."""


@dataclass(frozen=True)
class Same:
    """Samples with one id, such as a patient; of several labels each the share that two have in common."""

    field: str

    def __call__(self, rows: Samples, others: Samples) -> Tensor:
        one, other = getattr(rows, self.field), getattr(others, self.field)
        if one.ndim == 1:
            equal: Tensor = one[:, None] == other
            return equal
        common = one.float() @ other.float().T  # (row, other)
        either = one.sum(1)[:, None] + other.sum(1) - common
        return torch.where(rows.place[:, None] == others.place, 1.0, common / either.clamp(min=1))


@dataclass(frozen=True)
class Lighter:
    """Weight ``weight`` for samples with one id, and 1 for all others; a mask where the weight is 0."""

    field: str
    weight: float

    def __call__(self, rows: Samples, others: Samples) -> Tensor:
        same = Same(self.field)(rows, others)
        return (
            ~same if self.weight == 0 and same.dtype == torch.bool else 1 - (1 - self.weight) * same.float()
        )


@dataclass(frozen=True)
class Apart:
    """Whether windows are of different patients or start at least so many steps apart."""

    exclusion_zone: int

    def __call__(self, rows: Samples, others: Samples) -> Tensor:
        near = (rows.start[:, None] - others.start).abs() < self.exclusion_zone
        apart: Tensor = ~(near & (rows.patient[:, None] == others.patient))
        return apart


@dataclass(frozen=True)
class Given:
    """A matrix over the samples of all ranks, shape (n, n)."""

    matrix: Tensor

    def __call__(self, rows: Samples, others: Samples) -> Tensor:
        return self.matrix[rows.place[:, None], others.place]


OWN = Same("place")


@dataclass(frozen=True)
class Relation:
    """Shares of positives and weights of candidates, made for some rows at a time.

    Attributes
    ----------
    samples : Samples
        Of all ranks.
    bank : Samples, optional
        Those of the keys of a bank; they are candidates and never positives.
    positives : Rule
        Share of each sample among the positives of a row; 0 is none, and only ratios matter.
    negatives : tuple of Rules
        Whose product is the weight of a sample in the denominator of a row; 0 is no candidate.
    view_pairs : {"all", "cross", "one-way"}
        Rows see rows of every view, of the other views, or the first view alone sees all others.
    own : {"positive", "candidate", "drop"}
        What the other views of a row's sample are: positives, candidates that are never right, or neither.
    asking : int or None
        So many first views are anchors; None for all.
    in_batch : bool
        Whether other samples of the batch are candidates.
    normalise : bool
        Whether weights are scaled to a mean of 1 over the negatives of a row.
    """

    samples: Samples
    bank: Samples | None = None
    positives: Rule = OWN
    negatives: tuple[Rule, ...] = ()
    view_pairs: ViewPairs = "all"
    own: Own = "positive"
    asking: int | None = None
    in_batch: bool = True
    normalise: bool = True

    def changed(self, *, negatives: tuple[Rule, ...] = (), **values: object) -> Relation:
        """With other values; ``negatives`` are further rules."""
        return replace(self, negatives=self.negatives + negatives, **values)  # type: ignore[arg-type]

    def anchors(self, views: int) -> int:
        """How many first views look for positives."""
        return 1 if self.view_pairs == "one-way" else min(self.asking or views, views)

    def one_positive(self, views: int) -> bool:
        """Whether each row has the other view of its sample as its one positive."""
        return views == 2 and self.positives is OWN and self.own == "positive"

    def all_pairs(self, views: int) -> bool:
        """Whether each row contrasts the other view of its sample with all other rows, which count alike."""
        return (
            self.one_positive(views)
            and self.bank is None
            and not self.negatives
            and self.view_pairs == "all"
            and self.asking is None
            and self.in_batch
            and self.samples.distinct
        )

    def block(self, view: Tensor, sample: Tensor, views: int) -> tuple[Tensor, Tensor]:
        """Shares and weights of some rows, each of shape (row, views * samples + keys), bool or float.

        A row is no candidate of its own, nor is another row that holds the same sample.

        Parameters
        ----------
        view, sample : Tensors, shape (row,), int64
            Of each row; samples are counted over all ranks.
        views : int
        """
        rows, others = self.samples.at(sample), self.samples
        itself = rows.place[:, None] == others.place  # (row, sample)
        distinct = rows.sample[:, None] != others.sample
        share = self.positives(rows, others) * (distinct | itself if self.own == "positive" else distinct)
        share = self._over_views(share, view, sample, views)
        if self.bank is not None:
            share = torch.cat([share, share.new_zeros(len(rows), len(self.bank))], dim=1)
        return share, self._normalised(self.weights(view, sample, views), share)

    def partner_weights(self, partner: Tensor, view: Tensor, sample: Tensor, views: int) -> Tensor:
        """Weights of rows that have one positive each, ``partner``, shape (row, 1); see :meth:`block`."""
        weight = self.weights(view, sample, views)
        if weight.dtype == torch.bool:
            return weight
        return self._normalised(weight, torch.zeros_like(weight, dtype=torch.bool).scatter_(1, partner, True))

    def weights(self, view: Tensor, sample: Tensor, views: int) -> Tensor:
        """Weights alone and as the rules give them; see :meth:`block`."""
        rows, others = self.samples.at(sample), self.samples
        weight = rows.sample[:, None] != others.sample  # (row, sample)
        weight = weight * self._weight(rows, others) if self.in_batch else torch.zeros_like(weight)
        row = torch.arange(len(rows), device=view.device)
        weight[row, sample] = self.own != "drop"
        weight = self._over_views(weight, view, sample, views)
        return weight if self.bank is None else _joined(weight, self._weight(rows, self.bank))

    def _over_views(self, matrix: Tensor, view: Tensor, sample: Tensor, views: int) -> Tensor:
        """Repeat a matrix, shape (row, sample), over the views that each row sees, itself left out."""
        whole = matrix.repeat(1, views).view(len(view), views, -1)  # (row, view, sample)
        row = torch.arange(len(view), device=view.device)
        if self.view_pairs == "all":
            whole[row, view, sample] = 0
        else:
            whole[row, view] = 0
        return whole.flatten(1)

    def _weight(self, rows: Samples, others: Samples) -> Tensor:
        total = rows.place.new_ones(len(rows), len(others), dtype=torch.bool)
        for rule in self.negatives:
            total = total * rule(rows, others)
        return total

    def _normalised(self, weight: Tensor, share: Tensor) -> Tensor:
        if weight.dtype == torch.bool or not self.normalise:
            return weight
        negative = (weight > 0) & (share <= 0)
        total = (weight * negative).sum(1, keepdim=True).clamp(min=torch.finfo(weight.dtype).tiny)
        return torch.where(negative, weight * (negative.sum(1, keepdim=True) / total), weight)


def _joined(one: Tensor, other: Tensor) -> Tensor:
    kind = torch.promote_types(one.dtype, other.dtype)
    return torch.cat([one.to(kind), other.to(kind)], dim=1)


def _unit_windows(x: Tensor) -> Tensor:
    """Windows without mean and of unit length, shape (batch, channel * time); what is missing is zero."""
    flat = torch.nan_to_num(x).flatten(1)
    flat = flat - flat.mean(dim=1, keepdim=True)
    return flat.div(torch.linalg.vector_norm(flat, dim=1, keepdim=True).clamp(min=1e-6))


def own_rows(relation: Relation, views: int, local: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """View and sample of the anchors of this rank, view by view.

    Parameters
    ----------
    relation : Relation
    views, local : int
        Numbers of views, and of samples on this rank.
    device : torch.device
    """
    row = torch.arange(relation.anchors(views) * local, device=device)
    return row // local, row % local + first_row(local)

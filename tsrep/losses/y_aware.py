"""Samples with near targets, such as patients of one age, are partly positives of one another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from pydantic import Field, NonNegativeInt
from torch import Tensor

from tsrep.losses.contrast import PLAIN, Contrast, Form, Pairs
from tsrep.losses.kernel import Kernel, Similarity
from tsrep.losses.relation import Relation, Samples
from tsrep.losses.similarity import Temperature
from tsrep.registry import LOSSES

Width = Annotated[float, Field(gt=0, allow_inf_nan=False)]


def target_of(samples: Samples, column: int) -> Tensor:
    """One target of each sample, shape (n,), float64; NaN where it is not known or there is none."""
    if samples.target is None:
        return torch.full((len(samples),), torch.nan, dtype=torch.float64, device=samples.place.device)
    return samples.target[:, column].double()


@dataclass(frozen=True)
class NearTargets:
    """``exp(-(y_i - y_j)^2 / (2 sigma^2))``; without a known target a sample has itself alone."""

    column: int
    sigma: float

    def __call__(self, rows: Samples, others: Samples) -> Tensor:
        gap = target_of(rows, self.column)[:, None] - target_of(others, self.column)
        near = torch.nan_to_num((-(gap**2) / (2 * self.sigma**2)).exp(), nan=0.0)
        return torch.where(rows.place[:, None] == others.place, 1.0, near)


@dataclass(frozen=True)
class ByColumn:
    """Shares divided by the sum of their column over all views, the row itself left out (the public code)."""

    shares: NearTargets
    views: int

    def __call__(self, rows: Samples, others: Samples) -> Tensor:
        total = self.views * self.shares(others, others).sum(0) - 1  # (other,)
        return self.views * self.shares(rows, others) / total


@LOSSES.register("y-aware")
class YAware(Contrast):
    """NT-Xent with soft positives: the share of a sample falls with the distance of its target.

    Parameters
    ----------
    sigma : float
        In units of the target; about 0.3 of its standard deviation.
    column : int
        Number of the target among those that the data give.
    temperature : float
    form : {"corrected", "published"}
        The public code divides shares by the sum of their column, not of their row, and sums over all views.
    similarity : {"cosine", "dot"}
    pairs : Pairs
        Which negatives count less; see :class:`tsrep.losses.contrast.Pairs`.

    References
    ----------
    Dufumier et al., "Contrastive Learning with Continuous Proxy Meta-data for 3D MRI Classification", MICCAI
    2021.
    """

    needs = frozenset({"target"})
    views = (2, 2)

    def __init__(
        self,
        sigma: Width = 5.0,
        column: NonNegativeInt = 0,
        temperature: Temperature = 0.1,
        form: Form = "corrected",
        similarity: Similarity = "cosine",
        pairs: Pairs = PLAIN,
    ) -> None:
        super().__init__(temperature, similarity, pairs)
        self.column = column
        self.shares, self.form = NearTargets(column, sigma), form
        self.kernel = Kernel(reduce="raw" if form == "published" else "rows")

    def related(self, relation: Relation) -> Relation:
        """Positives by target."""
        published = self.form == "published"
        return relation.changed(positives=ByColumn(self.shares, views=2) if published else self.shares)

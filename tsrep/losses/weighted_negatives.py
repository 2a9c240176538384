"""Negatives that count less where samples have something in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from pydantic import Field, NonNegativeInt
from torch import Tensor

from tsrep.losses.contrast import PLAIN, Contrast, Pairs
from tsrep.losses.kernel import Denominator, Kernel, Similarity
from tsrep.losses.relation import Lighter, Relation, Rule, Samples
from tsrep.losses.similarity import Temperature
from tsrep.losses.y_aware import NearTargets
from tsrep.registry import LOSSES


@dataclass(frozen=True)
class FarTargets:
    """One minus ``amount`` times how near two targets are; 1 where one is not known."""

    near: NearTargets
    amount: float

    def __call__(self, rows: Samples, others: Samples) -> Tensor:
        return 1 - self.amount * self.near(rows, others)


@dataclass(frozen=True)
class ClusterCount:
    """In how many clusterings two samples are apart.

    Attributes
    ----------
    clusters : Tensor, shape (clustering, n), int64
        Of the samples of all ranks.
    """

    clusters: Tensor

    def __call__(self, rows: Samples, others: Samples) -> Tensor:
        one, other = self.clusters[:, rows.place], self.clusters[:, others.place]
        return (one[:, :, None] != other[:, None]).sum(0).to(torch.float32)


@LOSSES.register("weighted-negatives")
class WeightedNegatives(Contrast):
    """NT-Xent whose negatives count less where they share a patient, trial, class or near target with a row.

    Parameters
    ----------
    by : {"patient", "trial", "label", "target"}
        What is compared.
    weight : float
        Of negatives that have it in common; others have 1, and the mean over a row's negatives is 1.
    sigma : float
        Distance at which targets are no longer near, in their units.
    column : int
        Number of the target among those that the data give.
    denominator : {"all", "own", "none"}
        Whether the positive is in the denominator; without it the loss is decoupled.
    temperature : float
    similarity : {"cosine", "dot"}
    pairs : Pairs
        Which negatives count less besides; see :class:`tsrep.losses.contrast.Pairs`.

    References
    ----------
    Yu et al., "Heterogeneous Graph Contrastive Learning with Meta-Path Contexts and Weighted Negative
    Samples" (MEOW), SDM 2023. Weights are of metadata in place of clusters.
    """

    def __init__(
        self,
        by: Literal["patient", "trial", "label", "target"] = "patient",
        weight: Annotated[float, Field(ge=0, le=1)] = 0.5,
        sigma: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 5.0,
        column: NonNegativeInt = 0,
        denominator: Denominator = "all",
        temperature: Temperature = 0.1,
        similarity: Similarity = "cosine",
        pairs: Pairs = PLAIN,
    ) -> None:
        super().__init__(temperature, similarity, pairs)
        self.needs = self.needs | {by}
        self.column, self.kernel = column, Kernel(denominator)
        near = NearTargets(column, sigma)
        self.rule: Rule = FarTargets(near, 1 - weight) if by == "target" else Lighter(by, weight)

    def related(self, relation: Relation) -> Relation:
        """Weights by what samples have in common."""
        return relation.changed(negatives=(self.rule,))

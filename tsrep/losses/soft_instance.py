"""Samples whose signals are alike are partly positives of one another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from tsrep.losses.contrast import PLAIN, Contrast, Form, Pairs
from tsrep.losses.kernel import Kernel, Similarity
from tsrep.losses.relation import Relation, Rule, Samples
from tsrep.losses.similarity import Temperature
from tsrep.registry import LOSSES


@dataclass(frozen=True)
class CorrelationDistance:
    """``sqrt((1 - r) / 2)``, r the correlation of two windows over all channels and steps; in [0, 1]."""

    def __call__(self, rows: Samples, others: Samples) -> Tensor:
        if rows.window is None or others.window is None:  # nothing is known of them
            return (rows.place[:, None] != others.place).float()
        return ((1 - rows.window @ others.window.T) / 2).clamp(min=0).sqrt()


@dataclass(frozen=True)
class SoftShares:
    """``2 alpha sigmoid(-sharpness d)`` between samples at distance d, and 1 of a sample to itself."""

    distance: Rule
    alpha: float
    sharpness: float

    def __call__(self, rows: Samples, others: Samples) -> Tensor:
        share = 2 * self.alpha * (-self.sharpness * self.distance(rows, others)).sigmoid()
        return torch.where(rows.place[:, None] == others.place, 1.0, share)


@LOSSES.register("soft-instance")
class SoftInstance(Contrast):
    """NT-Xent with soft positives: the share of a sample falls with the distance of its signal.

    Parameters
    ----------
    alpha : float
        Share of a sample of equal signal.
    sharpness : float
        How fast shares fall with the distance, tau of the paper; at large values the loss is NT-Xent.
    temperature : float
    form : {"corrected", "published"}
        Shares of a row sum to one, or are taken as they are.
    similarity : {"cosine", "dot"}
        The paper has inner products at temperature 1.
    pairs : Pairs
        Which negatives count less; see :class:`tsrep.losses.contrast.Pairs`.

    References
    ----------
    Lee et al., "Soft Contrastive Learning for Time Series", ICLR 2024. The distance is that of windows of the
    batch by correlation, in place of warped distances between all training series.
    """

    reads_windows: ClassVar[bool] = True

    def __init__(
        self,
        alpha: Annotated[float, Field(gt=0, le=1)] = 0.5,
        sharpness: Annotated[float, Field(ge=1, le=50)] = 10.0,
        temperature: Temperature = 0.1,
        form: Form = "corrected",
        similarity: Similarity = "cosine",
        pairs: Pairs = PLAIN,
    ) -> None:
        super().__init__(temperature, similarity, pairs)
        self.alpha, self.sharpness = alpha, sharpness
        self.kernel = Kernel(reduce="raw" if form == "published" else "rows")

    def related(self, relation: Relation) -> Relation:
        """Positives by the distance of windows, or by that which the relation gives as a matrix."""
        return relation.changed(positives=SoftShares(CorrelationDistance(), self.alpha, self.sharpness))

"""CACR: the farthest positive pulls most, the nearest negative pushes most."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from tsrep.losses.contrast import PLAIN, Contrast, Form, Pairs, differentiated
from tsrep.losses.relation import Relation, Same
from tsrep.registry import LOSSES

Sharpness = Annotated[float, Field(ge=0, le=10)]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]


@LOSSES.register("cacr")
class CACR(Contrast):
    """Weighted mean squared distance of positives less that of negatives, weights by distance.

    Positives have weights ``softmax(positive_sharpness d)``, negatives ``softmax(-negative_sharpness d)``.
    With one positive a row, as two views give without ``by``, all of the first weights are 1: it wants more.

    Parameters
    ----------
    positive_sharpness, negative_sharpness : float
    attraction, repulsion : float
        Weights of the terms.
    by : {"sample", "label", "patient", "trial"}
        What positives have in common.
    form : {"corrected", "published"}
        Whether weights are numbers, or differentiated like the rest as in the public code.
    pairs : Pairs
        Which negatives count less; see :class:`tsrep.losses.contrast.Pairs`.

    References
    ----------
    Zheng et al., "Contrastive Attraction and Contrastive Repulsion for Representation Learning", TMLR 2023.
    Negatives are rows of all other views; the public code takes each pair of views in one direction.
    """

    def __init__(
        self,
        positive_sharpness: Sharpness = 1.0,
        negative_sharpness: Sharpness = 1.0,
        attraction: Weight = 1.0,
        repulsion: Weight = 1.0,
        by: Literal["sample", "label", "patient", "trial"] = "sample",
        form: Form = "corrected",
        pairs: Pairs = PLAIN,
    ) -> None:
        super().__init__(1.0, "cosine", pairs)
        self.detaches = form == "corrected"
        self.sharpness = positive_sharpness, -negative_sharpness
        self.attraction, self.repulsion, self.by, self.form = attraction, repulsion, by, form
        self.needs = self.needs | ({by} - {"sample"})

    def related(self, relation: Relation) -> Relation:
        """Views see other views; positives have the same id."""
        found = relation if self.by == "sample" else relation.changed(positives=Same(self.by))
        return found if found.view_pairs == "one-way" else found.changed(view_pairs="cross")

    def forward(
        self,
        z: Tensor,
        relation: Relation | None = None,
        *,
        bank: Tensor | None = None,
        draws: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Terms ``attraction`` and ``repulsion``; see :class:`tsrep.losses.loss.Loss`."""
        del draws
        pull, push = (differentiated(rows) for rows in (self._pull, self._push))
        return {
            "attraction": self.attraction * self.by_rows(z, relation, bank, pull),
            "repulsion": -self.repulsion * self.by_rows(z, relation, bank, push),
        }

    def _pull(self, s: Tensor, share: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        del weight
        return self._distance(s, share.to(s.dtype), self.sharpness[0])

    def _push(self, s: Tensor, share: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        return self._distance(s, (weight * (share <= 0)).to(s.dtype), self.sharpness[1])

    def _distance(self, s: Tensor, weight: Tensor, sharpness: float) -> tuple[Tensor, Tensor]:
        """Sum over rows of the weighted mean of squared distances, and the number of rows."""
        squared = 2 - 2 * s  # (row, candidate), of unit rows
        some = (weight > 0).any(1, keepdim=True)
        logs = torch.where(weight > 0, weight, 1).log() + sharpness * squared
        logs = logs.masked_fill((weight <= 0) & some, -torch.inf)  # a row without any must not yield NaN
        mass = logs.softmax(1)
        mass = mass if self.form == "published" else mass.detach()
        return (mass * squared * some).sum(), some.sum().to(s.dtype)

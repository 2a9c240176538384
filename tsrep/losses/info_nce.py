"""InfoNCE: one view asks, the other views answer; with a bank of past keys it is the loss of MoCo."""

from __future__ import annotations

from typing import Literal

from tsrep.losses.contrast import PLAIN, Contrast, Pairs
from tsrep.losses.kernel import Similarity
from tsrep.losses.relation import Relation
from tsrep.losses.similarity import Temperature
from tsrep.registry import LOSSES


@LOSSES.register("infonce")
class InfoNCE(Contrast):
    """Each row finds the sample's other view among the other views of all samples, and in a bank.

    The mean over i of ``-log(exp(cos(z_i, v_i) / tau) / sum_j exp(cos(z_i, v_j) / tau))``.

    Parameters
    ----------
    temperature : float
    directions : {"one-way", "both"}
        Whether the first view alone looks for the others, or each view does (CLIP).
    similarity : {"cosine", "dot"}
    pairs : Pairs
        Which negatives count less; see :class:`tsrep.losses.contrast.Pairs`.

    References
    ----------
    van den Oord et al., "Representation Learning with Contrastive Predictive Coding", 2018, equation 4; He
    et al., "Momentum Contrast", CVPR 2020, equation 1.
    """

    def __init__(
        self,
        temperature: Temperature = 0.1,
        directions: Literal["one-way", "both"] = "one-way",
        similarity: Similarity = "cosine",
        pairs: Pairs = PLAIN,
    ) -> None:
        super().__init__(temperature, similarity, pairs)
        self.directions = directions

    def related(self, relation: Relation) -> Relation:
        """Views see other views only."""
        one_way = self.directions == "one-way" or relation.view_pairs == "one-way"
        return relation.changed(view_pairs="one-way" if one_way else "cross")

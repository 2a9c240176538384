"""SupCon: samples of one class, patient or trial are positives of one another."""

from __future__ import annotations

from typing import Literal

from tsrep.losses.contrast import PLAIN, Contrast, Form, Pairs
from tsrep.losses.kernel import Kernel, Similarity
from tsrep.losses.relation import Relation, Same
from tsrep.losses.similarity import Learnable
from tsrep.registry import LOSSES


@LOSSES.register("supcon")
class SupCon(Contrast):
    """Each row finds all rows with its label, its sample's other views among them.

    The mean over rows of the mean over positives p of ``lse_{k != i} s_ik - s_ip``. Of several labels the
    share of each positive is the number that two samples have in common over the number that either has.

    Parameters
    ----------
    temperature : float or "learned"
    by : {"label", "patient", "trial"}
        What positives have in common.
    mean : {"outside", "inside"}
        Whether the mean over positives is taken outside or inside the logarithm.
    anchors : {"all", "first-view"}
    form : {"corrected", "published"}
        The public code counts a row without positive as 0 in the mean; here it is left out.
    similarity : {"cosine", "dot"}
    pairs : Pairs
        Which negatives count less; see :class:`tsrep.losses.contrast.Pairs`.

    References
    ----------
    Khosla et al., "Supervised Contrastive Learning", NeurIPS 2020, equations 2 and 3.
    """

    views = (1, None)

    def __init__(
        self,
        temperature: Learnable = 0.1,
        by: Literal["label", "patient", "trial"] = "label",
        mean: Literal["outside", "inside"] = "outside",
        anchors: Literal["all", "first-view"] = "all",
        form: Form = "corrected",
        similarity: Similarity = "cosine",
        pairs: Pairs = PLAIN,
    ) -> None:
        super().__init__(temperature, similarity, pairs)
        self.needs = self.needs | {by}
        self.by, self.asking = by, 1 if anchors == "first-view" else None
        self.kernel = Kernel(reduce="all-rows" if form == "published" else "rows", inside=mean == "inside")

    def related(self, relation: Relation) -> Relation:
        """Positives share the label."""
        return relation.changed(positives=Same(self.by), asking=self.asking)

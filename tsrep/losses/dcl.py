"""Decoupled contrast: the positive leaves the denominator."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from torch import Tensor

from tsrep.losses.contrast import PLAIN, Contrast, Form, Pairs
from tsrep.losses.gather import first_row, gather_rows
from tsrep.losses.kernel import Kernel, Similarity, rows_of
from tsrep.losses.relation import Relation
from tsrep.losses.similarity import Temperature
from tsrep.registry import LOSSES

DECOUPLED = Kernel(denominator="none")


@LOSSES.register("dcl")
class DCL(Contrast):
    """NT-Xent without the positive in the denominator, so that easy pairs of small batches still teach.

    Not bounded by zero: values say nothing beside those of NT-Xent.

    Parameters
    ----------
    temperature : float
    similarity : {"cosine", "dot"}
    pairs : Pairs
        Which negatives count less; see :class:`tsrep.losses.contrast.Pairs`.

    References
    ----------
    Yeh et al., "Decoupled Contrastive Learning", ECCV 2022.
    """

    def __init__(
        self, temperature: Temperature = 0.1, similarity: Similarity = "cosine", pairs: Pairs = PLAIN
    ) -> None:
        super().__init__(temperature, similarity, pairs)
        self.kernel = DECOUPLED


@LOSSES.register("dclw")
class DCLW(Contrast):
    """DCL whose positive terms are weighted, so that pairs that are alike already count less.

    The weight of a pair is ``2 - n softmax(cos / sigma)`` over the n pairs of the batch, 1 in the mean.

    Parameters
    ----------
    temperature : float
    sigma : float
        Temperature of the weights.
    form : {"corrected", "published"}
        A weight is a number and not negative, or it is differentiated like the rest and pushes a pair apart
        that holds more than ``2 / n`` of the softmax.
    pairs : Pairs
        Which negatives count less; see :class:`tsrep.losses.contrast.Pairs`.

    References
    ----------
    Yeh et al., "Decoupled Contrastive Learning", ECCV 2022.
    """

    views = (2, 2)
    keeps_positives = False  # what is weighted are the two views of a sample, whoever else is positive

    def __init__(
        self,
        temperature: Temperature = 0.1,
        sigma: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 0.5,
        form: Form = "corrected",
        pairs: Pairs = PLAIN,
    ) -> None:
        super().__init__(temperature, "cosine", pairs)
        self.detaches = form == "corrected"
        self.kernel, self.sigma, self.form = DECOUPLED, sigma, form

    def forward(
        self,
        z: Tensor,
        relation: Relation | None = None,
        *,
        bank: Tensor | None = None,
        draws: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Term ``contrast``; see :class:`tsrep.losses.loss.Loss`."""
        del draws
        terms = super().forward(z, relation, bank=bank)
        one, other = rows_of(z, "cosine")
        alike = (one * other).sum(1)  # (batch,)
        weight = self.weights(alike if self.form == "published" else alike.detach())
        # what the weights change of the positive terms, which both directions share
        return {"contrast": terms["contrast"] + ((1 - weight) * alike).mean() / self.temperature}

    def weights(self, alike: Tensor) -> Tensor:
        """Of the pairs of this rank by their cosines."""
        everyone = gather_rows(alike)
        share = len(everyone) * (everyone / self.sigma).softmax(0)  # (ranks * batch,)
        weight = 2 - share[first_row(len(alike)) :][: len(alike)]
        return weight if self.form == "published" else weight.clamp(min=0)

"""What the losses of one kernel share: a temperature, a similarity, and who counts how much as a negative."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field, NonNegativeInt
from torch import Tensor, nn

from tsrep.losses.gather import world_size
from tsrep.losses.kernel import Kernel, RowLoss, Similarity, candidates_of, contrasted, over_rows, rows_of
from tsrep.losses.loss import Loss
from tsrep.losses.relation import Apart, Lighter, Relation, Rule, Same, Samples
from tsrep.losses.similarity import Learnable
from tsrep.registry import Settings

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Form = Literal["corrected", "published"]
START, LEAST = 0.07, 0.01  # of a temperature that is learned


class Pairs(Settings):
    """Which negatives count less, or not at all.

    Attributes
    ----------
    same_patient : float
        Weight of other samples of a row's patient; 0 leaves them out, 1 is plain.
    exclusion_zone : int
        In steps. Windows of one patient whose starts are nearer are no negatives; 0 is off.
    """

    same_patient: Share = 1.0
    exclusion_zone: NonNegativeInt = 0

    def rules(self) -> tuple[Rule, ...]:
        """As rules of a relation."""
        patient: tuple[Rule, ...] = (Lighter("patient", self.same_patient),) if self.same_patient < 1 else ()
        return patient + ((Apart(self.exclusion_zone),) if self.exclusion_zone else ())

    @property
    def needs(self) -> frozenset[str]:
        """What it must know of samples."""
        return frozenset({"patient"} if self.same_patient < 1 or self.exclusion_zone else ())


PLAIN = Pairs()


class Contrast(Loss):
    """A loss that contrasts each row with candidates.

    Parameters
    ----------
    temperature : float or "learned"
        The logarithm of its inverse is a weight, beginning at that of 1 / 0.07; a temperature below 0.01 is
        taken for 0.01.
    similarity : {"cosine", "dot"}
    pairs : Pairs

    References
    ----------
    Radford et al., "Learning transferable visual models from natural language supervision", ICML 2021,
    section 2.5 (learned temperature).
    """

    takes_bank: ClassVar[bool] = True

    def __init__(self, temperature: Learnable, similarity: Similarity, pairs: Pairs) -> None:
        super().__init__()
        self._temperature, self.similarity, self.pairs = temperature, similarity, pairs
        if temperature == "learned":
            self.log_scale = nn.Parameter(torch.tensor(-math.log(START)))
        self.needs = self.needs | pairs.needs
        self.kernel = Kernel()

    @property
    def keeps_positives(self) -> bool:  # type: ignore[override]  # a fact of what the settings chose
        """See :class:`Loss`."""
        given = Relation(Samples.plain(1, torch.device("cpu")), positives=Same("trial"))
        return self.takes_bank and self.related(given).positives == given.positives

    @property
    def temperature(self) -> Any:
        """A number, or where it is learned a scalar tensor."""
        if self._temperature != "learned":
            return self._temperature
        return (-self.log_scale.clamp(max=-math.log(LEAST))).exp()

    def diagnostics(self) -> dict[str, Tensor]:
        """See :meth:`Loss.diagnostics`; a temperature that is learned."""
        return {"temperature": self.temperature} if self._temperature == "learned" else {}

    def related(self, relation: Relation) -> Relation:
        """The relation of the loss, made of that of the batch."""
        return relation

    def relation_of(self, z: Tensor, relation: Relation | None) -> Relation:
        """The whole relation, also where none is given."""
        plain = Relation(Samples.plain(z.shape[1] * world_size(), z.device)) if relation is None else relation
        return self.related(plain.changed(negatives=self.pairs.rules()))

    def forward(
        self,
        z: Tensor,
        relation: Relation | None = None,
        *,
        bank: Tensor | None = None,
        draws: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Term ``contrast``; see :class:`Loss`."""
        del draws
        value = contrasted(
            z,
            self.relation_of(z, relation),
            self.kernel,
            temperature=self.temperature,
            similarity=self.similarity,
            bank=bank,
        )
        return {"contrast": value}

    def by_rows(self, z: Tensor, relation: Relation | None, bank: Tensor | None, loss: RowLoss) -> Tensor:
        """The mean of another loss of similarities over the anchors of all ranks."""
        rows = rows_of(z, self.similarity)
        candidates = candidates_of(rows, None if bank is None else rows_of(bank, self.similarity))
        keys = 0 if bank is None else len(bank)
        return over_rows(rows / self.temperature, candidates, self.relation_of(z, relation), loss, keys)


def differentiated(loss: Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]) -> RowLoss:
    """A row loss whose derivative comes from automatic differentiation; ``loss`` gives sum and count."""

    def row_loss(s: Tensor, share: Tensor, weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        with torch.enable_grad():
            leaf = s.detach().requires_grad_()
            total, count = loss(leaf, share, weight)
            (slope,) = torch.autograd.grad(total, leaf)
        return total.detach(), count.detach(), slope

    return row_loss

"""Hard and debiased negatives."""

from __future__ import annotations

import math
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from tsrep.errors import ConfigError
from tsrep.losses.contrast import PLAIN, Contrast, Form, Pairs, differentiated
from tsrep.losses.relation import Relation
from tsrep.losses.similarity import Temperature
from tsrep.registry import LOSSES


@LOSSES.register("hcl")
class HCL(Contrast):
    """NT-Xent whose negatives count more the nearer they are, less the false ones that chance brings.

    Near samples of a biosignal are often of the same patient: leave those out with ``pairs.same_patient: 0``.
    With N negatives of similarity s and weights ``w = exp(beta s) / mean exp(beta s)`` a row costs
    ``log(1 + G exp(-s_p))``, ``G = (sum w exp(s) - tau_plus N exp(s_p)) / (1 - tau_plus)`` and at least
    ``N exp(-1 / temperature)``.

    Parameters
    ----------
    temperature : float
    beta : float
        Concentration on near negatives; with 0 all count alike.
    tau_plus : float
        Probability that two samples are of one class by chance; above 0 the temperature must be 0.2 or more,
        as nearly all rows are at the floor otherwise.
    form : {"corrected", "published"}
        Weights are numbers, or differentiated like the rest.
    pairs : Pairs
        Which negatives count less; see :class:`tsrep.losses.contrast.Pairs`.

    Raises
    ------
    ConfigError
        When the temperature is too low for ``tau_plus``.

    References
    ----------
    Robinson et al., "Contrastive Learning with Hard Negative Samples", ICLR 2021; Chuang et al.,
    "Debiased Contrastive Learning", NeurIPS 2020.
    """

    def __init__(
        self,
        temperature: Temperature = 0.5,
        beta: Annotated[float, Field(ge=0, le=5)] = 1.0,
        tau_plus: Annotated[float, Field(ge=0, lt=1)] = 0.1,
        form: Form = "corrected",
        pairs: Pairs = PLAIN,
    ) -> None:
        super().__init__(temperature, "cosine", pairs)
        self.detaches = form == "corrected"
        if tau_plus > 0 and temperature < 0.2:
            raise ConfigError(
                f"loss hcl at temperature {temperature:g} and tau_plus {tau_plus:g} leaves nearly all rows "
                "at its floor; raise the temperature to 0.2 or set tau_plus to 0"
            )
        self.beta, self.tau_plus, self.form = beta, tau_plus, form

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
        return {"contrast": self.by_rows(z, relation, bank, differentiated(self._rows))}

    def _rows(self, s: Tensor, share: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Sum over rows and positives, and the number of rows; shapes (row, candidate)."""
        positive = share > 0
        negative = (weight > 0) & ~positive
        valid = positive.any(1, keepdim=True) & negative.any(1, keepdim=True)
        wanted = (share * valid).to(s.dtype)
        wanted = wanted / wanted.sum(1, keepdim=True).clamp(min=torch.finfo(s.dtype).tiny)
        given = torch.where(negative, weight.to(s.dtype), 1).log()
        idle = ~negative & valid  # a row without negatives must not yield NaN
        count = (weight * negative).sum(1, keepdim=True).to(s.dtype).clamp(min=1).log()  # log N
        hard = self.beta * (s if self.form == "published" else s.detach())
        tilted = (s + hard + given).masked_fill(idle, -torch.inf).logsumexp(1, keepdim=True)
        level = (hard + given).masked_fill(idle, -torch.inf).logsumexp(1, keepdim=True)
        near = tilted - level + count  # log sum w exp(s), (row, 1)
        log_g = self._debiased(near, s, count)
        surprise = torch.where(positive & valid, F.softplus(log_g - s), 0)
        return (wanted * surprise).sum(), valid.sum().to(s.dtype)

    def _debiased(self, near: Tensor, s: Tensor, count: Tensor) -> Tensor:
        """log G of each positive, shape (row, candidate)."""
        floor = count - 1 / self.temperature
        if self.tau_plus == 0:
            return torch.maximum(near, floor)
        false = math.log(self.tau_plus) + count + s  # log of what false negatives bring
        above = false < near
        rest = torch.where(above, false - near, -1.0).exp()
        left = near + torch.log1p(-rest) - math.log1p(-self.tau_plus)
        return torch.where(above, torch.maximum(left, floor), floor)

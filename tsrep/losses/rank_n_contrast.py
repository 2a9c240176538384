"""Rank-N-Contrast: the order of distances follows that of a numeric target."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import NonNegativeInt
from torch import Tensor

from tsrep.losses.gather import gather_views
from tsrep.losses.loss import Loss
from tsrep.losses.relation import Relation, Samples
from tsrep.losses.similarity import Temperature, exact, single, unit_rows
from tsrep.losses.y_aware import target_of
from tsrep.registry import LOSSES

TOLERANCE = 1e-6


@LOSSES.register("rank-n-contrast")
class RankNContrast(Loss):
    """Each row finds every other among those whose target is at least as far from its own.

    Rows are all views; similarity is minus the distance over the temperature. Samples without a known target
    have no part.

    Parameters
    ----------
    temperature : float
        Of distances of rows as they are; of unit rows 0.1 to 0.5.
    rows : {"raw", "unit"}
    column : int
        Number of the target among those that the data give.
    form : {"corrected", "published"}
        Distances of targets within a millionth of their range are equal, or rounding decides.

    References
    ----------
    Zha et al., "Rank-N-Contrast", NeurIPS 2023.
    """

    needs = frozenset({"target"})
    views = (1, None)
    normalises: ClassVar[bool] = False

    def __init__(
        self,
        temperature: Temperature = 2.0,
        rows: Literal["raw", "unit"] = "raw",
        column: NonNegativeInt = 0,
        form: Literal["corrected", "published"] = "corrected",
    ) -> None:
        super().__init__()
        self.temperature, self.rows, self.column, self.form = temperature, rows, column, form

    def forward(
        self,
        z: Tensor,
        relation: Relation | None = None,
        *,
        bank: Tensor | None = None,
        draws: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Term ``contrast``; see :class:`Loss`."""
        del bank, draws
        seen = gather_views(single(z))  # (view, batch, dim)
        samples = Samples.plain(seen.shape[1], z.device) if relation is None else relation.samples
        target = target_of(samples, self.column).repeat(len(seen))
        known = target.isfinite()
        rows, target = seen.flatten(0, 1)[known], target[known]
        if len(rows) < 2:
            return {"contrast": seen.sum() * 0}
        with exact(z):
            value = self._contrast(unit_rows(rows) if self.rows == "unit" else rows, target)
        return {"contrast": value}

    def _contrast(self, rows: Tensor, target: Tensor) -> Tensor:
        """Mean over pairs, by sorting each row's others by the distance of their targets."""
        others = ~torch.eye(len(rows), dtype=torch.bool, device=rows.device)
        # by differences, as a product of rows loses the small distances
        distance = torch.cdist(rows, rows, compute_mode="donot_use_mm_for_euclid_dist")  # (row, row)
        s = -distance[others].view(len(rows), -1) / self.temperature  # (row, row - 1)
        gap = (target[:, None] - target).abs()[others].view(len(rows), -1)
        gap, order = gap.sort(dim=1, descending=True)
        s = s.gather(1, order)
        # of rows whose targets are as far or farther, which come first
        among = s.logcumsumexp(1).gather(1, self._last_of_ties(gap, target))
        return (among - s).mean()

    def _last_of_ties(self, gap: Tensor, target: Tensor) -> Tensor:
        """For each place in a falling row the last place that is as large."""
        slack = TOLERANCE * (target.max() - target.min()) if self.form == "corrected" else 0.0
        rising = -gap.contiguous()
        return torch.searchsorted(rising, rising + slack, right=True) - 1

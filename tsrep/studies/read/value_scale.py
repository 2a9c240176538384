"""The axis that values are drawn on: how far it goes, and where far-off values stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsrep.studies.read.trial_table import TrialTable

Array = NDArray[Any]
FENCE = 3.0  # interquartile ranges beyond the worse quartile that are still drawn in place


@dataclass(frozen=True)
class Scale:
    """Ends of the axis of values; worse values than its end are drawn on the edge.

    Attributes
    ----------
    low, high : float
    beyond : int
        Values on the edge.
    maximise : bool
    """

    low: float
    high: float
    beyond: int
    maximise: bool

    def place(self, values: Array) -> Array:
        """Values with those beyond moved to just inside the edge."""
        pad = 0.02 * (self.high - self.low)
        return np.clip(values, self.low + pad, self.high - pad)

    def off(self, values: Array) -> Array:
        """Whether each value lies beyond."""
        return np.asarray((values < self.low) | (values > self.high))

    @property
    def note(self) -> str:
        """A sentence on the values beyond, if there are any."""
        if not self.beyond:
            return ""
        one = self.beyond == 1
        return (
            f" {self.beyond} value{'' if one else 's'} far worse than the others {'is' if one else 'are'} "
            "drawn as a triangle on the edge."
        )


def value_scale(table: TrialTable) -> Scale:
    """The axis for complete trials and the baseline, without the room that a diverged trial would take."""
    values = table.complete["value"].to_numpy(float)
    loss = table.loss(values)
    if not len(loss):
        return Scale(0.0, 1.0, 0, table.maximise)
    low, high = np.quantile(loss, [0.25, 0.75])
    fence = high + FENCE * max(high - low, 1e-3 * abs(high), 1e-12)
    kept = loss[loss <= fence]
    ends = [*kept, *([table.loss(table.baseline)] if table.baseline is not None else [])]
    pad = 0.08 * (max(ends) - min(ends) or abs(ends[0]) or 1.0)
    first, last = min(ends) - pad, max(ends) + pad
    if table.maximise:
        first, last = -last, -first
    return Scale(float(first), float(last), int((loss > fence).sum()), table.maximise)

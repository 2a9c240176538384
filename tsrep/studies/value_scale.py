"""The axis that values are drawn on: how far it goes, what it is called, where far-off values stand."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from tsrep.inspect.style import ACCENT, MUTED, PALETTE
from tsrep.studies.study_wording import is_preset
from tsrep.studies.trial_table import TrialTable

Array = NDArray[Any]
PRESET = PALETTE[1]
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


def value_label(table: TrialTable, width: int = 46) -> str:
    """Name of the value on as many lines as it takes."""
    return textwrap.fill(table.value_name, width, break_on_hyphens=False)


def scatter(axes: Axes, scale: Scale, x: Array, y: Array, *, upright: bool = True, **look: Any) -> None:
    """Dots of values ``y`` (drawn across unless ``upright``); triangles on the edge for those beyond."""
    off, held = scale.off(y), scale.place(y)
    edge = {True: "^" if not scale.maximise else "v", False: ">" if not scale.maximise else "<"}[upright]
    for mask, mark in ((~off, look.get("marker", "o")), (off, edge)):
        if mask.any():
            style = _masked(look, mask) | {"marker": mark}
            axes.scatter(*((x[mask], held[mask]) if upright else (held[mask], x[mask])), **style)


def _masked(look: Mapping[str, Any], mask: Array) -> dict[str, Any]:
    return {name: v[mask] if isinstance(v, np.ndarray) else v for name, v in look.items()}


def baseline_line(axes: Axes, table: TrialTable, *, upright: bool = True) -> None:
    """A dashed line at the baseline, where there is one."""
    if table.baseline is None:
        return
    draw = axes.axhline if upright else axes.axvline
    draw(table.baseline, color=MUTED, lw=1.1, ls=(0, (4, 3)), zorder=1)


def preset(rows: pd.DataFrame) -> Array:
    """Whether each trial was asked for by name and not by the sampler."""
    return np.array([is_preset(origin) for origin in rows["origin"]], bool)


def trial_looks(rows: pd.DataFrame) -> dict[str, tuple[Array, dict[str, Any]]]:
    """Which rows to draw, and how, for each kind of trial that there is."""
    named = preset(rows)
    looks = {
        "sampled": (~named, {"color": ACCENT, "s": 16, "linewidths": 0, "alpha": 0.8}),
        "preset": (named, {"color": PRESET, "s": 30, "marker": "D", "linewidths": 0}),
    }
    return {name: (mask, look) for name, (mask, look) in looks.items() if mask.any()}

"""What the figures of a study share: dots, presets, the line of the baseline, the name of the value."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from tsrep.inspect.figures.style import ACCENT, MUTED, PALETTE
from tsrep.studies.read.trial_table import TrialTable
from tsrep.studies.read.value_scale import Scale
from tsrep.studies.read.wording import is_preset

Array = NDArray[Any]
PRESET = PALETTE[1]


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

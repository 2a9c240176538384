"""The value of each trial along each axis that it has active."""

from __future__ import annotations

import pandas as pd

from tsrep.studies.read.axis_names import varied
from tsrep.studies.read.missing import Missing
from tsrep.studies.read.trial_table import TrialTable


def slices(table: TrialTable) -> pd.DataFrame | Missing:
    """``axis``, ``setting``, ``ticket`` and ``value`` for each complete trial and axis active in it."""
    axes = varied(table)
    if not axes:
        return Missing("Slices need an axis with two different values among the complete trials.")
    rows = table.complete
    parts = [
        pd.DataFrame({
            "axis": axis.name, "setting": table.labels(axis) if axis.categorical else table.numbers(axis),
            "ticket": rows["ticket"], "value": rows["value"],
        }).astype({"setting": object})[table.active(axis)]
        for axis in axes
    ]  # fmt: skip
    return pd.concat(parts, ignore_index=True)

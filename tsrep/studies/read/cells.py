"""How values are spread within each level of each categorical axis."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tsrep.studies.read.axis_names import varied
from tsrep.studies.read.missing import Missing
from tsrep.studies.read.trial_table import Axis, TrialTable

COLUMNS = ["axis", "level", "trials", "best", "q25", "median", "q75", "worst"]


def cell_values(table: TrialTable) -> pd.DataFrame | Missing:
    """``axis``, ``level``, ``ticket`` and ``value`` of each complete trial in each categorical axis."""
    axes = _levels(table)
    if not axes:
        return Missing("No categorical axis has two levels with complete trials.")
    rows = table.complete
    parts = [
        pd.DataFrame({
            "axis": axis.name, "level": table.labels(axis), "ticket": rows["ticket"], "value": rows["value"],
        })[table.active(axis)]
        for axis in axes
    ]  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def cell_summary(table: TrialTable) -> pd.DataFrame | Missing:
    """Number, best, quartiles and worst of the values in each level, in the order of axes and levels."""
    found = cell_values(table)
    if isinstance(found, Missing):
        return found
    rows = []
    for axis in _levels(table):
        for level in table.levels(axis):
            values = found.loc[(found["axis"] == axis.name) & (found["level"] == level), "value"].to_numpy(
                float
            )
            ends = np.quantile(values, [0, 0.25, 0.5, 0.75, 1])
            rows.append((axis.name, level, len(values), *(ends[::-1] if table.maximise else ends)))
    return pd.DataFrame(rows, columns=COLUMNS)


def _levels(table: TrialTable) -> list[Axis]:
    return [axis for axis in varied(table) if axis.categorical]

"""How a study went: values in the order of tickets, and what trials reported while they ran."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tsrep.studies.read.missing import Missing
from tsrep.studies.read.trial_table import TrialTable

LEAST = 2


def history(table: TrialTable) -> pd.DataFrame | Missing:
    """``ticket``, ``state``, ``origin``, ``value`` and ``best`` so far."""
    if table.count("complete") < LEAST:
        return Missing("The history needs at least two complete trials.")
    found = table.frame[["ticket", "state", "origin", "value"]].copy()
    loss = table.loss(found["value"].to_numpy(float))
    found["best"] = table.loss(np.fmin.accumulate(loss))
    return found


def reports(table: TrialTable) -> pd.DataFrame | Missing:
    """``ticket``, ``state``, ``step`` and ``value`` as reported by trials that ended."""
    if table.intermediate.empty:
        return Missing("No trial reported a value while it ran.")
    if table.intermediate["step"].nunique() < LEAST:
        return Missing("Trials reported at a single step only.")
    return table.intermediate.merge(table.frame[["ticket", "state"]], on="ticket")

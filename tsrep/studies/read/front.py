"""Which trials no other trial beats in both cost and quality."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tsrep.studies.read.missing import Missing
from tsrep.studies.read.trial_table import TrialTable

Array = NDArray[Any]


def on_front(cost: Array, loss: Array) -> Array:
    """Whether each point is on the Pareto front of two things to be small.

    Parameters
    ----------
    cost, loss : float64 arrays, shape (trial,)

    Returns
    -------
    bool array, shape (trial,)
        Equal points are on it together.
    """
    found = np.zeros(len(cost), bool)
    least = np.inf
    for i in np.lexsort((loss, cost)):
        same = least == loss[i] and found[(cost == cost[i]) & (loss == loss[i])].any()
        found[i] = loss[i] < least or same
        least = min(least, loss[i])
    return found


def cost_table(table: TrialTable) -> pd.DataFrame | Missing:
    """Complete trials with what they cost and whether they are on the front, the cheapest first."""
    rows = table.complete
    rows = rows[np.isfinite(rows["seconds"].to_numpy(float)) & (rows["seconds"] > 0)]
    if len(rows) < 2:
        return Missing("Cost against quality needs at least two complete trials with their training time.")
    found = rows[["ticket", "origin", "seconds", "parameters", "value"]].copy()
    found["front"] = on_front(found["seconds"].to_numpy(float), table.loss(found["value"].to_numpy(float)))
    return found.sort_values(["seconds", "ticket"], ignore_index=True)

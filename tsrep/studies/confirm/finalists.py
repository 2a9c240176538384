"""What the confirmation says of each finalist and control: scores of seeds, and means task by task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pandas as pd

PAIRED = ("minus_random", "minus_random_low", "minus_random_high")
COLUMNS = (
    "finalist", "rank", "origin", "task", "seed", "metric",
    "validation", "test", "interval_low", "interval_high", "against", *PAIRED, "unit",
)  # fmt: skip
SUMMARY = (
    "finalist", "rank", "origin", "task", "metric", "unit", "seeds",
    "validation", "test", "low", "high", "against", *PAIRED, "spread",
)  # fmt: skip


@dataclass(frozen=True)
class Finalists:
    """Scores of the confirmation.

    Attributes
    ----------
    rows : DataFrame
        ``COLUMNS``: a row for each finalist, task, seed and metric. ``rank`` is that of the
        validation; ``origin`` is ``"control"`` for baselines. ``validation`` and ``test`` are of the same
        protocol and unit; the interval is that of the test score. ``minus_random`` is the mean test score
        minus that of ``against``, random initialisations of the same architecture, its interval from the
        same resamples.
    parameters : mapping of finalist to mapping of axis to value
        Settings of each finalist.
    rounds : int
        How often the test part was scored, each time for other finalists.
    current : bool
        Whether these are still the finalists of the study.
    """

    rows: pd.DataFrame
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    rounds: int = 1
    current: bool = True

    @cached_property
    def summary(self) -> pd.DataFrame:
        """Means over seeds: finalists in the order of their rank, then controls, for each task and metric.

        ``low`` and ``high`` are means of the seeds' intervals; ``spread`` is the standard deviation of the
        test score over seeds, NaN with one.
        """
        grouped = self.rows.groupby(["finalist", "task", "metric"], sort=False, dropna=False)
        found = grouped[["validation", "test", "interval_low", "interval_high", *PAIRED]].mean()
        found["spread"] = grouped["test"].std()
        found["seeds"] = grouped["test"].size()
        told = ["rank", "origin", "unit", "against"]
        found[told] = grouped[told].first()
        found = found.rename(columns={"interval_low": "low", "interval_high": "high"}).reset_index()
        ordered = found.sort_values("rank", kind="stable", ignore_index=True)  # controls, without rank, last
        return ordered[list(SUMMARY)]

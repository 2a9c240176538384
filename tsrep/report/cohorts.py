"""Scores of each cohort, as a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tsrep.report.contents import Contents
from tsrep.report.tables import Cell, Table, integer
from tsrep.report.wording import NOTHING, number

METRICS = {"auroc": "AUROC", "auprc": "AUPRC", "f1": "F1", "accuracy": "accuracy"}


def cohort_table(contents: Contents) -> Table:
    """A row for each cohort, method, protocol and part; without rows for a run on one cohort."""
    header = [Cell(name) for name in ("cohort", "method", "protocol", "part")]
    header += [Cell(title, numeric=True) for title in (*METRICS.values(), "classes", "patients")]
    scores = sorted(contents.cohorts, key=lambda one: (one["part"] != "test", one["protocol"], one["cohort"]))
    return Table("Scores of each cohort", tuple(header), [_row(one) for one in scores])


def _row(score: Mapping[str, Any]) -> tuple[Cell, ...]:
    named = (Cell(str(score[name])) for name in ("cohort", "method", "protocol", "part"))
    values = (_value(score["metrics"].get(name)) for name in METRICS)
    return *named, *values, integer(score["classes_scored"]), integer(score["patients"])


def _value(given: list[float | None] | None) -> Cell:
    value, low, high = given or (None, None, None)
    if value is None:
        return Cell(NOTHING, numeric=True)
    below = "" if low is None or high is None else f"{number(low)} to {number(high)}"
    return Cell(number(value), below, numeric=True)

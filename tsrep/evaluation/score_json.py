"""Numbers of scores as JSON, which has no NaN."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from tsrep.evaluation.bootstrap import Interval


def nan_to_none(value: Any) -> Any:
    """The same nested values with None in place of NaN."""
    if isinstance(value, dict):
        return {key: nan_to_none(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [nan_to_none(inner) for inner in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def number(value: float | None) -> float:
    """A stored number, NaN where there is None."""
    return math.nan if value is None else float(value)


def numbers(stored: Mapping[str, float | None]) -> dict[str, float]:
    """Stored numbers by name."""
    return {name: number(value) for name, value in stored.items()}


def intervals(stored: Mapping[str, Mapping[str, float | None]]) -> dict[str, Interval]:
    """Stored intervals by name of the metric."""
    ends = ("value", "low", "high")
    return {name: Interval(*(number(entry[end]) for end in ends)) for name, entry in stored.items()}

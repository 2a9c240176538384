"""Names of axes as short as they can be told apart, and values as a reader wants them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from tsrep.studies.read.trial_table import Axis, TrialTable, level_name


def short_names(axes: Iterable[Axis]) -> dict[str, str]:
    """For each axis the shortest end of its path that no other axis has."""
    paths = {axis.name: axis.name.split(".") for axis in axes}
    return {
        name: _shortest(parts, [p for n, p in paths.items() if n != name]) for name, parts in paths.items()
    }


def _shortest(parts: list[str], others: Sequence[list[str]]) -> str:
    for k in range(1, len(parts) + 1):
        if all(other[-k:] != parts[-k:] for other in others):
            return ".".join(parts[-k:])
    return ".".join(parts)


def varied(table: TrialTable) -> tuple[Axis, ...]:
    """Axes with at least two different values among the complete trials that have them active."""
    return tuple(axis for axis in table.axes if len(_met(table, axis)) > 1)


def _met(table: TrialTable, axis: Axis) -> set[Any]:
    if axis.categorical:
        return set(table.levels(axis))
    numbers = table.numbers(axis)
    return set(numbers[np.isfinite(numbers)].tolist())


def value_name(value: Any, axis: Axis) -> str:
    """A value of an axis with three digits."""
    if axis.categorical:
        return level_name(value)
    return f"{int(value)}" if axis.kind == "int" else f"{float(value):.3g}"

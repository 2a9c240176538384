"""Which of many scores stand for a run; nothing here needs more of a score than its attributes."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, TypeVar

S = TypeVar("S")
LOWER_IS_BETTER = frozenset({"mse", "mae", "mase", "rmse", "brier", "ece"})
CONDITIONS = ("protocol", "part", "unit", "fraction", "subsample_by", "target")
_SUBSAMPLED = ("all", "patient", "record", "sample")


def headline(scores: Iterable[S], own: str) -> tuple[S, ...]:
    """The scores that stand for a run, one, or one at each horizon; none where nothing of it was scored.

    They are those of its own objective on the test part, under the protocol of the lowest rank, per record
    and with the most labels, as far as there is a choice.

    Parameters
    ----------
    scores : iterable of Score, or of what has its attributes
    own : str
        Name of the objective.
    """
    found: list[Any] = list(scores)
    trained = [s for s in found if s.role == "method" and math.isfinite(s.value)]
    best = min(trained, key=lambda s: (s.method != own, *_preference(s)), default=None)
    if best is None:
        return ()
    names = (*CONDITIONS, "method")
    return tuple(s for s in found if all(getattr(s, name) == getattr(best, name) for name in names))


def _preference(score: Any) -> tuple[float, ...]:
    return score.part != "test", score.rank, score.unit != "record", *labels_used(score)


def labels_used(score: Any) -> tuple[float, int]:
    """For sorting: by the fraction of labels, all of them first, then by what was subsampled."""
    by = _SUBSAMPLED.index(score.subsample_by) if score.subsample_by in _SUBSAMPLED else len(_SUBSAMPLED)
    return -score.fraction, by

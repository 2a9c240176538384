"""Which encoder is ahead on a data set, on the records that all of them were scored on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from tsrep.evaluation.bootstrap import Interval
from tsrep.evaluation.headline import LOWER_IS_BETTER
from tsrep.runs.compare.cells import Scored

UNDEFINED = Interval(math.nan, math.nan, math.nan)


@dataclass(frozen=True)
class Ranking:
    """Encoders on one data set, the best first; those that were trained on scored records are not in it.

    Attributes
    ----------
    values : dict of str to Interval
        The metric of each encoder on the records of all of them; what is not defined comes last.
    metric : str
    n : int
        Records that all were scored on.
    apart : dict of str to int
        Records that each was scored on, where they are not the same for all; else empty.
    """

    values: dict[str, Interval]
    metric: str
    n: int
    apart: dict[str, int]


def ranking_of(cells: Sequence[Scored], *, n_bootstrap: int = 1000, seed: int = 0) -> Ranking:
    """Rank encoders on one data set.

    Parameters
    ----------
    cells : sequence of Scored
        Of one data set and protocol with the most labels.
    n_bootstrap, seed : int
        Of the resamples of patients, where records in common must be scored by themselves.
    """
    clean = [each for each in cells if not each.cell.marked]
    scored = {each.cell.encoder: each.trials for each in clean}
    both = common(list(scored.values()))
    counts = {name: len(trials) for name, trials in scored.items()}
    apart = counts if any(count != len(both) for count in counts.values()) else {}
    metric = cells[0].score.metric
    values = {
        each.cell.encoder: _on(each, both, n_bootstrap, seed) if apart else each.score.metrics[metric]
        for each in clean
    }
    ranked = sorted(values.items(), key=lambda item: _place(item[1], metric))
    return Ranking(dict(ranked), metric, len(both), apart)


def common(trials: Sequence[np.ndarray]) -> np.ndarray:
    """Records of all, by their numbers in the data set."""
    return reduce(np.intersect1d, trials, trials[0]) if trials else np.zeros(0, np.int64)


def _on(each: Scored, trials: np.ndarray, n_bootstrap: int, seed: int) -> Interval:
    """The metric of a cell on some of its records."""
    if not len(trials):
        return UNDEFINED
    found = each.resampled(trials, n_bootstrap=n_bootstrap, seed=seed)
    return found.intervals().get(each.score.metric, UNDEFINED)


def _place(found: Interval, metric: str) -> float:
    if math.isnan(found.value):
        return math.inf
    return found.value if metric in LOWER_IS_BETTER else -found.value

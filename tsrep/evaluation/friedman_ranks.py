"""Methods compared over many data sets: mean accuracy, average ranks, and which differences hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
from scipy.stats import friedmanchisquare, rankdata, wilcoxon

from tsrep.errors import DataError
from tsrep.evaluation.arrays import Array
from tsrep.evaluation.comparison import holm

_DIGITS = 12  # accuracies equal to so many decimals are ties


@dataclass(frozen=True)
class Pair:
    """Two methods on the same data sets.

    Attributes
    ----------
    one, two : str
        ``one`` has the better average rank.
    wins, ties, losses : int
        Data sets on which ``one`` is better, equal and worse.
    difference : float
        Mean of ``one`` minus mean of ``two``.
    p : float
        Of the two-sided Wilcoxon signed-rank test over data sets.
    p_holm : float
        The same, corrected for all pairs.
    """

    one: str
    two: str
    wins: int
    ties: int
    losses: int
    difference: float
    p: float
    p_holm: float


@dataclass(frozen=True, eq=False)
class Comparison:
    """Methods over data sets, in the order of their average ranks, the best first.

    Attributes
    ----------
    methods, sets : tuples of str
    values : float64 array, shape (set, method)
        Larger is better, such as accuracy.
    ranks : float64 array, shape (set, method)
        1 is the best; ties share their average.
    friedman, friedman_p : float
        Chi-square statistic of equal methods and its p-value; NaN with fewer than three methods or two sets.
    pairs : tuple of Pair
    cliques : tuple of tuples of str
        Longest runs of methods, in the order of ranks, in which no pair differs at ``level``.
    level : float
    """

    methods: tuple[str, ...]
    sets: tuple[str, ...]
    values: Array
    ranks: Array
    friedman: float
    friedman_p: float
    pairs: tuple[Pair, ...]
    cliques: tuple[tuple[str, ...], ...]
    level: float

    @property
    def mean(self) -> dict[str, float]:
        """Mean value of each method over the sets."""
        return dict(zip(self.methods, self.values.mean(axis=0).tolist(), strict=True))

    @property
    def average_rank(self) -> dict[str, float]:
        """Average rank of each method over the sets."""
        return dict(zip(self.methods, self.ranks.mean(axis=0).tolist(), strict=True))


def compare(values: Mapping[str, Mapping[str, float]], *, level: float = 0.05) -> Comparison:
    """Compare methods over data sets.

    Parameters
    ----------
    values : mapping of method to mapping of data set to value
        Larger is better; every method has a value for every data set.
    level : float
        Of the corrected tests, below which two methods differ.

    Raises
    ------
    DataError
        When there are fewer than two methods, no sets, or a value is missing or not finite.

    Notes
    -----
    With few data sets little can be told: of nine sets the smallest p-value of one pair is 0.004, which
    ten pairs multiply to 0.04.

    References
    ----------
    Demsar, Statistical Comparisons of Classifiers over Multiple Data Sets, JMLR 7 (2006); the pairwise
    tests by Wilcoxon and Holm instead of Nemenyi after Benavoli et al., JMLR 17 (2016).
    """
    table, methods, sets = _table(values)
    ranks = rankdata(-table, axis=1)
    order = np.lexsort((-table.mean(axis=0), ranks.mean(axis=0)))
    table, ranks, methods = table[:, order], ranks[:, order], tuple(methods[i] for i in order)
    friedman, friedman_p = _friedman(table)
    pairs = _pairs(table, methods)
    differ = {(pair.one, pair.two) for pair in pairs if pair.p_holm < level}
    cliques = _cliques(methods, differ)
    return Comparison(methods, sets, table, ranks, friedman, friedman_p, pairs, cliques, level)


def _table(values: Mapping[str, Mapping[str, float]]) -> tuple[Array, tuple[str, ...], tuple[str, ...]]:
    methods = tuple(values)
    if len(methods) < 2:
        raise DataError(f"ranks compare at least two methods, not {len(methods)}")
    sets = tuple(dict.fromkeys(name for of_method in values.values() for name in of_method))
    if not sets:
        raise DataError("there is no data set to compare methods on; give at least one")
    for method, name in product(methods, sets):
        if not np.isfinite(values[method].get(name, np.nan)):
            raise DataError(f"method {method} has no value for data set {name}; score it or leave it out")
    table = np.array([[values[method][name] for method in methods] for name in sets])
    return np.round(table, _DIGITS), methods, sets


def _friedman(table: Array) -> tuple[float, float]:
    sets, methods = table.shape
    if methods < 3 or sets < 2 or (table == table[:, :1]).all():
        return np.nan, np.nan
    found = friedmanchisquare(*table.T)
    return float(found.statistic), float(found.pvalue)


def _pairs(table: Array, methods: Sequence[str]) -> tuple[Pair, ...]:
    found = list(combinations(range(len(methods)), 2))
    differences = [np.round(table[:, i] - table[:, j], _DIGITS) for i, j in found]
    p = [float(wilcoxon(d).pvalue) if d.any() else 1.0 for d in differences]
    return tuple(
        Pair(methods[i], methods[j], *_counts(d), float(d.mean()), single, float(corrected))
        for (i, j), d, single, corrected in zip(found, differences, p, holm(p), strict=True)
    )


def _counts(difference: Array) -> tuple[int, int, int]:
    """Wins, ties and losses."""
    return int((difference > 0).sum()), int((difference == 0).sum()), int((difference < 0).sum())


def _cliques(methods: Sequence[str], differ: set[tuple[str, str]]) -> tuple[tuple[str, ...], ...]:
    possible = [tuple(methods[i:j]) for i, j in combinations(range(len(methods) + 1), 2) if j - i > 1]
    runs = [run for run in possible if differ.isdisjoint(combinations(run, 2))]
    # a run inside another one says nothing new
    return tuple(run for run in runs if not any(set(run) < set(other) for other in runs))

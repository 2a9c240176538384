"""What each factor does: paired differences with intervals and tests corrected for their number."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsrep.evaluation.friedman_ranks import holm
from tsrep.rng import numpy_generator
from tsrep.studies.read.adjustment import expected_gaps
from tsrep.studies.read.axis_names import value_name, varied
from tsrep.studies.read.missing import Missing
from tsrep.studies.read.pairing import Pairs, pair_up
from tsrep.studies.read.trial_table import Axis, TrialTable

Array = NDArray[Any]
LEAST_PAIRS = 5  # of fewer no test can reach 5 %
N_BOOTSTRAP = 2000
_ALL_SIGNS = 12  # pairs up to which every sign pattern is tried
CAUTION = (
    "A sampler that learns chooses where to look from what it has seen, so this is no randomised design: "
    "trials of a level it liked tend to be better in other axes too. Pairs differ in those as far as their "
    "distance says, and a model can only roughly account for it. Read the intervals as a guide, the "
    "confirmation as the evidence."
)


@dataclass(frozen=True)
class Effect:
    """One level against the reference of its axis.

    Attributes
    ----------
    axis, level, reference : str
    pairs, exact : int
        Pairs of trials, and those among them that agree in all other axes.
    distance : float
        Mean Gower distance of the pairs over the other axes, 0 to 1.
    mean, low, high : float
        Mean difference, less what the other axes explain of it (:func:`expected_gaps`), and its 95 %
        bootstrap interval over pairs: percent of the value where values are errors relative to a
        baseline (from the mean difference of logarithms), else in units of the value.
    p, p_holm : float
        Of the two-sided sign-flip permutation test, and corrected for all tests of the study.
        Both are NaN with fewer than ``LEAST_PAIRS`` pairs, as are ``low`` and ``high``.
    """

    axis: str
    level: str
    reference: str
    pairs: int
    exact: int
    distance: float
    mean: float
    low: float
    high: float
    p: float
    p_holm: float


def paired_effects(
    table: TrialTable,
    *,
    references: Mapping[str, str] | None = None,
    n_bootstrap: int = N_BOOTSTRAP,
    seed: int = 0,
) -> list[Effect] | Missing:
    """Compare each level with the reference of its axis, and the upper half of a numeric axis with the lower.

    Parameters
    ----------
    table : TrialTable
    references : mapping of axis to level, optional
        By default ``off`` or ``none`` where an axis has such a level, else its first choice that was tried.
    resamples : int
        Of the bootstrap, and sign patterns of the permutation test.
    seed : int

    Returns
    -------
    list of Effect or Missing
        In the order of axes and levels.
    """
    found = [
        _effect(table, axis, level, reference, one, two, n_bootstrap, seed)
        for axis in varied(table)
        for level, reference, one, two in _groups(table, axis, references or {})
    ]
    if not any(effect.pairs >= LEAST_PAIRS for effect in found):
        n = len(table.complete)
        return Missing(
            f"Paired effects need a level and its reference with {LEAST_PAIRS} complete trials or more each; "
            f"with {n} complete trial{'s' if n != 1 else ''} no axis has them."
        )
    tested = [i for i, effect in enumerate(found) if math.isfinite(effect.p)]
    for i, corrected in zip(tested, holm([found[i].p for i in tested]), strict=True):
        found[i] = replace(found[i], p_holm=float(corrected))
    return found


def sign_flip_p(differences: Array, *, flips: int = N_BOOTSTRAP, generator: np.random.Generator) -> float:
    """Two-sided p-value of a zero mean when each difference could as well have the other sign.

    Up to 12 differences all sign patterns are tried; of more, ``flips`` random ones and the one observed.
    """
    n = len(differences)
    if n <= _ALL_SIGNS:
        signs = 1 - 2 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1)
    else:
        signs = 1 - 2 * generator.integers(0, 2, (flips, n))
        signs[0] = 1
    observed = abs(float(differences.mean()))
    return float((np.abs(signs @ differences) / n >= observed * (1 - 1e-12)).mean())


def _groups(
    table: TrialTable, axis: Axis, references: Mapping[str, str]
) -> Iterator[tuple[str, str, Array, Array]]:
    """Level and reference with the rows that have them."""
    if not axis.categorical:
        yield from _halves(table, axis)
        return
    labels, levels = table.labels(axis), table.levels(axis)
    reference = _reference(levels, references.get(axis.name))
    for level in levels:
        if level != reference:
            yield level, reference, np.flatnonzero(labels == level), np.flatnonzero(labels == reference)


def _reference(levels: list[str], wanted: str | None) -> str:
    return next(level for level in (wanted, "off", "none", levels[0]) if level in levels)


def _halves(table: TrialTable, axis: Axis) -> Iterator[tuple[str, str, Array, Array]]:
    numbers = table.numbers(axis)
    known = np.sort(numbers[np.isfinite(numbers)])
    middle = float(known[(len(known) - 1) // 2])
    if middle == known[-1]:  # the larger half is one value: split below it
        middle = float(known[known < middle][-1])
    text = value_name(middle, axis)
    yield (
        f"above {text}",
        f"up to {text}",
        np.flatnonzero(numbers > middle),
        np.flatnonzero(numbers <= middle),
    )


def _effect(
    table: TrialTable,
    axis: Axis,
    level: str,
    reference: str,
    one: Array,
    two: Array,
    n_bootstrap: int,
    seed: int,
) -> Effect:
    pairs = pair_up(table, axis, one, two)
    differences = _differences(table, axis, pairs)
    n = len(differences)
    mean, low, high, p = float(differences.mean()), math.nan, math.nan, math.nan
    if n >= LEAST_PAIRS:
        draw = numpy_generator("paired effects", seed, axis.name, level)
        spread = differences[draw.integers(0, n, (n_bootstrap, n))].mean(axis=1) - mean
        low, high = (mean + math.sqrt(n / (n - 1)) * float(q) for q in np.quantile(spread, [0.025, 0.975]))
        p = sign_flip_p(differences, flips=n_bootstrap, generator=draw)
    if table.relative:
        mean, low, high = (100 * math.expm1(value) for value in (mean, low, high))
    distance = float(pairs.distance.mean())
    return Effect(
        axis.name, level, reference, n, pairs.exact, distance, mean, low, high, p, math.nan
    )  # fmt: skip


def _differences(table: TrialTable, axis: Axis, pairs: Pairs) -> Array:
    values = table.complete["value"].to_numpy(float)
    if table.relative:
        values = np.log(values)
    return np.asarray(values[pairs.one] - values[pairs.two] - expected_gaps(table, axis, pairs, values))

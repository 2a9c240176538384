"""What each factor does: paired differences with intervals and tests corrected for their number."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tsrep.evaluation.comparison import holm
from tsrep.inspect.figures.style import (
    ACCENT,
    CONTROL,
    GRID,
    INK,
    MUTED,
    WIDTH,
    bare,
    house,
    limits,
    new_figure,
    shorten,
)
from tsrep.report import tables as report_tables
from tsrep.report.tables import Cell, Columns, Table, integer
from tsrep.report.wording import signed
from tsrep.rng import numpy_generator
from tsrep.studies.analyses import Analysis, Missing, Results, Shown
from tsrep.studies.analyses.pairing import expected_gaps, pair_up
from tsrep.studies.analyses.presentation import ends, grouped, interval, name_rows, p_text, right
from tsrep.studies.define.ranges import Array
from tsrep.studies.define.space import Parameter
from tsrep.studies.keep.trial_table import TrialTable
from tsrep.text import plural

Group = tuple[str, Array]
MIN_PAIRS = 5  # of fewer no test can reach 5 %
N_BOOTSTRAP = 2000
LEVEL = 0.05
_ALL_SIGNS = 12  # pairs up to which every sign pattern is tried


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
        Both are NaN with fewer than ``MIN_PAIRS`` pairs, as are ``low`` and ``high``.
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
    p_holm: float = math.nan


def paired_effects(table: TrialTable, *, n_bootstrap: int = N_BOOTSTRAP) -> list[Effect] | Missing:
    """Compare each level with the reference of its axis, and the upper half of a numeric axis with the lower.

    The reference is ``off`` or ``none`` where an axis has such a level, else its first choice that was tried.

    Parameters
    ----------
    table : TrialTable
    n_bootstrap : int
        Bootstrap samples, and sign patterns of the permutation test.

    Returns
    -------
    list of Effect or Missing
        In the order of axes and levels.
    """
    found = [
        _effect(table, axis, one, two, n_bootstrap)
        for axis in table.varied
        for one, two in (_levels if axis.range.choices else _halves)(table, axis)
    ]
    tested = [i for i, effect in enumerate(found) if math.isfinite(effect.p)]
    if not tested:
        return Missing(
            f"Paired effects need a level and its reference with {MIN_PAIRS} complete trials or more each; "
            f"with {plural(len(table.complete), 'complete trial')} no axis has them."
        )
    for i, corrected in zip(tested, holm([found[i].p for i in tested]), strict=True):
        found[i] = replace(found[i], p_holm=float(corrected))
    return found


def sign_flip_p(differences: Array, *, flips: int = N_BOOTSTRAP, generator: np.random.Generator) -> float:
    """Two-sided p-value of a zero mean when each difference could as well have the other sign.

    Up to 12 differences all sign patterns are tried; of more, ``flips`` random ones and the one observed.
    """
    n = len(differences)
    if n <= _ALL_SIGNS:
        signs = 1 - 2 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1)  # [pattern, pair]
    else:
        signs = 1 - 2 * generator.integers(0, 2, (flips, n))
        signs[0] = 1  # the pattern observed, so that p is never zero
    observed = abs(float(differences.mean()))
    return float((np.abs(signs @ differences) / n >= observed * (1 - 1e-12)).mean())


def shown(results: Results) -> Shown | Missing:
    """Paired effect of each level."""
    found = paired_effects(results.table)
    if isinstance(found, Missing):
        return found
    return Shown(
        "Mean difference between a level and the reference of its axis over pairs of trials that are as "
        "alike as can be in all other axes, less what an additive model of the other axes expects of "
        "the pair; bars are 95 % bootstrap intervals over pairs. Numeric axes are split at their "
        "median. Blue: significant, the sign-flip permutation test is below 5 % after Holm's correction. "
        "Open dots: too few pairs to test.",
        figure_effects(found, results.table),
        {"": pd.DataFrame([asdict(effect) for effect in found])},
        lead="A sampler that learns chooses where to look from what it has seen, so this is no randomised "
        "design: trials of a level it liked tend to be better in other axes too. Pairs differ in those as "
        "far as their distance says, and a model can only roughly account for it. Read the intervals as a "
        "guide, the confirmation as the evidence.",
        folded=[_table(found, results.table)],
    )


ANALYSES = (Analysis("effects", "Effect of each factor", 40, shown),)


def _levels(table: TrialTable, axis: Parameter) -> Iterator[tuple[Group, Group]]:
    """Each level and the reference, with the rows that have them."""
    labels, levels = table.labels(axis), table.levels(axis)
    reference = next(level for level in ("off", "none", levels[0]) if level in levels)
    rows = {level: np.flatnonzero(labels == level) for level in levels}
    for level in levels:
        if level != reference:
            yield (level, rows[level]), (reference, rows[reference])


def _halves(table: TrialTable, axis: Parameter) -> Iterator[tuple[Group, Group]]:
    """Rows above and up to the median."""
    numbers = table.numbers(axis)
    known = np.sort(numbers[np.isfinite(numbers)])
    middle = float(known[(len(known) - 1) // 2])
    if middle == known[-1]:  # the larger half is one value: split below it
        middle = float(known[known < middle][-1])
    text = axis.range.text(middle)
    yield (
        (f"above {text}", np.flatnonzero(numbers > middle)),
        (f"up to {text}", np.flatnonzero(numbers <= middle)),
    )


def _effect(table: TrialTable, axis: Parameter, one: Group, two: Group, n_bootstrap: int) -> Effect:
    (level, rows), (reference, others) = one, two
    pairs = pair_up(table, axis, rows, others)
    values = np.log(table.values) if table.relative else table.values
    differences = values[pairs.one] - values[pairs.two] - expected_gaps(table, axis, pairs, values)
    n = len(differences)
    mean, low, high, p = float(differences.mean()), math.nan, math.nan, math.nan
    if n >= MIN_PAIRS:
        draw = numpy_generator("paired effects", 0, axis.name, level)
        spread = differences[draw.integers(0, n, (n_bootstrap, n))].mean(axis=1) - mean  # [n_bootstrap]
        # a bootstrap mean of n pairs varies by (n - 1) / n of what a fresh sample's does
        low, high = (mean + math.sqrt(n / (n - 1)) * float(q) for q in np.quantile(spread, [0.025, 0.975]))
        p = sign_flip_p(differences, flips=n_bootstrap, generator=draw)
    if table.relative:
        mean, low, high = (100 * math.expm1(value) for value in (mean, low, high))
    distance = float(pairs.distance.mean())
    return Effect(axis.name, level, reference, n, pairs.exact, distance, mean, low, high, p)


@house
def figure_effects(effects: Sequence[Effect], table: TrialTable) -> Figure:
    """Dots with intervals, grouped by axis, numbers beside them; blue where significant."""
    figure = new_figure(WIDTH, 0.235 * len(effects) + 0.95)
    axes, beside = figure.subplots(1, 2, width_ratios=[1, 0.25])
    bare(beside)
    names = []
    for i, effect in enumerate(effects):
        first = not i or effects[i - 1].axis != effect.axis
        if i and first:
            axes.axhline(i - 0.5, color=GRID, lw=0.8)
        axis = f"{shorten(table.short[effect.axis], 22)}: " if first else ""
        names.append(f"{axis}{shorten(effect.level, 24)} − {shorten(effect.reference, 24)}")
        _plot_row(axes, beside, i, effect)
    axes.axvline(0, color=MUTED, lw=1.0, zorder=1)
    name_rows(axes, names)
    known = np.array([(0.0, effect.low, effect.mean, effect.high) for effect in effects])
    axes.set_xlim(*limits(known, room=0.05))
    better = "right" if table.maximise else "left"
    unit = "change of the value in percent" if table.relative else "difference of the value"
    axes.set_xlabel(f"{unit} against the reference; better is {better}")
    beside.set_ylim(axes.get_ylim())
    for x, head in ((0.0, "pairs (exact)"), (0.68, "p, Holm")):
        beside.text(x, -0.75, head, fontsize=7.5, color=MUTED)
    return figure


def _plot_row(axes: Axes, beside: Axes, i: int, effect: Effect) -> None:
    significant = effect.p_holm < LEVEL
    colour = ACCENT if significant else CONTROL
    face = colour if math.isfinite(effect.p) else "white"
    interval(axes, i, effect.low, effect.mean, effect.high, colour, face)
    pairs, test = f"{effect.pairs} ({effect.exact})", p_text(effect.p_holm)
    for x, text, ink in ((0.0, pairs, MUTED), (0.68, test, INK if significant else MUTED)):
        beside.text(x, i, text, fontsize=7.5, color=ink, va="center_baseline")


def _table(effects: Sequence[Effect], table: TrialTable) -> Table:
    digits, unit = (1, " %") if table.relative else (4, "")
    columns: Columns[Effect] = {
        "axis": lambda e: Cell(e.axis),
        "level": lambda e: Cell(e.level),
        "reference": lambda e: Cell(e.reference),
        "effect": lambda e: Cell(
            f"{signed(e.mean, digits)}{unit}", ends(e.low, e.high, digits), True, e.p_holm < LEVEL
        ),
        "p": lambda e: right(p_text(e.p)),
        "p, Holm": lambda e: right(p_text(e.p_holm)),
        "pairs": lambda e: integer(e.pairs),
        "exact": lambda e: integer(e.exact),
        "mean distance": lambda e: right(e.distance, 2),
    }
    return grouped(report_tables.table("Paired effects", effects, columns))

"""Which differences of a comparison are significant, corrected for their number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from tsrep.evaluation.comparison import holm
from tsrep.evaluation.difference import Difference, paired_difference
from tsrep.evaluation.headline import LOWER_IS_BETTER
from tsrep.runs.compare.cells import Scored
from tsrep.runs.compare.ranking import common
from tsrep.signals.panel import Ints

ALPHA = 0.05


@dataclass(frozen=True)
class Verdict:
    """A difference, and whether it is significant among all of its family.

    Attributes
    ----------
    dataset, encoder : str
    against : str
        Another encoder, or what random initialisations are called.
    difference : Difference
        ``encoder`` minus ``against``.
    adjusted_p : float
        By Holm over the family; of the primary contrast the p value itself.
    primary : bool
        Whether it was named before scoring.
    metric : str
    n : int
        Records that both were scored on.
    """

    dataset: str
    encoder: str
    against: str
    difference: Difference
    adjusted_p: float
    primary: bool
    metric: str
    n: int

    @property
    def word(self) -> str:
        """``"better"``, ``"worse"``, ``"not significant"`` or ``"no interval"``."""
        found = self.difference
        if math.isnan(found.low) or math.isnan(self.adjusted_p):
            return "no interval"
        if found.low <= 0 <= found.high or self.adjusted_p > ALPHA:
            return "not significant"
        return "better" if (found.value > 0) != (self.metric in LOWER_IS_BETTER) else "worse"


def against_random(cells: Sequence[Scored], primary: str = "") -> list[Verdict]:
    """Each encoder against random initialisations of its own architecture, one family over all data sets.

    Parameters
    ----------
    cells : sequence of Scored
        Of one protocol with the most labels. Those whose scored recordings were trained on take no part.
    primary : str
        Encoder whose gain on the first data set is not corrected for the others.
    """
    rows = [
        (each, found) for each in cells if not each.cell.marked and (found := each.score.gain) is not None
    ]
    named = primary, cells[0].cell.dataset if cells else ""
    places = [(each.cell.encoder, each.cell.dataset) for each, _ in rows]
    first = places.index(named) if named in places else None
    adjusted = holm([found.p for _, found in rows], primary=first)
    return [
        Verdict(
            each.cell.dataset,
            each.cell.encoder,
            each.score.against,
            found,
            float(p),
            k == first,
            each.score.metric,
            each.score.n,
        )
        for k, ((each, found), p) in enumerate(zip(rows, adjusted, strict=True))
    ]


def between_encoders(cells: Sequence[Scored], *, n_bootstrap: int = 1000, seed: int = 0) -> list[Verdict]:
    """Every pair of encoders on each data set, one family over all data sets.

    The better of each pair comes first. All pairs are in the family, so that none is chosen by its outcome.
    There is no interval where two were scored on other draws of labels, or on no record in common.

    Parameters
    ----------
    cells : sequence of Scored
        Of one protocol with the most labels. Those whose scored recordings were trained on take no part.
    n_bootstrap, seed : int
        Of the resamples of patients, the same for all pairs.
    """
    found = []
    for dataset in dict.fromkeys(each.cell.dataset for each in cells):
        clean = [each for each in cells if each.cell.dataset == dataset and not each.cell.marked]
        for one, two in combinations(clean, 2):
            found.append(_pair(*_in_order(one, two), n_bootstrap, seed))
    adjusted = holm([verdict.difference.p for verdict in found])
    return [
        Verdict(v.dataset, v.encoder, v.against, v.difference, float(p), False, v.metric, v.n)
        for v, p in zip(found, adjusted, strict=True)
    ]


def _in_order(one: Scored, two: Scored) -> tuple[Scored, Scored]:
    ahead = (one.score.value >= two.score.value) != one.score.lower_is_better
    return (one, two) if ahead else (two, one)


def _pair(one: Scored, two: Scored, n_bootstrap: int, seed: int) -> Verdict:
    """A difference on the records that both were scored on, the better first."""
    both = common([one.trials, two.trials])
    found = _difference(one, two, both, n_bootstrap, seed)
    if (found.value > 0) if one.score.lower_is_better else (found.value < 0):
        one, two = two, one  # ahead on its own records, and behind on those of both
        found = _difference(one, two, both, n_bootstrap, seed)
    names = one.cell.encoder, two.cell.encoder
    return Verdict(one.cell.dataset, *names, found, math.nan, False, one.score.metric, len(both))


def _difference(one: Scored, two: Scored, trials: Ints, n_bootstrap: int, seed: int) -> Difference:
    if not len(trials) or one.predictions.draws != two.predictions.draws:
        return Difference(math.nan, math.nan, math.nan)
    sides = (each.resampled(trials, n_bootstrap=n_bootstrap, seed=seed) for each in (one, two))
    return paired_difference(*sides, trained=True)[one.score.metric]

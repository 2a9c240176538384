"""What the scores of a run show: which of them stand for it, and whether differences are significant."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from tsrep.evaluation.bootstrap import Interval
from tsrep.evaluation.scores import Role, Score, Scores
from tsrep.report.contents import Contents
from tsrep.report.wording import (
    apart_from_zero,
    digits_of,
    interval,
    listed,
    number,
    short_name,
    signed,
)

Significance = Literal["better", "worse", "not significant", "no interval"]
_ROLES: tuple[Role, ...] = get_args(Role)
_SUBSAMPLED = ("all", "patient", "record", "sample")
_CONDITIONS = ("protocol", "part", "unit", "fraction", "subsample_by")


@dataclass(frozen=True)
class Verdict:
    """A sentence on what was trained, and its tone."""

    sentence: str
    tone: Literal["better", "open", "worse"]


def significance(found: Interval | None, *, lower_is_better: bool) -> Significance:
    """What the interval of a difference says."""
    if found is None or math.isnan(found.low) or math.isnan(found.high):
        return "no interval"
    if found.low <= 0 <= found.high:
        return "not significant"
    return "better" if (found.high < 0) == lower_is_better else "worse"


def main_scores(contents: Contents) -> tuple[Score, ...]:
    """The scores that stand for the run, one, or one at each horizon; none where it was not evaluated.

    They are those of its own objective on the test part, under the protocol of the lowest rank, per record
    and with the most labels, as far as there is a choice.
    """
    own = [s for s in contents.scores if s.role == "method" and math.isfinite(s.value)]
    best = min(own, key=lambda s: (s.method != contents.objective, *_preference(s)), default=None)
    return () if best is None else tuple(beside(contents.scores, best).where(method=best.method))


def _preference(score: Score) -> tuple[float, ...]:
    by = _SUBSAMPLED.index(score.subsample_by) if score.subsample_by in _SUBSAMPLED else len(_SUBSAMPLED)
    return float(score.part != "test"), score.rank, float(score.unit != "record"), -score.fraction, by


def mean_value(scores: Iterable[Score]) -> float:
    """Mean of the primary metric, such as over horizons; NaN where one is not defined."""
    values = [score.value for score in scores]
    return math.fsum(values) / len(values)


def beside(scores: Scores, score: Score) -> Scores:
    """All scores that were taken under the same conditions."""
    return scores.where(**{name: getattr(score, name) for name in _CONDITIONS})


def compared(contents: Contents) -> Scores:
    """All scores under the conditions of the main ones; where nothing was trained, of the first one."""
    first = next(iter((*main_scores(contents), *contents.scores)), None)
    return contents.scores if first is None else beside(contents.scores, first)


def in_order(scores: Scores, first: str = "") -> list[str]:
    """Methods, controls and baselines, in each role the best first.

    Parameters
    ----------
    scores : Scores
        Of one protocol on one part.
    first : str
        A method that comes before all others.
    """

    def place(method: str) -> tuple[bool, int, float]:
        own = tuple(scores.where(method=method))
        worse = mean_value(own) * (1 if own[0].lower_is_better else -1)
        return method != first, _ROLES.index(own[0].role), math.inf if math.isnan(worse) else worse

    return sorted(scores.methods, key=place)


def verdicts(contents: Contents) -> list[Verdict]:
    """Whether training beats its control, and whether a baseline beats what was trained, said plainly."""
    main = main_scores(contents)
    if not main:
        return []
    found = [_gain_verdict(main), _baseline_verdict(compared(contents), main)]
    return [verdict for verdict in found if verdict is not None]


def _gain_verdict(main: Sequence[Score]) -> Verdict | None:
    scores = [score for score in main if score.gain is not None]
    if not scores:
        return None
    at: dict[Significance, list[int]] = {name: [] for name in get_args(Significance)}
    for score in scores:
        at[significance(score.gain, lower_is_better=score.lower_is_better)].append(score.horizon)
    n, better, worse = len(scores), len(at["better"]), len(at["worse"])
    if len(at["no interval"]) == n:
        return Verdict(
            f"No interval of the difference to {scores[0].against} was computed"
            f"{f'; it is {_size(scores[0])}' if n == 1 else ''}.",
            "open",
        )
    evidence = _single(scores[0]) if len(main) == 1 else _tally(scores, at)
    tone: Literal["better", "open", "worse"] = "open"
    if better * 2 > n and not worse:
        tone = "better"
    if worse * 2 > n and not better:
        tone = "worse"
    return Verdict(f"{_opening(n, better, worse, scores[0].against)}: {evidence}.", tone)


def _opening(n: int, better: int, worse: int, control: str) -> str:
    if better == n:
        return f"Training beats {control}"
    if better and worse:
        return f"Training beats {control} at some horizons and loses at others"
    if better:
        return f"Training beats {control} at some horizons only"
    if worse:
        return f"Training does not help here; it ends behind {control}"
    return f"Training does not measurably beat {control}"


def _size(score: Score) -> str:
    assert score.gain is not None
    return f"{signed(score.gain.value)} {short_name(score.metric)}"


def _single(score: Score) -> str:
    assert score.gain is not None
    word = significance(score.gain, lower_is_better=score.lower_is_better)
    places = apart_from_zero(score.gain, digits_of([score]))
    spread = interval(score.gain, lambda v: signed(v, places))
    return f"{_size(score)} (95 % interval {spread}{', not significant' * (word == 'not significant')})"


def _tally(scores: Sequence[Score], at: dict[Significance, list[int]]) -> str:
    n, known = len(scores), [word for word, horizons in at.items() if horizons]
    told = listed(_at(word, at[word], n, every=word == known[0]) for word in known)
    mean = math.fsum(s.gain.value for s in scores if s.gain is not None) / n
    return (
        f"{told}, by paired 95 % intervals of the {scores[0].part} {short_name(scores[0].metric)} "
        f"(mean difference {signed(mean, digits_of(scores))})"
    )


def _at(word: str, horizons: Sequence[int], n: int, *, every: bool = True) -> str:
    """``better at 2 of 5 horizons (24, 48)``; the number of all horizons is told once in a sentence."""
    which = f" ({', '.join(map(str, horizons))})" if 0 < len(horizons) < n else ""
    return f"{word} at {len(horizons)}{f' of {n} horizons' if every else ''}{which}"


def _baseline_verdict(scores: Scores, main: Sequence[Score]) -> Verdict | None:
    """Baselines have no paired interval against what was trained, so that only the values are told."""
    first = main[0]
    sign, word = (1, "lower") if first.lower_is_better else (-1, "higher")
    baselines = in_order(scores.where(role="baseline"))
    if not baselines:
        return None
    means = {name: mean_value(scores.where(method=name)) for name in (first.method, *baselines)}
    own = {s.horizon: s.value for s in main}
    ahead = [name for name in baselines if sign * means[name] < sign * means[first.method]]
    at = [s.horizon for s in scores.where(method=baselines[0]) if sign * s.value < sign * own[s.horizon]]
    what = f"{'mean ' * (len(own) > 1)}{first.part} {short_name(first.metric)}"
    where = f"{baselines[0]} is {_at(word, at, len(own))}"
    if ahead:
        values = {name: number(mean, digits_of(main)) for name, mean in means.items()}
        told = listed(f"{name} {values[name]}" for name in ahead)
        detail = f"; {where}" if len(own) > 1 else ""
        return Verdict(
            f"Baselines without an encoder have a {word} {what}: {told}, {first.method} "
            f"{values[first.method]}{detail}.",
            "worse",
        )
    if at:
        return Verdict(
            f"{first.method} has a {word} {what} than every baseline without an encoder, but {where}.", "open"
        )
    return None

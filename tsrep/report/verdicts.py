"""What the scores of a run show: which of them stand for it, and whether differences are significant."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from tsrep.evaluation.comparison import holm
from tsrep.evaluation.difference import Difference
from tsrep.evaluation.forecasts.details import ForecastDetails
from tsrep.evaluation.headline import CONDITIONS, headline
from tsrep.evaluation.power import has_variance
from tsrep.evaluation.scores import Role, Score, Scores
from tsrep.report.contents import Contents
from tsrep.report.power import power_sentence
from tsrep.report.wording import (
    apart_from_zero,
    digits_of,
    interval,
    listed,
    number,
    p_value,
    short_name,
    signed,
)

Significance = Literal["better", "worse", "not significant", "no interval"]
ALPHA = 0.05
ENOUGH_PATIENTS = 30  # for an interval over patients
ROLES: tuple[Role, ...] = get_args(Role)


@dataclass(frozen=True)
class Verdict:
    """A sentence on what was trained, and its tone."""

    sentence: str
    tone: Literal["better", "open", "worse", "doubt"]


def significance(score: Score, p: float = math.nan) -> Significance:
    """What the interval of the difference to the control says, and the p value adjusted for several of them.

    Parameters
    ----------
    score : Score
    p : float
        Of :func:`adjusted`; NaN where the difference stands alone.
    """
    found = score.gain
    if found is None or math.isnan(found.low) or math.isnan(found.high):
        return "no interval"
    if found.low <= 0 <= found.high or p > ALPHA:
        return "not significant"
    return "better" if (found.high < 0) == score.lower_is_better else "worse"


def adjusted(scores: Iterable[Score], primary: Score | None = None) -> list[float]:
    """P values of differences to the control that stand together, adjusted for their number.

    Parameters
    ----------
    scores : iterable of Score
    primary : Score, optional
        The one named before scoring, which is not adjusted; by rule it is the main score of a run.
    """
    found = list(scores)
    p_values = [math.nan if score.gain is None else score.gain.p for score in found]
    first = next((i for i, score in enumerate(found) if score is primary), None)
    adjusted_p: list[float] = holm(p_values, primary=first).tolist()
    return adjusted_p


def words_of(contents: Contents, main: Sequence[Score]) -> list[Significance]:
    """Significance of the main scores; of several, such as horizons, with the others beside them."""
    rows = [score for score in compared(contents).where(role="method") if score.gain is not None]
    p_values = adjusted(rows, main[0] if len(main) == 1 else None)
    told = {score.identity: p for score, p in zip(rows, p_values, strict=True)}
    return [significance(score, told.get(score.identity, math.nan)) for score in main]


def few_patients(score: Score) -> list[str]:
    """What a reader of intervals should know of so few patients; nothing where they are not few."""
    if not 0 < score.patients < ENOUGH_PATIENTS:
        return []
    return [f"Only {score.patients} patients were scored; the intervals are wide and uncertain."]


def main_scores(contents: Contents) -> tuple[Score, ...]:
    """The scores that stand for the run; see :func:`tsrep.evaluation.headline.headline`."""
    return headline(contents.scores, contents.objective)


def mean_value(scores: Iterable[Score]) -> float:
    """Mean of the primary metric, such as over horizons; NaN where one is not defined."""
    values = [score.value for score in scores]
    return math.fsum(values) / len(values)


def beside(scores: Scores, score: Score) -> Scores:
    """All scores that were taken under the same conditions."""
    return scores.where(**{name: getattr(score, name) for name in CONDITIONS})


def compared(contents: Contents) -> Scores:
    """All scores under the conditions of the main ones; where nothing was trained, of the first one."""
    first = next(iter((*main_scores(contents), *contents.scores)), None)
    return contents.scores if first is None else beside(contents.scores, first)


def details_of(scores: Scores) -> ForecastDetails | None:
    """Errors by step and channel, and examples, of the part that scores are of."""
    return scores.forecasts.get(scores.scores[0].part) if len(scores) else None


def network_of(contents: Contents) -> str:
    """What was trained and scored."""
    details = details_of(compared(contents))
    return "forecaster" if details is not None and details.direct else "encoder"


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
        return method != first, ROLES.index(own[0].role), math.inf if math.isnan(worse) else worse

    return sorted(scores.methods, key=place)


def verdicts(contents: Contents) -> list[Verdict]:
    """Whether training beats its control, and whether a baseline beats what was trained, said plainly."""
    against = baseline_verdict(contents)
    return [*training_verdicts(contents), *([against] if against and against.tone != "better" else [])]


def training_verdicts(contents: Contents) -> list[Verdict]:
    """Whether training beats its control, and what a gain that is not significant would need.

    Nothing is said of recordings that were scored although the encoder had seen them.
    """
    main = main_scores(contents)
    if not main or _seen(main):
        return []
    found = [_gain_verdict(contents, main), _power_verdict(contents, main)]
    return [verdict for verdict in found if verdict is not None]


def baseline_verdict(contents: Contents) -> Verdict | None:
    """How what was trained stands to baselines without an encoder; None where there are none."""
    main = main_scores(contents)
    return None if not main or _seen(main) else _baseline_verdict(compared(contents), main)


def _seen(main: Sequence[Score]) -> bool:
    """Whether recordings were scored although the encoder had seen them."""
    return any(score.contamination.get("kept") for score in main)


def _gain_verdict(contents: Contents, main: Sequence[Score]) -> Verdict | None:
    scores = [score for score in main if score.gain is not None]
    gains = [found for score in scores if (found := score.gain) is not None]
    if not gains:
        return None
    words, first, digits = words_of(contents, scores), scores[0], digits_of(scores)
    n, better, worse = len(words), words.count("better"), words.count("worse")
    size = signed(math.fsum(found.value for found in gains) / n, digits)
    if words.count("no interval") == n:
        told = f"; it is {size} {short_name(first.metric)}" if n == 1 else ""
        few = ": one of them does not tell how far they differ" * (gains[0].against_seeds == 1)
        return Verdict(f"No interval of the difference to {_control(first)} was computed{few}{told}.", "open")
    if len(main) == 1:
        told = f"{size} {short_name(first.metric)} ({_evidence(gains[0], digits, words[0])})"
    else:
        told = (
            f"{_tally(words, [score.horizon for score in scores])}, by 95 % intervals of the {first.part} "
            f"{short_name(first.metric)} over {gains[0].covers} and Holm's correction for "
            f"{n} horizons (mean difference {size})"
        )
    return Verdict(
        f"{_opening(n, better, worse, first)}: {told}.",
        "better" if better * 2 > n and not worse else "worse" if worse * 2 > n and not better else "open",
    )


def _power_verdict(contents: Contents, main: Sequence[Score]) -> Verdict | None:
    """What the first gain that is not significant would need, where there is one at all."""
    scores = [score for score in main if score.gain is not None and round(score.gain.value, digits_of(main))]
    for score, word in zip(scores, words_of(contents, scores), strict=True):
        if word == "not significant" and has_variance(score):
            return Verdict(power_sentence(score), "open")
    return None


def _evidence(found: Difference, digits: int, word: Significance) -> str:
    """``95 % interval +0.050 to +0.150 over patients and training seeds, p = 0.002``."""
    places = apart_from_zero(found, digits)
    over = f" over {found.covers}" if found.covers else ""
    p = "" if math.isnan(found.p) else f", p {p_value(found.p, equals=True)}"
    spread = interval(found, lambda v: signed(v, places))
    return f"95 % interval {spread}{over}{p}{', not significant' * (word == 'not significant')}"


def _control(score: Score) -> str:
    """What the main score is compared with; one encoder is with the distribution of others like it."""
    one = score.gain is not None and score.gain.of_one_encoder
    return f"{score.against}s of its architecture" if one else score.against


def _opening(n: int, better: int, worse: int, score: Score) -> str:
    assert score.gain is not None
    one, control = score.gain.of_one_encoder, _control(score)
    who = "This encoder" if one else f"Training by {score.method}"
    if better and worse:
        return f"{who} beats {control} at some horizons and loses at others"
    if better:
        return f"{who} beats {control}{' at some horizons only' * (better < n)}"
    if worse:
        return f"{who} ends behind {control}"
    return f"{who} does not measurably beat {control}"


def _tally(words: Sequence[Significance], horizons: Sequence[int]) -> str:
    """``better at 2 of 5 horizons (24, 48) and not significant at 3 (168, 336, 720)``."""
    told: list[str] = []
    for word in get_args(Significance):
        if at := [horizon for own, horizon in zip(words, horizons, strict=True) if own == word]:
            told.append(_at(word, at, len(words), every=not told))
    return listed(told)


def _at(word: str, horizons: Sequence[int], n: int, *, every: bool = True) -> str:
    """The number of all horizons is told once in a sentence."""
    which = f" ({', '.join(map(str, horizons))})" if len(horizons) < n else ""
    return f"{word} at {len(horizons)}{f' of {n} horizons' if every else ''}{which}"


def _baseline_verdict(scores: Scores, main: Sequence[Score]) -> Verdict | None:
    """Baselines have no paired interval against what was trained, so that only the values are told."""
    first, own = main[0], {score.horizon: score.value for score in main}
    sign, word = (1, "lower") if first.lower_is_better else (-1, "higher")
    baselines = in_order(scores.where(role="baseline"))
    if not baselines:
        return None
    means = {name: mean_value(scores.where(method=name)) for name in (first.method, *baselines)}
    values = {name: number(mean, digits_of(main)) for name, mean in means.items()}
    ahead = [name for name in baselines if sign * means[name] < sign * means[first.method]]
    at = [s.horizon for s in scores.where(method=baselines[0]) if sign * s.value < sign * own[s.horizon]]
    those = "every baseline" if len(baselines) > 1 else "the baseline"
    what = f"{word} {'mean ' * (len(own) > 1)}{first.part} {short_name(first.metric)}"
    where = f"{baselines[0]} is {_at(word, at, len(own))}"
    if ahead:
        told = listed(f"{name} {values[name]}" for name in ahead)
        told += f", {first.method} {values[first.method]}{f'; {where}' if len(own) > 1 else ''}"
        return Verdict(f"Baselines without an encoder have a {what}: {told}.", "worse")
    if at:
        return Verdict(f"{first.method} has a {what} than {those} without an encoder, but {where}.", "open")
    told = listed(f"{name} {values[name]}" for name in baselines)
    return Verdict(f"{first.method} ({values[first.method]}) has a {what} than {those}: {told}.", "better")

"""What a run on a series shows, in sentences made from its forecasts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal

from tsrep.inspect.naming import is_random, is_rule
from tsrep.report.contents import Contents
from tsrep.report.headline import Verdict, reading, source_of
from tsrep.report.wording import count, number, signed

if TYPE_CHECKING:
    from tsrep.evaluation.bootstrap import Interval
    from tsrep.evaluation.forecasts.forecast_scores import ForecastScore, ForecastScores

Reading = Literal["better", "worse", "not told apart", "no interval"]


def trained_method(contents: Contents) -> str | None:
    """The method that this run trained, None when it was not forecast with."""
    if contents.forecast is None:
        return None
    own = [m for m in contents.forecast.methods if not (is_rule(m) or is_random(m))]
    return contents.objective if contents.objective in own else next(iter(own), None)


def in_order(forecast: ForecastScores, first: str | None) -> list[str]:
    """What was trained, the random start, then the simple rules, the best first."""

    def rank(method: str) -> tuple[bool, bool, bool, float]:
        return method != first, is_rule(method), is_random(method), mean_mse(forecast, method)

    return sorted(forecast.methods, key=rank)


def mean_mse(forecast: ForecastScores, method: str) -> float:
    """Mean squared error over all horizons; infinite where it is not defined, so that it wins nothing."""
    value = forecast.mean_over_horizons(method)["mse"]
    return math.inf if math.isnan(value) else value


def error_reading(found: Interval | None) -> Reading:
    """What an interval of a difference of errors says; lower errors are better."""
    read = "no interval" if found is None else reading(found)
    turned: dict[str, Reading] = {"better": "worse", "worse": "better", "not told apart": "not told apart"}
    return turned.get(read, "no interval")


def gains(contents: Contents) -> list[ForecastScore]:
    """Scores of the trained encoder that have a difference to the random-initialised one."""
    method = trained_method(contents)
    if contents.forecast is None or method is None:
        return []
    own = contents.forecast.where(method=method)
    return [s for s in own if is_random(s.against) and not math.isnan(_mse(s))]


def digits(forecast: ForecastScores) -> int:
    """Decimals that keep small errors apart."""
    values = [s.metrics["mse"].value for s in forecast.scores]
    return 4 if min((v for v in values if not math.isnan(v)), default=1.0) < 0.1 else 3


def forecast_protocol(forecast: ForecastScores) -> str:
    """How the errors came about, in a sentence or two."""
    if forecast.protocol == "representation":
        return (
            "Encoders forecast through a ridge on their frozen representations; windows are all whose origin "
            f"and targets lie inside the {forecast.scores[0].part} part."
        )
    return (
        "Forecasts are those of the trained network itself, each from a look-back of "
        f"{count(forecast.lookback)} steps. Windows are all whose targets lie inside the "
        f"{forecast.scores[0].part} part; look-backs may reach in front of it. Frozen encoders forecast "
        "through one ridge on the representation of the same look-back, and ridge-nlinear through one on its "
        "values."
    )


def forecast_headline(contents: Contents) -> str:
    """One sentence: what was trained on what, and its mean error beside the controls."""
    method, forecast = trained_method(contents), contents.forecast
    if method is None or forecast is None:
        state = "not evaluated yet" if contents.finished else "training has not ended"
        return f"{_trained_on(contents)}: {state}."
    places = digits(forecast)
    beside = [
        f"{_called(other)} {number(mean_mse(forecast, other), places)}"
        for other in in_order(forecast, method)
        if other != method and "repeat" not in other
    ]
    text = (
        f"{_trained_on(contents)} forecasts {_targets(contents)}{_from(forecast)} with a mean squared error "
        f"of {number(mean_mse(forecast, method), places)} on the {forecast.scores[0].part} part, "
        f"averaged over {_horizons(forecast.horizons, 'of')}"
    )
    return f"{text}; {listed(beside)}." if beside else f"{text}."


def forecast_verdicts(contents: Contents) -> list[Verdict]:
    """Whether training beats the random start, and whether a simple rule beats what was trained."""
    found = [_training_verdict(contents), _rule_verdict(contents)]
    return [verdict for verdict in found if verdict is not None]


def forecast_caveats(contents: Contents) -> list[str]:
    """What a reader must know before believing the errors."""
    forecast, method = contents.forecast, trained_method(contents)
    if forecast is None or method is None:
        return []
    own = forecast.where(method=method)
    notes = []
    if own[0].part == "validation":
        notes.append(
            "Errors are of the validation part, on which the checkpoint was chosen too; expect more on a "
            "part that nothing was chosen on."
        )
    if own[0].seeds == 1:
        notes.append(
            f"The {_network(forecast)} was trained from one seed; intervals do not cover what another seed "
            "would change."
        )
    if any(is_rule(m) for m in forecast.methods):
        notes.append(
            "Rules without an encoder are compared with the trained one by their errors alone, without a "
            "paired interval."
        )
    return [*forecast.notes, *notes]


def listed(words: Iterable[object]) -> str:
    """``a, b and c``."""
    *front, last = [str(word) for word in words] or [""]
    return f"{', '.join(front)} and {last}" if front else last


def _training_verdict(contents: Contents) -> Verdict | None:
    scores = gains(contents)
    if not scores or contents.forecast is None:
        return None
    at: dict[Reading, list[int]] = {}
    for score in scores:
        at.setdefault(error_reading(score.difference.get("mse")), []).append(score.horizon)
    n = len(scores)
    better, worse = (len(at.get(read, [])) for read in ("better", "worse"))
    if len(at.get("no interval", [])) == n:
        return Verdict(
            "No interval of the difference to the random-initialised encoder was computed.", "open"
        )
    order: tuple[Reading, ...] = ("better", "worse", "not told apart", "no interval")
    known = [read for read in order if read in at]
    tally = listed(_at(read, at[read], n, every=read == known[0]) for read in known)
    mean = signed(math.fsum(_mse(s) for s in scores) / n, digits(contents.forecast))
    return Verdict(
        f"{_opening(n, better, worse)}: {tally}, by paired 95 % intervals of the {scores[0].part} MSE "
        f"(mean difference {mean}).",
        "better" if better * 2 > n and not worse else "worse" if worse * 2 > n and not better else "open",
    )


def _opening(n: int, better: int, worse: int) -> str:
    if better == n:
        return "Training beats the random-initialised encoder"
    if better and worse:
        return "Training beats the random-initialised encoder at some horizons and loses at others"
    if better:
        return "Training beats the random-initialised encoder at some horizons only"
    if worse:
        return "Training does not help here; it ends behind the random-initialised encoder"
    return "Training does not measurably beat the random-initialised encoder"


def _rule_verdict(contents: Contents) -> Verdict | None:
    """Rules have no paired interval against the trained encoder, so that only the errors are told."""
    method, forecast = trained_method(contents), contents.forecast
    if method is None or forecast is None:
        return None
    rules = [m for m in in_order(forecast, method) if is_rule(m)]
    if not rules:
        return None
    own, places = mean_mse(forecast, method), digits(forecast)
    ahead = [rule for rule in rules if mean_mse(forecast, rule) < own]
    at = {s.horizon: s.metrics["mse"].value for s in forecast.where(method=method)}
    lower = [s.horizon for s in forecast.where(method=rules[0]) if s.metrics["mse"].value < at[s.horizon]]
    where = _at("lower", lower, len(at))
    if ahead:
        means = listed(f"{rule} {number(mean_mse(forecast, rule), places)}" for rule in ahead)
        return Verdict(
            f"Rules without an encoder have a lower mean {forecast.scores[0].part} MSE: {means}, the trained "
            f"{_network(forecast)} {number(own, places)}; {rules[0]} is {where}.",
            "worse",
        )
    if lower:
        return Verdict(
            f"The trained {_network(forecast)} has a lower mean {forecast.scores[0].part} MSE than every "
            f"rule without an encoder, but {rules[0]} is {where}.",
            "open",
        )
    return None


def _at(word: str, horizons: Sequence[int], n: int, *, every: bool = True) -> str:
    """``better at 2 of 5 horizons (24, 48)``; the number of all horizons is told once in a sentence."""
    named = f" ({', '.join(map(str, horizons))})" if 0 < len(horizons) < n else ""
    return f"{word} at {len(horizons)}{f' of {n} horizons' if every else ''}{named}"


def _trained_on(contents: Contents) -> str:
    train = (contents.split.get("counts") or {}).get("train") or {}
    amount = f"{count(train['steps'])} steps of " if "steps" in train else ""
    network = "encoder" if contents.forecast is None else _network(contents.forecast)
    article = "An" if network == "encoder" else "A"
    return f"{article} {network} trained by {contents.objective} on {amount}{source_of(contents)}"


def _network(forecast: ForecastScores) -> str:
    """What was trained and scored."""
    return "encoder" if forecast.protocol == "representation" else "forecaster"


def _from(forecast: ForecastScores) -> str:
    return f" from the {count(forecast.lookback)} steps before" if forecast.protocol == "direct" else ""


def _targets(contents: Contents) -> str:
    names = [str(name) for name in contents.data.get("targets") or []]
    if not names:
        return "the series"
    together = ", each by itself," if int(contents.data.get("instances") or 1) > 1 else ""
    return names[0] if len(names) == 1 else f"{len(names)} channels{together}"


def _called(method: str) -> str:
    return "a ridge on a random-initialised encoder has" if is_random(method) else method


def _horizons(horizons: Sequence[int], of: str) -> str:
    if len(horizons) == 1:
        return f"a horizon {of} {horizons[0]} step{'s' * (horizons[0] > 1)}"
    return f"horizons {of} {listed(horizons)} steps"


def _mse(score: ForecastScore) -> float:
    found = score.difference.get("mse")
    return math.nan if found is None else found.value

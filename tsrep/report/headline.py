"""What a run shows, in sentences made from its numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tsrep.inspect.naming import is_control, is_majority, is_random
from tsrep.report.contents import Contents
from tsrep.report.wording import PROTOCOLS, count, interval, number, share, signed

if TYPE_CHECKING:
    from tsrep.evaluation.bootstrap import Interval
    from tsrep.evaluation.scores import Score

_PREFERRED = ("probe", "svm", "logistic", "finetune", "knn", "record", "window", "all", "patient", "sample")


@dataclass(frozen=True)
class Verdict:
    """Whether pre-training helped: the sentence and its tone."""

    sentence: str
    tone: Literal["better", "open", "worse"]


def main_score(contents: Contents) -> Score | None:
    """The score that stands for the run: its own objective, the most labels, per record, by the probe."""
    own = [s for s in contents.scores if not is_control(s.method) and not math.isnan(auroc(s))]
    own = [s for s in own if s.method == contents.objective] or own
    return min(own, key=_preference, default=None)


def auroc(score: Score) -> float:
    """Macro AUROC, NaN where it is not defined."""
    return score.metrics["auroc"].value if "auroc" in score.metrics else math.nan


def beside(contents: Contents, score: Score, control: Callable[[str], bool]) -> Score | None:
    """The score of a control on the same units with the same labels."""

    def fits(other: Score) -> bool:
        same = all(getattr(other, k) == getattr(score, k) for k in ("part", "unit", "labels", "subsample_by"))
        return same and control(other.method) and other.protocol in (score.protocol, "none")

    return next((s for s in contents.scores if fits(s)), None)


def gain(score: Score) -> Interval | None:
    """AUROC above the random-initialised encoder with its paired interval, None where not computed."""
    found = score.difference.get("auroc") if is_random(score.against) else None
    return None if found is None or math.isnan(found.value) else found


def reading(found: Interval) -> Literal["better", "worse", "not told apart", "no interval"]:
    """What an interval of a difference says."""
    if math.isnan(found.low) or math.isnan(found.high):
        return "no interval"
    return "better" if found.low > 0 else "worse" if found.high < 0 else "not told apart"


def trained_on(contents: Contents) -> str:
    """``An encoder trained by comet on 2,016 samples of 252 patients of PTB-XL 1.0.3``."""
    train = (contents.split.get("counts") or {}).get("train") or {}
    amount = f"{count(train['samples'])} samples of {count(train['patients'])} patients of " if train else ""
    return f"An encoder trained by {contents.objective} on {amount}{source_of(contents)}"


def source_of(contents: Contents) -> str:
    """What the data are, called synthetic where they are."""
    source = str(contents.data.get("source") or contents.data.get("name") or "unknown data")
    named = not contents.synthetic or any(word in source.lower() for word in ("synthetic", "simulated"))
    return source if named else f"synthetic data ({source})"


def headline(contents: Contents) -> str:
    """One sentence: what was trained on what, and the main score beside its controls."""
    score = main_score(contents)
    if score is None:
        state = "not evaluated yet" if contents.finished else "training has not ended"
        return f"{trained_on(contents)}: {state}."
    spread = interval(score.metrics["auroc"])
    text = (
        f"{trained_on(contents)} reaches a macro AUROC of {number(auroc(score))}"
        f"{f' (95 % interval {spread})' if spread else ''} on {conditions(score)}"
    )
    controls = []
    for name, control in (
        ("a random-initialised encoder", is_random),
        ("the majority baseline", is_majority),
    ):
        found = beside(contents, score, control)
        if found is not None:
            controls.append(f"{name} {number(auroc(found))}")
    return f"{text}; {' and '.join(controls)}." if controls else f"{text}."


def conditions(score: Score) -> str:
    """Where a score was taken, in words."""
    return (
        f"{count(score.n)} {score.unit}s of {count(score.patients)} {score.part} patients "
        f"({PROTOCOLS.get(score.protocol, score.protocol)}, {labels(score)}, {seeds(score)})"
    )


def labels(score: Score) -> str:
    """``10 % of the labels drawn by patient``."""
    drawn = "" if score.subsample_by == "all" else f" drawn by {score.subsample_by}"
    return f"{share(score.labels)} of the labels{drawn}"


def seeds(score: Score) -> str:
    """``5 seeds``."""
    return f"{score.seeds} seed{'s' if score.seeds != 1 else ''}"


def verdict(contents: Contents) -> Verdict | None:
    """Whether training beats the random-initialised encoder on the main score, said plainly."""
    score = main_score(contents)
    found = gain(score) if score is not None else None
    if found is None:
        return None
    read = reading(found)
    spread = (
        "no interval could be computed"
        if read == "no interval"
        else f"95 % interval {interval(found, signed)}"
    )
    size = f"{signed(found.value)} AUROC ({spread})"
    if read == "better":
        return Verdict(f"Training beats the random-initialised encoder: {size}.", "better")
    if read == "worse":
        return Verdict(
            f"Training does not help here; it ends below the random-initialised encoder: {size}.", "worse"
        )
    if read == "not told apart":
        return Verdict(
            f"Training does not measurably beat the random-initialised encoder: {size}, and the interval "
            "includes zero.",
            "open",
        )
    return Verdict(f"The difference to the random-initialised encoder is {size}.", "open")


def _preference(score: Score) -> tuple[float, ...]:
    ranks = [
        _PREFERRED.index(k) if k in _PREFERRED else 99
        for k in (score.protocol, score.unit, score.subsample_by)
    ]
    return (float(score.part != "test"), ranks[0], ranks[1], -score.labels, ranks[2])

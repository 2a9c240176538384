"""Numbers and names as a reader wants them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from tsrep.evaluation.bootstrap import Interval
from tsrep.evaluation.scores import Score
from tsrep.text import few

METRICS = {  # others are called what they are
    "auroc": "AUROC",
    "auprc": "AUPRC",
    "f1": "F1",
    "exact_match": "exact match",
    "brier": "Brier score",
    "ece": "calibration error",
    "credit": "challenge metric",
    "mse": "MSE",
    "mae": "MAE",
    "mase": "MASE",
    "rmse": "RMSE",
    "r2": "R²",
    "pearson": "Pearson r",
}
FULL_NAMES = {metric: f"macro {METRICS[metric]}" for metric in ("auroc", "auprc", "f1")} | {
    "mse": "mean squared error",
    "mae": "mean absolute error",
    "mase": "mean absolute scaled error",
}
NOTHING = "–"


def short_name(metric: str) -> str:
    """A metric as columns of tables call it."""
    return METRICS.get(metric, metric)


def full_name(metric: str) -> str:
    """A metric as sentences and axes call it."""
    return FULL_NAMES.get(metric, short_name(metric))


def protocol_title(score: Score) -> str:
    """What a score's protocol is called."""
    return score.title or score.protocol


def number(value: Any, digits: int = 3) -> str:
    """A score with a fixed number of digits and a real minus sign; a dash for what is not known."""
    if value is None or not math.isfinite(float(value)):
        return NOTHING
    text = f"{float(value):.{digits}f}"
    return ("0." + "0" * digits if float(text) == 0 else text).replace("-", "−")


def signed(value: Any, digits: int = 3) -> str:
    """Like :func:`number`, with a plus sign for gains."""
    text = number(value, digits)
    return text if text == NOTHING or text[0] == "−" or float(text) == 0 else f"+{text}"


def digits_of(scores: Iterable[Score]) -> int:
    """Decimals that keep small errors apart."""
    return 4 if any(score.lower_is_better and score.value < 0.1 for score in scores) else 3


def apart_from_zero(found: Interval, digits: int = 3) -> int:
    """Decimals at which an interval without zero does not seem to touch it."""
    if found.low * found.high <= 0 or not math.isfinite(found.low * found.high):
        return digits
    nearest = min(abs(found.low), abs(found.high))
    return next((n for n in range(digits, 9) if round(nearest, n) > 0), 9)


def interval(found: Interval, form: Callable[[Any], str] = number) -> str:
    """``0.795 to 0.865``, or nothing where there is no interval."""
    low, high = form(found.low), form(found.high)
    return "" if NOTHING in (low, high) else f"{low} to {high}"


def p_value(value: float, *, equals: bool = False) -> str:
    """``0.012`` or ``< 0.001``; in a sentence ``= 0.012``."""
    if math.isnan(value):
        return NOTHING
    return "< 0.001" if value < 0.001 else f"{'= ' * equals}{value:.{3 if value < 0.1 else 2}f}"


def share(value: float) -> str:
    """A fraction of labels: ``10 %``."""
    return f"{100 * float(value):.3g} %"


def count(value: Any) -> str:
    """An integer with thousands separated; a dash for what is not known."""
    return NOTHING if value is None else f"{int(value):,}"


def capital(text: str) -> str:
    """The same with a large first letter."""
    return f"{text[:1].upper()}{text[1:]}"


def sentence(note: str) -> str:
    """A note with a large first letter and a full stop."""
    return f"{capital(note)}{'' if note.endswith(('.', '!', '?')) else '.'}"


def listed(words: Iterable[object]) -> str:
    """``a, b and c``."""
    *front, last = [str(word) for word in words] or [""]
    return f"{', '.join(front)} and {last}" if front else last


def named(names: Sequence[Any] | None) -> str:
    """``3: a, b, c``, at most 16 of them."""
    found = [str(name) for name in names or []]
    return f"{len(found)}: {few(found, 16)}" if found else "nothing"


def stamp(value: object) -> str:
    """``2016-07-01 00:00``: a time stamp without a second hand that only shows zero."""
    return NOTHING if value is None else str(value).replace("T", " ").removesuffix(":00")


def duration(seconds: Any) -> str:
    """``3 min 4 s``."""
    if seconds is None:
        return NOTHING
    hours, rest = divmod(round(float(seconds)), 3600)
    minutes, rest = divmod(rest, 60)
    parts = [f"{hours} h"] * (hours > 0) + [f"{minutes} min"] * (minutes > 0) + [f"{rest} s"] * (hours == 0)
    return " ".join(parts)

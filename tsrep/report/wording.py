"""Numbers and names as a reader wants them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tsrep.evaluation.bootstrap import Interval

METRICS = {
    "auroc": "AUROC",
    "auprc": "AUPRC",
    "f1": "F1",
    "accuracy": "accuracy",
    "precision": "precision",
    "recall": "recall",
    "exact_match": "exact match",
    "brier": "Brier score",
    "ece": "calibration error",
}
PROTOCOLS = {
    "probe": "linear probe",
    "knn": "nearest neighbours",
    "svm": "support vectors",
    "logistic": "cross-validated logistic regression",
    "finetune": "fine-tuning",
    "none": "no training",
}
NOTHING = "–"


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


def share(value: float) -> str:
    """A fraction of labels: ``10 %``."""
    return f"{100 * float(value):.3g} %"


def count(value: Any) -> str:
    """An integer with thousands separated; a dash for what is not known."""
    return NOTHING if value is None else f"{int(value):,}"


def duration(seconds: Any) -> str:
    """``3 min 4 s``."""
    if seconds is None:
        return NOTHING
    whole = round(float(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, rest = divmod(rest, 60)
    parts = [f"{hours} h"] * (hours > 0) + [f"{minutes} min"] * (minutes > 0) + [f"{rest} s"] * (hours == 0)
    return " ".join(parts)

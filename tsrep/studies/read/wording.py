"""Names and numbers as a reader of a study wants them."""

from __future__ import annotations

import math

from tsrep.report.wording import METRICS, NOTHING, duration

PRESET = "preset:"


def is_preset(name: str) -> bool:
    """Whether a trial was asked for by name, and not by a sampler or a grid."""
    return str(name).startswith(PRESET)


def origin(name: str) -> str:
    """``preset autotcl`` of ``preset:autotcl``."""
    return str(name).replace(":", " ", 1)


def metric_name(metric: str) -> str:
    """A metric as it is written: ``MSE``."""
    return METRICS.get(metric, metric.upper() if len(metric) <= 5 else metric)


def time(seconds: float) -> str:
    """A duration; tenths of seconds below ten."""
    if not math.isfinite(seconds):
        return NOTHING
    return f"{seconds:.1f} s" if seconds < 10 else duration(seconds)


def p_text(p: float) -> str:
    """A p-value with three digits; a dash where nothing was tested."""
    if math.isnan(p):
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"

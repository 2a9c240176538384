"""Intervals of 95 % from a value and its variance, each on the scale of its metric."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from tsrep.evaluation.bootstrap.variance import ROUNDING, Variance

_LARGEST = 50.0  # logarithm of a factor, beyond which nothing is known


@dataclass(frozen=True)
class Interval:
    """A value and the 95 % interval around it; NaN ends where there is none."""

    value: float
    low: float
    high: float


def share_interval(value: float, variance: Variance) -> Interval:
    """Interval of a metric between 0 and 1, symmetric on the scale of the logit.

    Near its ends a share scatters towards the middle, which a symmetric interval does not see. Where the
    value is 0 or 1 and no resample differs, as where few patients are all separated, it is the exact one of
    ``n`` patients who agree: from ``0.025 ** (1 / n)`` to 1, or the mirror image.

    Notes
    -----
    ``n`` is one more than the degrees of freedom, which are those of the rarer class where that decides. A
    mean of numbers between 0 and 1 is at least the share of them that are 1, which the exact interval is of.
    An AUROC ``a`` is the chance that one patient with and one without the class are in the right order. ``n``
    pairs that have nobody in common are all in order with the chance ``a ** n``, and all patients are
    separated no more often, so that the interval covers it at least as often as it says.

    References
    ----------
    Pepe, "The Statistical Evaluation of Medical Tests for Classification and Prediction", 2003, section 5.2.
    Clopper & Pearson, "The use of confidence or fiducial limits illustrated in the case of the binomial",
    Biometrika 26, 1934.
    """
    nearest = float(value > 0.5)
    if abs(value - nearest) <= ROUNDING and variance.error <= ROUNDING:
        left = 0.025 ** (1 / (variance.freedom + 1))
        return Interval(value, left, 1.0) if nearest else Interval(value, 0.0, 1 - left)
    return _on_logits(value, variance)


def _on_logits(value: float, variance: Variance) -> Interval:
    from scipy.special import expit  # loads slowly, and those who only read scores need none

    if np.isnan(variance.margin) or not 0 < value < 1:
        found = symmetric_interval(value, variance)
        return Interval(value, *np.clip([found.low, found.high], 0.0, 1.0).tolist())
    middle, margin = np.log(value / (1 - value)), variance.margin / (value * (1 - value))
    low, high = expit([middle - margin, middle + margin])
    return Interval(value, min(float(low), value), max(float(high), value))


def distance_interval(value: float, variance: Variance) -> Interval:
    """Interval of a mean distance between 0 and 1, such as a calibration error; none where it is near zero.

    A distance is folded at zero: resamples of one that vanishes only move away from it. Where the margin is
    more than twice the value, the scale of the logit is no approximation of that any more.
    """
    if variance.margin > 2 * value:
        return Interval(value, np.nan, np.nan)
    return _on_logits(value, variance)


def symmetric_interval(value: float, variance: Variance) -> Interval:
    """The value and the margin to both sides of it."""
    return Interval(value, value - variance.margin, value + variance.margin)


def positive_interval(value: float, variance: Variance) -> Interval:
    """Interval of a positive mean, such as that of errors, symmetric on the scale of the logarithm."""
    if np.isnan(variance.margin) or value <= 0:
        return symmetric_interval(value, variance)
    factor = np.exp(min(variance.margin / value, _LARGEST))
    return Interval(value, float(value / factor), float(value * factor))


def correlation_interval(value: float, variance: Variance) -> Interval:
    """Interval of a correlation, symmetric on Fisher's scale ``artanh r``."""

    if np.isnan(variance.margin) or not -1 < value < 1:
        found = symmetric_interval(value, variance)
        return Interval(value, *np.clip([found.low, found.high], -1.0, 1.0).tolist())
    middle, margin = np.arctanh(value), variance.margin / (1 - value**2)
    return Interval(value, float(np.tanh(middle - margin)), float(np.tanh(middle + margin)))


def explained_interval(value: float, variance: Variance) -> Interval:
    """Interval of an explained share, which has no lower end, symmetric in the logarithm of what is left."""
    left = positive_interval(1 - value, variance)
    return Interval(value, 1 - left.high, 1 - left.low)


FORMS: Mapping[str, Callable[[float, Variance], Interval]] = {
    "ece": distance_interval,  # a mean distance
    "r2": explained_interval,
    "credit": explained_interval,
    "pearson": correlation_interval,
    "slope": symmetric_interval,
    "bias": symmetric_interval,
}

"""Change of sampling rate."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tsrep.errors import ConfigError
from tsrep.signals.panel import Floats

Interpolation = Literal["polyphase", "linear", "fft", "decimate"]


def resample(x: NDArray[Any], sfreq: float, target: float, *, how: Interpolation = "polyphase") -> Floats:
    """A signal at another rate.

    Parameters
    ----------
    x : array, shape (..., time)
        Without missing values, which would spread over the filter's length.
    sfreq, target : float, Hz
    how : str
        ``"polyphase"`` removes what lies above the new Nyquist frequency before decimating;
        ``"linear"`` interpolates between neighbours and folds it back (as COMET's preparation does);
        ``"fft"`` takes the signal for one period of a periodic one; ``"decimate"`` keeps every so many-th
        step after a Chebyshev low-pass forward and backward.

    Returns
    -------
    array, shape (..., round(time * target / sfreq)), float32

    Raises
    ------
    ConfigError
        When a rate is not positive, the two have no ratio of small whole numbers, or, for ``"decimate"``,
        the rate is no multiple of the target.
    """
    if sfreq <= 0 or target <= 0:
        raise ConfigError(f"cannot resample from {sfreq:g} to {target:g} Hz; rates must be positive")
    x = np.asarray(x, np.float32)
    if sfreq == target:
        return x
    steps = max(round(x.shape[-1] * target / sfreq), 1)
    return _WAYS[how](x, sfreq, target, steps)


def resampled(rates: Iterable[float], target: float, how: Interpolation = "polyphase") -> tuple[str, ...]:
    """What a panel's history says of recordings that came at some rates, Hz; empty when nothing changed."""
    other = sorted({float(rate) for rate in rates} - {float(target)})
    return (f"resampled {', '.join(f'{rate:g}' for rate in other)}->{target:g} Hz {how}",) if other else ()


def nearest_ratio(sfreq: float, target: float) -> Fraction:
    """Target rate by rate as a fraction of small denominators, however slow they are."""
    has, wanted = (Fraction(rate).limit_denominator(1000) for rate in (sfreq, target))
    if has and wanted:
        return wanted / has
    exact = Fraction(target) / Fraction(sfreq)  # a sample a day is 1/86400 Hz, which would round to zero
    return exact.limit_denominator(1000) or exact


def ratio_of(sfreq: float, target: float) -> Fraction:
    """Target rate by rate, as a fraction of small whole numbers.

    Raises
    ------
    ConfigError
        When there is none.
    """
    ratio = nearest_ratio(sfreq, target)
    if max(ratio.numerator, ratio.denominator) > 2000:
        raise ConfigError(
            f"{sfreq:g} and {target:g} Hz have no ratio of small whole numbers; choose another target rate"
        )
    return ratio


def _polyphase(x: Floats, sfreq: float, target: float, steps: int) -> Floats:
    from scipy import signal

    ratio = ratio_of(sfreq, target)
    # a straight line through the ends is taken off first, so that an offset makes no ringing there
    y = signal.resample_poly(x, ratio.numerator, ratio.denominator, axis=-1, padtype="line")
    return np.asarray(y[..., :steps], np.float32)


def _linear(x: Floats, sfreq: float, target: float, steps: int) -> Floats:
    at = np.minimum(np.arange(steps) * (sfreq / target), x.shape[-1] - 1)
    left = np.minimum(at.astype(np.int64), max(x.shape[-1] - 2, 0))
    right = np.minimum(left + 1, x.shape[-1] - 1)
    weight = (at - left).astype(np.float32)
    return np.asarray(x[..., left] * (1 - weight) + x[..., right] * weight, np.float32)


def _fft(x: Floats, sfreq: float, target: float, steps: int) -> Floats:
    from scipy import signal

    del sfreq, target
    return np.asarray(signal.resample(x, steps, axis=-1), np.float32)


def _decimate(x: Floats, sfreq: float, target: float, steps: int) -> Floats:
    from scipy import signal

    ratio = ratio_of(sfreq, target)
    if ratio.numerator != 1:
        raise ConfigError(f"{sfreq:g} Hz is no multiple of {target:g} Hz; resample by polyphase")
    return np.asarray(signal.decimate(x, ratio.denominator, axis=-1)[..., :steps], np.float32)


_WAYS = {"polyphase": _polyphase, "linear": _linear, "fft": _fft, "decimate": _decimate}

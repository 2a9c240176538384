"""Zero-phase filters, forward and backward so that waves stay where they are, and lines across gaps."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsrep.errors import ConfigError
from tsrep.signals.panel import Floats


def bandpass(
    x: NDArray[Any], sfreq: float, low: float | None, high: float | None, *, order: int = 4
) -> Floats:
    """Butterworth filter that keeps ``low`` to ``high``.

    Parameters
    ----------
    x : array, shape (..., time)
    sfreq : float, Hz
    low, high : float or None, Hz
        ``None`` leaves that side open. At each the amplitude is halved (-6 dB, both passes together).
    order : int
        Of one pass.

    Returns
    -------
    array, shape (..., time), float32

    Raises
    ------
    ConfigError
        When an edge is not between 0 and half the sampling rate, or the edges are not in order.
    """
    from scipy import signal

    edges = [edge for edge in (low, high) if edge is not None]
    for edge in edges:
        _check_resolved("filter edge of", edge, sfreq)
    if not edges:
        return np.asarray(x, np.float32)
    if len(edges) == 2 and edges[0] >= edges[1]:
        raise ConfigError(f"a band from {edges[0]:g} to {edges[1]:g} Hz is empty; give the lower edge first")
    kind = "bandpass" if len(edges) == 2 else "highpass" if high is None else "lowpass"
    sos = signal.butter(order, edges if len(edges) == 2 else edges[0], kind, fs=sfreq, output="sos")
    return _both_ways(sos, x)


def notch(x: NDArray[Any], sfreq: float, hertz: float = 50.0, *, quality: float = 30.0) -> Floats:
    """Remove one frequency, such as the mains.

    Parameters
    ----------
    x : array, shape (..., time)
    sfreq : float, Hz
    hertz : float, Hz
    quality : float
        The band that is removed is ``hertz / quality`` wide.

    Returns
    -------
    array, shape (..., time), float32

    Raises
    ------
    ConfigError
        When the frequency is not between 0 and half the sampling rate.
    """
    from scipy import signal

    _check_resolved("notch at", hertz, sfreq)
    return _both_ways(signal.tf2sos(*signal.iirnotch(hertz, quality, fs=sfreq)), x)


def fir(x: NDArray[Any], sfreq: float, low: float | None, high: float | None, *, taps: int) -> Floats:
    """Linear-phase band by a Hamming-windowed design, its delay taken off.

    Parameters
    ----------
    x : array, shape (..., time)
    sfreq : float, Hz
    low, high : float or None, Hz
        ``None`` leaves that side open.
    taps : int
        Odd.

    Returns
    -------
    array, shape (..., time), float32

    Raises
    ------
    ConfigError
        When an edge is not between 0 and half the sampling rate.
    """
    from scipy import signal

    edges = [edge for edge in (low, high) if edge is not None]
    for edge in edges:
        _check_resolved("filter edge of", edge, sfreq)
    if not edges:
        return np.asarray(x, np.float32)
    kernel = signal.firwin(taps, edges, pass_zero=low is None, fs=sfreq)
    half = taps // 2
    # reflected about both ends, so that an offset makes no step there
    ends = [(0, 0)] * (x.ndim - 1) + [(half, half)]
    padded = np.pad(np.asarray(x, np.float64), ends, "reflect", reflect_type="odd")
    kernel = kernel.reshape((1,) * (x.ndim - 1) + (-1,))
    return np.asarray(signal.oaconvolve(padded, kernel, "valid", axes=-1), np.float32)


def without_median(x: NDArray[Any], sfreq: float, seconds: float) -> Floats:
    """A signal less its running median over so many seconds, which is its baseline.

    Parameters
    ----------
    x : array, shape (..., time)
    sfreq : float, Hz
    seconds : float
    """
    from scipy import ndimage

    steps = 2 * (round(seconds * sfreq) // 2) + 1
    size = (1,) * (x.ndim - 1) + (steps,)
    return np.asarray(x - ndimage.median_filter(np.asarray(x, np.float32), size, mode="nearest"), np.float32)


def bridged(values: NDArray[Any], gaps: NDArray[np.bool_]) -> NDArray[Any]:
    """Values with straight lines across the gaps, so that a filter spreads nothing from them.

    Parameters
    ----------
    values : array, shape (channel, time)
    gaps : bool array, shape (channel, time)
        Which values are missing; a channel without any value becomes zero.

    Returns
    -------
    array, shape (channel, time), dtype of ``values``
    """
    values = values.copy()
    steps = np.arange(values.shape[1])
    for signal, gap in zip(values, gaps, strict=True):
        signal[gap] = 0 if gap.all() else np.interp(steps[gap], steps[~gap], signal[~gap])
    return values


def _check_resolved(what: str, hertz: float, sfreq: float) -> None:
    if not 0 < hertz < sfreq / 2:
        raise ConfigError(
            f"a {what} {hertz:g} Hz is not between 0 and {sfreq / 2:g} Hz, half the sampling rate"
        )


def _both_ways(sos: NDArray[Any], x: NDArray[Any]) -> Floats:
    from scipy import signal

    x = np.asarray(x, np.float64)
    pad = min(3 * (2 * len(sos) + 1) * 10, x.shape[-1] - 1)
    return np.asarray(signal.sosfiltfilt(sos, x, axis=-1, padlen=max(pad, 0)), np.float32)

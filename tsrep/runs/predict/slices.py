"""Slices of a long recording that give the windows which the whole of it would give.

A slice begins where a window begins, and at a step that resampling keeps. Around the part whose windows are
kept it has as much signal as filters need to forget where they began, and a window behind.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from tsrep.signals.contract import SignalContract

SECONDS = 600.0  # of a slice, without what stands around it
FORGOTTEN = 1e-8  # what is left of a filter's beginning
ALIKE = 1e-3  # relative difference of rates that are taken for equal
UNDIVIDED = ("fft",)  # ways of resampling that take a recording for one period
TAPS = 10  # half the length of a polyphase filter, in steps of the lower rate


@dataclass(frozen=True)
class Slice:
    """A part of a recording to be read, and which windows of it are kept.

    Attributes
    ----------
    start, stop : int
        Steps of the recording.
    shift : int
        Steps of the encoder's rate from the beginning of the recording to ``start``.
    first, last : float
        Windows are kept that begin at ``first`` to before ``last``, in steps of the encoder's rate from the
        beginning of the slice.
    """

    start: int
    stop: int
    shift: int = 0
    first: float = 0
    last: float = math.inf


def slices(steps: int, sfreq: float, contract: SignalContract) -> list[Slice]:
    """Slices of a recording, or the one that is all of it where it is short or cannot be divided.

    Parameters
    ----------
    steps : int
    sfreq : float, Hz
    contract : SignalContract
        Says which windows are cut, and what is done to the signal before.
    """
    whole = [Slice(0, steps)]
    length, hop = contract.window.steps, hop_of(contract)
    if length is None or hop is None or steps / sfreq <= 2 * SECONDS or contract.resample in UNDIVIDED:
        return whole
    ratio = ratio_of(sfreq, contract.sfreq)  # steps of the encoder's rate to one of the recording
    unit = math.lcm(hop, ratio.numerator)  # where windows begin and no step is between two
    core = max(round(max(SECONDS * contract.sfreq, 2 * length) / unit), 1) * unit
    margin = math.ceil(margin_seconds(contract, sfreq) * contract.sfreq / unit) * unit
    if core > 4 * SECONDS * contract.sfreq + 4 * length:
        return whole
    return _divided(steps, ratio, core, margin, length)


def _divided(steps: int, ratio: Fraction, core: int, margin: int, length: int) -> list[Slice]:
    found = []
    for begin in range(0, math.ceil(steps * ratio), core):
        before = max(begin - margin, 0)
        stop = math.ceil((begin + core + length + margin) / ratio)
        start = int(before / ratio)
        first = begin - before
        if stop >= steps:
            found.append(Slice(start, steps, before, first))
            break
        found.append(Slice(start, stop, before, first, first + core))
    return found


def hop_of(contract: SignalContract) -> int | None:
    """Steps from one window to the next; None where a recording is not cut into windows in order."""
    window = contract.window
    if window.steps is None or window.longer != "slide":
        return None
    return window.steps if window.hop_seconds is None else max(round(window.hop_seconds * contract.sfreq), 1)


def ratio_of(sfreq: float, target: float) -> Fraction:
    """Ratio of two rates, as resampling takes it."""
    if abs(target / sfreq - 1) <= ALIKE:
        return Fraction(1)
    return Fraction(target).limit_denominator(1000) / Fraction(sfreq).limit_denominator(1000)


def margin_seconds(contract: SignalContract, sfreq: float) -> float:
    """Seconds that filters and resampling need to forget where a slice began."""
    rate = sfreq if contract.filter_when == "before resampling" else contract.sfreq
    steps = contract.filter if contract.filter and contract.filter_when != "in window" else ()
    filters = sum(_settling(_plain(each), rate) for each in steps)
    return filters + (2 * TAPS + 4) / min(sfreq, contract.sfreq)


def _plain(step: Any) -> Mapping[str, Any]:
    return step if isinstance(step, Mapping) else step.model_dump()


def _settling(step: Mapping[str, Any], rate: float) -> float:
    """Seconds after which a filter has forgotten its beginning."""
    from scipy import signal

    if step["kind"] == "fir":
        return float(step["taps"] / rate)
    if step["kind"] == "median-baseline":
        return float(step["seconds"])
    if step["kind"] == "notch":
        _, poles, _ = signal.tf2zpk(*signal.iirnotch(step["hz"], step["quality"], fs=rate))
    else:
        low, high = step["band"]
        kind = "bandpass" if low and high else "highpass" if low else "lowpass"
        edges = [low, high] if low and high else low or high
        _, poles, _ = signal.butter(step["order"], edges, kind, fs=rate, output="zpk")
    slowest = float(np.abs(poles).max())
    return math.log(FORGOTTEN) / math.log(slowest) / rate

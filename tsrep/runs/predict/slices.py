"""Slices of a long recording that give the windows which the whole of it would give.

A slice begins where a window begins, and at a step that resampling keeps. Around the part whose windows are
kept it has as much signal as filters need to forget where they began, and a window behind.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import numpy as np

from tsrep.signals.contract import SignalContract
from tsrep.signals.filter_steps import FilterStep
from tsrep.signals.resample import nearest_ratio

SECONDS = 600.0  # of a slice, without what stands around it
FORGOTTEN = 3e-7  # what is left of a filter's beginning, above the rounding of float32
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

    @property
    def is_whole(self) -> bool:
        """Whether it is all of the recording."""
        return self.shift == 0 and math.isinf(self.last)


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
    if contract.any_rate or contract.resample in UNDIVIDED or steps / sfreq <= 2 * SECONDS:
        return whole
    if length is None or hop is None:
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
    return nearest_ratio(sfreq, target)


def margin_seconds(contract: SignalContract, sfreq: float) -> float:
    """Seconds that filters and resampling need to forget where a slice began."""
    rate = sfreq if contract.filter_when == "before resampling" else contract.sfreq
    steps = (each.within(rate / 2) for each in contract.filter or () if contract.filter_when != "in window")
    filters = sum(_settling(each, rate) for each in steps if each is not None)
    return filters + (2 * TAPS + 4) / min(sfreq, contract.sfreq) + _decimation(contract, sfreq)


@cache
def _settling(step: FilterStep, rate: float) -> float:
    """Seconds after which a filter has forgotten where a signal began."""
    for seconds in (10.0, 40.0, 160.0, 640.0):
        steps = round(seconds * rate)
        # (1, time): noise about 1; with zeros or a constant a filter would show no transient at its start
        x = 1 + np.random.default_rng(0).normal(size=(1, 3 * steps))
        whole, late = step.apply(x, rate)[0, steps:], step.apply(x[:, steps:], rate)[0]
        differs = np.abs(whole - late)[:steps] > FORGOTTEN * np.abs(x).max()
        reach = float((np.flatnonzero(differs).max(initial=-1) + 1) / rate)
        if reach < 0.9 * seconds:
            return reach
    return 640.0


def _decimation(contract: SignalContract, sfreq: float) -> float:
    """Seconds that the low-pass of decimation needs."""
    if contract.resample != "decimate" or ratio_of(sfreq, contract.sfreq) == 1:
        return 0.0
    from scipy import signal

    _, poles, _ = signal.cheby1(8, 0.05, 0.8 * contract.sfreq / sfreq, output="zpk")
    return math.log(FORGOTTEN) / math.log(float(np.abs(poles).max())) / sfreq

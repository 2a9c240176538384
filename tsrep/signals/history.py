"""What was done to recordings before they were stored, in the words that panels and contracts share."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from tsrep.signals.contract import Butterworth, FilterStep, Fir, MedianBaseline, Notch

_BAND = re.compile(r"band ([\d.e+-]+)-([\d.e+]+|inf) Hz")
_NOTCH = re.compile(r"notch ([\d.e+-]+) Hz")
_RATES = re.compile(r"resampled ([\d.e+, ]+)->([\d.e+]+) Hz")


def band(low: float | None, high: float | None) -> str:
    """The entry of a Butterworth band, Hz; an open edge is 0 or inf."""
    return f"band {low or 0:g}-{high or math.inf:g} Hz"


def entry(step: FilterStep) -> str:
    """The entry of a filter; of one whose settings are not the usual ones it names them."""
    match step:
        case Butterworth():
            return band(*step.band) + ("" if step.order == 4 else f" order {step.order}")
        case Notch():
            return f"notch {step.hz:g} Hz" + ("" if step.quality == 30 else f" quality {step.quality:g}")
        case Fir():
            return f"fir {band(*step.band)} {step.taps} taps"
        case MedianBaseline():
            return f"median baseline {step.seconds:g} s"


def filters(history: Sequence[str]) -> tuple[FilterStep, ...]:
    """Filters that a history names, in its order."""
    found: list[FilterStep] = []
    for said in history:
        if match := _BAND.fullmatch(said):
            low, high = map(float, match.groups())
            found.append(Butterworth(band=(low or None, high if math.isfinite(high) else None)))
        elif match := _NOTCH.fullmatch(said):
            found.append(Notch(hz=float(match[1])))
    return tuple(found)


def reference(history: Sequence[str]) -> str | tuple[str, ...] | None:
    """The last reference that a history names; None where it names none."""
    said = [text.removeprefix("reference ") for text in history if text.startswith("reference ")]
    if not said:
        return None
    return said[-1] if said[-1] in ("average", "linked mastoids", "as recorded") else tuple(said[-1].split())


def highest(history: Sequence[str], sfreq: float) -> float:
    """Highest frequency that signals at a rate can hold after all that was done to them, Hz."""
    edges = [sfreq / 2]
    for said in history:
        if match := _RATES.match(said):
            # the poorest of recordings of several rates decides
            edges.append(min(map(float, match[1].split(","))) / 2)
        elif (match := _BAND.match(said.removeprefix("fir "))) and math.isfinite(float(match[2])):
            edges.append(float(match[2]))
    return min(edges)


def lowest(history: Sequence[str]) -> float | None:
    """Lowest frequency that filters left, Hz; None where none cut it."""
    edges = [float(match[1]) for said in history if (match := _BAND.match(said.removeprefix("fir ")))]
    return max(edges, default=0.0) or None


def standardisation(history: Sequence[str]) -> str | None:
    """How the signals were standardised already, such as ``"record"``; None where they were not."""
    said = [text.removeprefix("standardised ") for text in history if text.startswith("standardised ")]
    return said[-1] if said else None

"""What was done to recordings before they were stored, in the words that panels and contracts share."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from tsrep.signals.filter_steps import Butterworth, FilterStep, Notch
from tsrep.signals.names import canonical_names

_BAND = re.compile(r"band ([\d.e+-]+)-([\d.e+]+|inf) Hz")
_NOTCH = re.compile(r"notch ([\d.e+-]+) Hz")
_RATES = re.compile(r"resampled ([\d.e+, ]+)->([\d.e+]+) Hz")


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
    if said[-1] in ("average", "linked mastoids", "as recorded"):
        return said[-1]
    return canonical_names(said[-1].split(), "eeg")


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

"""Annotations of a WFDB record: heartbeats, rhythms and notes, from a file in the MIT format."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tsrep.datasets.dataset import Unreadable
from tsrep.signals.panel import Ints

# symbol of each code, as the WFDB library defines them; codes without one are not in use
_CODED = {
    1: "N", 2: "L", 3: "R", 4: "a", 5: "V", 6: "F", 7: "J", 8: "A", 9: "S", 10: "E", 11: "j", 12: "/",
    13: "Q", 14: "~", 16: "|", 18: "s", 19: "T", 20: "*", 21: "D", 22: '"', 23: "=", 24: "p", 25: "B",
    26: "^", 27: "t", 28: "+", 29: "u", 30: "?", 31: "!", 32: "[", 33: "]", 34: "e", 35: "n", 36: "@",
    37: "x", 38: "f", 39: "(", 40: ")", 41: "r",
}  # fmt: skip
SKIP, AUX, LAST = 59, 63, 49
RESOLUTION = re.compile(r"## time resolution: ([\d.]+)")


@dataclass(frozen=True)
class Annotations:
    """What is marked in a record, in the order of the file.

    Attributes
    ----------
    sample : int64 array, shape (mark,)
        Step from the start of the record.
    symbol : tuple of str
        Such as ``"N"`` and ``"V"`` for heartbeats and ``"+"`` for a change of rhythm.
    aux : tuple of str
        Text beside each, such as ``"(AFIB"``; empty without.
    sfreq : float or None
        Rate that steps are counted at, Hz, where the file says it.
    """

    sample: Ints
    symbol: tuple[str, ...]
    aux: tuple[str, ...]
    sfreq: float | None = None


def read_annotations(stem: Path, annotator: str, sfreq: float, steps: int) -> Annotations:
    """Read ``stem.annotator``, such as ``100.atr``.

    Parameters
    ----------
    stem : Path
    annotator : str
        Suffix of the file, without its dot.
    sfreq : float, Hz
    steps : int
        Rate and length of the record, which the annotations must fit.

    Raises
    ------
    Unreadable
        When the file is missing or damaged, or of a record of another rate or length.
    """
    path = stem.with_name(f"{stem.name}.{annotator}")
    try:
        words = np.fromfile(path, "<u2").tolist()
    except FileNotFoundError:
        raise Unreadable(f"its annotations {path.name} are missing") from None
    except OSError as error:
        raise Unreadable(f"{path.name} cannot be read ({error.strerror})") from error
    try:
        marks = [mark for mark in _marks(words) if mark[1] in _CODED]
    except IndexError:
        raise Unreadable(f"{path.name} ends in the middle of an annotation: cut off?") from None
    told = next((match for _, _, aux in marks if (match := RESOLUTION.match(aux))), None)
    marks = [mark for mark in marks if not mark[2].startswith("## ")]
    rate = float(told[1]) if told else None
    if rate is not None and rate != sfreq:
        raise Unreadable(f"{path.name} counts steps at {rate:g} Hz, but the record is at {sfreq:g} Hz")
    sample = np.array([at for at, _, _ in marks], np.int64)
    # published files mark the end of an episode at the step after the last
    if len(sample) and not 0 <= sample.min() <= sample.max() <= steps + sfreq:
        raise Unreadable(f"{path.name} marks step {sample.max()} of a record of {steps} steps")
    return Annotations(sample, tuple(_CODED[c] for _, c, _ in marks), tuple(aux for *_, aux in marks), rate)


def _marks(words: list[int]) -> Iterator[tuple[int, int, str]]:
    """Step, code and text of each annotation; what modifies one follows it in the file."""
    at, k = 0, 0
    pending: tuple[int, int, str] | None = None
    while words[k]:
        code, value = words[k] >> 10, words[k] & 0x3FF
        k += 1
        if code == SKIP:
            # a long interval: the high word first
            interval = (words[k] << 16) + words[k + 1]
            at += interval - (1 << 32) * (interval >> 31)
            k += 2
        elif code == AUX:
            length = (value + 1) // 2
            text = b"".join(words[k + i].to_bytes(2, "little") for i in range(length))[:value]
            if pending is not None:
                pending = (*pending[:2], text.rstrip(b"\0").decode("latin-1"))
            k += length
        elif code <= LAST:
            if pending is not None:
                yield pending
            at += value
            pending = (at, code, "")
    if pending is not None:
        yield pending

"""The header of a WFDB record, as far as it concerns format 16, and units."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

FORMAT_16 = re.compile(r"16(?:x1)?(?:\+(\d+))?")
GAIN = re.compile(r"([-+0-9.eE]+)(?:\((-?\d+)\))?(?:/(\S+))?")
MILLIVOLTS = {"mv": 1.0, "uv": 1e-3, "µv": 1e-3, "v": 1e3}


class Unreadable(Exception):
    """A record cannot be used; the text is the reason."""


@dataclass(frozen=True)
class Signal:
    """A line of a header: counts minus ``baseline``, divided by ``gain``, are in ``unit``."""

    file: str
    skip: int
    gain: float
    baseline: float
    unit: str
    name: str


@dataclass(frozen=True)
class PlainHeader:
    """Header of a record in format 16: rate (Hz), time steps, signals and comments."""

    sfreq: float
    steps: int
    signals: tuple[Signal, ...]
    comments: tuple[str, ...]

    @property
    def files(self) -> list[str]:
        """Signal files in order, each once."""
        return list(dict.fromkeys(s.file for s in self.signals))


def read_plain(stem: Path) -> PlainHeader | None:
    """Read ``stem.hea``; None when the record is not in format 16 or unusual in another way.

    Raises
    ------
    Unreadable
        When there is no header.
    """
    lines = _lines(stem)
    body = _body(lines)
    head = body[0].split() if body else []
    try:
        n_signals, sfreq, steps = int(head[1]), float(head[2].split("/")[0].split("(")[0]), int(head[3])
    except (IndexError, ValueError):
        return None
    signals = tuple(s for s in map(_signal, body[1:]) if s is not None)
    if (
        "/" in head[0]
        or steps < 1
        or sfreq <= 0
        or not signals
        or not len(signals) == n_signals == len(body) - 1
    ):
        return None
    comments = tuple(line.lstrip()[1:].strip() for line in lines if line.lstrip().startswith("#"))
    return PlainHeader(sfreq, steps, signals, comments)


def signal_files(stem: Path) -> list[Path]:
    """The files of a record as far as its header names them, for fingerprints; never raises."""
    header = stem.with_name(stem.name + ".hea")
    try:
        body = [line.split() for line in _body(_lines(stem))]
    except Unreadable:
        return [header]
    names = dict.fromkeys(words[0] for words in body[1:] if len(words) > 1)
    return [header, *(stem.parent / name for name in names)]


def millivolts(unit: str) -> tuple[float, str]:
    """Factor to millivolts and ``"mV"`` for a voltage; 1 and the same unit for anything else."""
    known = MILLIVOLTS.get(unit.lower())
    return (1.0, unit) if known is None else (known, "mV")


def one_unit(units: Iterable[str]) -> str:
    """The unit of several channels; where they differ, each once with a slash between."""
    return "/".join(dict.fromkeys(millivolts(unit)[1] for unit in units))


def _signal(line: str) -> Signal | None:
    words = line.split(maxsplit=8)
    if len(words) < 3:
        return None
    form, gain = FORMAT_16.fullmatch(words[1]), GAIN.fullmatch(words[2])
    if form is None or gain is None or words[0] == "~" or float(gain[1]) == 0:
        return None
    zero = words[4] if len(words) > 4 else "0"
    name = words[8].strip() if len(words) > 8 else ""
    baseline = float(gain[2] if gain[2] is not None else zero)
    return Signal(words[0], int(form[1] or 0), float(gain[1]), baseline, gain[3] or "mV", name)


def _lines(stem: Path) -> list[str]:
    header = stem.with_name(stem.name + ".hea")
    try:
        return header.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        raise Unreadable(f"{header.name} is missing") from None
    except OSError as error:
        raise Unreadable(f"{header.name} cannot be read ({error.strerror})") from error


def _body(lines: list[str]) -> list[str]:
    return [line for line in lines if line.strip() and not line.lstrip().startswith("#")]

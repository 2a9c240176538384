"""What the header of a WFDB record says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tsrep.datasets.dataset import Unreadable
from tsrep.errors import DataError
from tsrep.signals.channel_names import distinct
from tsrep.signals.units import canonical, decoded, factor, is_voltage

FORMAT = re.compile(r"(\d+)(?:x(\d+))?(:\d+)?(?:\+(\d+))?")
GAIN = re.compile(r"([-+0-9.eE]+)(?:\((-?\d+)\))?(?:/(\S+))?")


@dataclass(frozen=True)
class Signal:
    """A line of a header: counts minus ``baseline``, divided by ``gain``, are in ``unit``.

    ``per_frame`` is the number of samples to a frame; ``plain`` says whether the signal can be read directly.
    """

    file: str
    skip: int
    gain: float
    baseline: float
    unit: str
    name: str
    per_frame: int
    plain: bool


@dataclass(frozen=True)
class WfdbHeader:
    """What a header says.

    Attributes
    ----------
    channels, units : tuples of str
        Voltages are always in mV.
    sfreq : float, Hz
    steps : int
    comments : tuple of str
    signals : tuple of Signal
        Empty for a record of several segments.
    """

    channels: tuple[str, ...]
    units: tuple[str, ...]
    sfreq: float
    steps: int
    comments: tuple[str, ...] = ()
    signals: tuple[Signal, ...] = ()

    @property
    def plain(self) -> bool:
        """Whether the record is in format 16."""
        return bool(self.signals) and all(signal.plain for signal in self.signals)

    def unit_of(self, channels: tuple[str, ...]) -> str:
        """The unit of some of the channels; see :func:`one_unit`."""
        return one_unit(self.units[self.channels.index(channel)] for channel in channels)


def parsed(stem: Path) -> WfdbHeader | None:
    """The header of a record; None when it has segments or no length, or is unusual in another way."""
    body, comments = lines_of(stem)
    head = body[0].split() if body else []
    try:
        n_signals, frames, steps = int(head[1]), float(head[2].split("/")[0].split("(")[0]), int(head[3])
    except (IndexError, ValueError):
        return None
    signals = signals_of(body)
    complete = signals and len(signals) == n_signals == len(body) - 1
    if has_segments(body) or steps < 1 or frames <= 0 or not complete:
        return None
    elsewhere = next((s.file for s in signals if Path(s.file).name != s.file), None)
    if elsewhere is not None:
        raise Unreadable(f"its header names the file {elsewhere}, which does not lie beside it")
    units = tuple(millivolts(s.unit)[1] for s in signals)
    times = max(s.per_frame for s in signals)
    names = distinct([s.name for s in signals])
    return WfdbHeader(names, units, frames * times, steps * times, comments, signals)


def signals_of(body: Sequence[str]) -> tuple[Signal, ...]:
    found = []
    for line in body[1:]:
        try:
            found.append(_signal(line))
        except ValueError as error:
            raise Unreadable(f"the line {line!r} of its header holds what is no number") from error
    return tuple(signal for signal in found if signal is not None)


def has_segments(body: Sequence[str]) -> bool:
    return bool(body) and "/" in body[0].split()[0]


def _signal(line: str) -> Signal | None:
    words = line.split(maxsplit=8)
    form = FORMAT.fullmatch(words[1]) if len(words) > 1 else None
    if form is None:
        return None
    gain = GAIN.fullmatch(words[2]) if len(words) > 2 else None
    usable = gain is not None and float(gain[1]) != 0
    zero = words[4] if len(words) > 4 else "0"
    return Signal(
        file=words[0],
        skip=int(form[4] or 0),
        gain=float(gain[1]) if gain is not None else 0.0,
        baseline=float(gain[2] if gain is not None and gain[2] is not None else zero),
        unit=(gain[3] if gain is not None else None) or "mV",
        name=words[8].strip() if len(words) > 8 else "",
        per_frame=int(form[2] or 1),
        plain=form[1] == "16" and form[2] in (None, "1") and form[3] is None and usable and words[0] != "~",
    )


def lines_of(stem: Path) -> tuple[list[str], tuple[str, ...]]:
    """Lines of a header that are not empty: those that describe the record, and the comments."""
    header = stem.with_name(stem.name + ".hea")
    try:
        lines = decoded(header.read_bytes()).splitlines()
    except FileNotFoundError:
        raise Unreadable(f"{header.name} is missing") from None
    except OSError as error:
        raise Unreadable(f"{header.name} cannot be read ({error.strerror})") from error
    if any("\0" in line for line in lines):
        raise Unreadable(f"{header.name} is no text: it holds a NUL byte")
    body = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    return body, tuple(line.lstrip()[1:].strip() for line in lines if line.lstrip().startswith("#"))


def signal_files(stem: Path) -> list[Path]:
    """The files of a record and of its segments as far as headers name them, for fingerprints."""
    header = stem.with_name(stem.name + ".hea")
    try:
        body = lines_of(stem)[0]
    except Unreadable:
        return [header]
    named = [stem.parent / name for name in dict.fromkeys(line.split()[0] for line in body[1:])]
    if not has_segments(body):
        return [header, *named]
    # a segment that is the record itself would never end
    return [header, *(file for segment in named if segment != stem for file in signal_files(segment))]


def is_segment(name: str, stem: Path) -> bool:
    """Whether the record ``stem`` has several segments, of which one has this name; never raises."""
    try:
        body = lines_of(stem)[0]
    except Unreadable:
        return False
    return has_segments(body) and any(line.split()[0] == name for line in body[1:])


def millivolts(unit: str) -> tuple[float, str]:
    """Factor to millivolts and ``"mV"`` for a voltage; 1 and the same unit for anything else.

    Raises
    ------
    Unreadable
        When the unit could be two.
    """
    try:
        known = canonical(unit)
    except DataError as error:
        raise Unreadable(str(error)) from error
    return (factor(known, "mV"), "mV") if is_voltage(known) else (1.0, known)


def one_unit(units: Iterable[str]) -> str:
    """The unit of several channels; where they differ, each once with a slash between."""
    return "/".join(dict.fromkeys(millivolts(unit)[1] for unit in units))

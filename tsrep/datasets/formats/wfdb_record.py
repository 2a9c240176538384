"""One WFDB record on disk: read as int16 counts, and written in format 16.

Most ECG databases use format 16 (little-endian int16, interleaved), which is read here directly; every
other format goes through the ``wfdb`` package, which takes some thirty-five times as long.
"""

from __future__ import annotations

import importlib
import re
import tempfile
import threading
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsrep.datasets.dataset import Unreadable
from tsrep.datasets.quantisation import in_float32
from tsrep.errors import DataError
from tsrep.signals.channel_names import distinct
from tsrep.signals.filters import bridged
from tsrep.signals.resample import resample
from tsrep.signals.units import canonical, decoded, factor, is_voltage

MISSING = -32768
FORMAT = re.compile(r"(\d+)(?:x(\d+))?(:\d+)?(?:\+(\d+))?")
GAIN = re.compile(r"([-+0-9.eE]+)(?:\((-?\d+)\))?(?:/(\S+))?")
# what wfdb can parse after the number of samples: a time of day, and a date
STARTS = re.compile(r"(\d{1,2}(:\d{1,2}){1,2}(\.\d{1,6})?( \d{2}/\d{2}/\d{4})?)?")
IMPORTING = threading.Lock()


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


@dataclass(frozen=True)
class WfdbRecord:
    """A decoded record.

    Attributes
    ----------
    counts : array, shape (channel, time), int16 or float32
        float32 only when the file has more than 16 bits or gaps (NaN).
    gain, offset : float64 arrays, shape (channel,)
        ``counts * gain + offset`` is in ``units``.
    channels : tuple of str
    sfreq : float, Hz
    units : tuple of str
        Voltages are always in mV.
    comments : tuple of str
        Of the header.
    """

    counts: NDArray[np.generic]
    gain: NDArray[np.float64]
    offset: NDArray[np.float64]
    channels: tuple[str, ...]
    sfreq: float
    units: tuple[str, ...]
    comments: tuple[str, ...] = ()


def read_wfdb(stem: Path, start: int = 0, stop: int | None = None) -> WfdbRecord:
    """Read ``stem.hea`` and the signal files that it names.

    Parameters
    ----------
    stem : Path
    start, stop : int
        First step to read and the step after the last; without ``stop`` to the end.

    Raises
    ------
    Unreadable
        When a file is missing, damaged, or shorter than its header says.
    """
    header = _parsed(stem)
    if header is None or not header.plain:
        return _through_wfdb(stem, start, stop)
    files = list(dict.fromkeys(s.file for s in header.signals))
    part = slice(start, header.steps if stop is None else min(stop, header.steps))
    counts = np.concatenate([_read_file(stem.parent, name, header, part) for name in files])
    # a header may mix files, so its signals are put back into its order
    order = [i for name in files for i, s in enumerate(header.signals) if s.file == name]
    counts = counts[np.argsort(order)] if order != sorted(order) else counts
    gain = np.array([millivolts(s.unit)[0] / s.gain for s in header.signals])
    offset = -np.array([s.baseline for s in header.signals]) * gain
    return WfdbRecord(counts, gain, offset, header.channels, header.sfreq, header.units, header.comments)


def read_header(stem: Path) -> WfdbHeader:
    """Read ``stem.hea`` only (of a record of several segments, or without a length, all of it).

    Raises
    ------
    Unreadable
        When it is missing or damaged.
    """
    header = _parsed(stem)
    if header is not None:
        return header
    whole = _through_wfdb(stem)
    return WfdbHeader(whole.channels, whole.units, whole.sfreq, whole.counts.shape[1], whole.comments)


def signal_files(stem: Path) -> list[Path]:
    """The files of a record and of its segments as far as headers name them, for fingerprints."""
    header = stem.with_name(stem.name + ".hea")
    try:
        body = _lines(stem)[0]
    except Unreadable:
        return [header]
    named = [stem.parent / name for name in dict.fromkeys(line.split()[0] for line in body[1:])]
    if not _has_segments(body):
        return [header, *named]
    # a segment that is the record itself would never end
    return [header, *(file for segment in named if segment != stem for file in signal_files(segment))]


def is_segment(name: str, stem: Path) -> bool:
    """Whether the record ``stem`` has several segments, of which one has this name; never raises."""
    try:
        body = _lines(stem)[0]
    except Unreadable:
        return False
    return _has_segments(body) and any(line.split()[0] == name for line in body[1:])


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


def write_wfdb(
    stem: Path,
    counts: NDArray[np.int16],
    *,
    sfreq: float,
    channels: Sequence[str],
    gain: float = 1000.0,
    unit: str = "mV",
    comments: Sequence[str] = (),
) -> None:
    """Write ``stem.dat`` and ``stem.hea``.

    Parameters
    ----------
    stem : Path
    counts : int16 array, shape (channel, time)
    sfreq : float, Hz
    channels : sequence of str
    gain : float
        Counts per ``unit``.
    unit : str
    comments : sequence of str
        Lines for the end of the header.
    """
    np.ascontiguousarray(counts.T, "<i2").tofile(stem.with_name(stem.name + ".dat"))
    checksums = counts.sum(axis=1, dtype=np.int64) & 0xFFFF
    lines = [f"{stem.name} {len(counts)} {sfreq:g} {counts.shape[1]}"]
    lines += [
        f"{stem.name}.dat 16 {gain}(0)/{unit} 16 0 {first} {checksum} 0 {channel}"
        for first, checksum, channel in zip(counts[:, 0], checksums, channels, strict=True)
    ]
    lines += [f"# {comment}" for comment in comments]
    stem.with_name(stem.name + ".hea").write_text("\n".join(lines) + "\n", encoding="ascii")


def _parsed(stem: Path) -> WfdbHeader | None:
    """The header of a record; None when it has segments or no length, or is unusual in another way."""
    body, comments = _lines(stem)
    head = body[0].split() if body else []
    try:
        n_signals, frames, steps = int(head[1]), float(head[2].split("/")[0].split("(")[0]), int(head[3])
    except (IndexError, ValueError):
        return None
    signals = _signals(body)
    complete = signals and len(signals) == n_signals == len(body) - 1
    if _has_segments(body) or steps < 1 or frames <= 0 or not complete:
        return None
    elsewhere = next((s.file for s in signals if Path(s.file).name != s.file), None)
    if elsewhere is not None:
        raise Unreadable(f"its header names the file {elsewhere}, which does not lie beside it")
    units = tuple(millivolts(s.unit)[1] for s in signals)
    times = max(s.per_frame for s in signals)
    names = distinct([s.name for s in signals])
    return WfdbHeader(names, units, frames * times, steps * times, comments, signals)


def _signals(body: Sequence[str]) -> tuple[Signal, ...]:
    return tuple(s for s in map(_signal, body[1:]) if s is not None)


def _has_segments(body: Sequence[str]) -> bool:
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


def _lines(stem: Path) -> tuple[list[str], tuple[str, ...]]:
    """Lines of a header that are not empty: those that describe the record, and the comments."""
    header = stem.with_name(stem.name + ".hea")
    try:
        lines = decoded(header.read_bytes()).splitlines()
    except FileNotFoundError:
        raise Unreadable(f"{header.name} is missing") from None
    except OSError as error:
        raise Unreadable(f"{header.name} cannot be read ({error.strerror})") from error
    body = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    return body, tuple(line.lstrip()[1:].strip() for line in lines if line.lstrip().startswith("#"))


def _read_file(folder: Path, name: str, header: WfdbHeader, part: slice) -> NDArray[np.int16]:
    """Counts of the signals in one file, shape (channel, time)."""
    path, mine = folder / name, [s for s in header.signals if s.file == name]
    steps = part.stop - part.start
    wanted, before = steps * len(mine), part.start * len(mine)
    try:
        flat = np.fromfile(path, "<i2", count=wanted, offset=mine[0].skip + 2 * before)
    except FileNotFoundError:
        raise Unreadable(f"{path.name} is missing") from None
    except OSError as error:
        raise Unreadable(f"{path.name} cannot be read ({error.strerror})") from error
    if len(flat) < wanted:
        there = (before + len(flat)) // len(mine)
        raise Unreadable(f"{path.name} is truncated: {there} of {header.steps} time steps")
    return flat.reshape(steps, len(mine)).T.astype(np.int16, copy=False)


def _package() -> Any:
    """The wfdb package, imported when first needed; it warns about its own use of pandas."""
    with IMPORTING, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module("wfdb")


def _through_wfdb(stem: Path, start: int = 0, stop: int | None = None) -> WfdbRecord:
    wfdb = _package()
    heads = _signal_lines(stem)
    times = max((signal.per_frame for head in heads for signal in head), default=1)
    try:
        with _parsable(stem) as place:
            # frames are smoothed unless told, which would average their samples
            # several samples to a frame are brought to one rate, for which the whole of them is needed
            part = {"sampfrom": start, "sampto": stop} if times == 1 else {}
            record = wfdb.rdrecord(str(place), physical=True, smooth_frames=times == 1, **part)
    except Exception as error:
        # the package raises whatever its parser stumbles on; any of it means that the record is unusable
        raise Unreadable(f"wfdb cannot read it ({type(error).__name__}: {error})") from error
    signals = record.e_p_signal if times > 1 else record.p_signal
    if signals is None or not len(signals):
        raise Unreadable("wfdb finds no signal in it")
    # (channel, time), those with fewer samples to a frame at the highest rate
    values = np.stack([_stretched(s, max(map(len, signals))) for s in signals]) if times > 1 else signals.T
    values = values[:, start:stop] if times > 1 else values
    names = record.sig_name or [""] * len(values)
    factors, units = zip(*map(millivolts, _stated_units(heads, names)), strict=True)
    channels = distinct([name or "" for name in names])
    # a level far from zero would cost float32 its resolution
    offset = np.array([_level(channel) for channel in values])
    return WfdbRecord(
        counts=in_float32((values - offset[:, None])[None], channels)[0],
        gain=np.array(factors),
        offset=offset * factors,
        channels=channels,
        sfreq=float(record.fs) * times,
        units=units,
        comments=tuple(record.comments or ()),
    )


def _signal_lines(stem: Path) -> list[tuple[Signal, ...]]:
    """Signals of a record, or of each of its segments that has any."""
    body = _lines(stem)[0]
    if not _has_segments(body):
        return [_signals(body)]
    names = dict.fromkeys(line.split()[0] for line in body[1:])
    return [_signals(_lines(stem.parent / name)[0]) for name in names if name not in ("~", stem.name)]


def _stated_units(heads: Sequence[tuple[Signal, ...]], names: Sequence[str]) -> list[str]:
    """Unit of each signal as headers state it, which are read as bytes: wfdb takes µV for V.

    Raises
    ------
    Unreadable
        When segments differ, or names do not tell which signal is which.
    """
    alike = all(len(head) == len(names) for head in heads)
    if not alike and len(set(names)) < len(names):
        raise Unreadable("its segments have other signals, and two have one name")
    told: dict[int | str, str] = {}
    for head in heads:
        for i, signal in enumerate(head):
            key = i if alike else signal.name
            if told.setdefault(key, signal.unit) != signal.unit:
                raise Unreadable(
                    f"its segments have {signal.name} in {told[key]} and in {signal.unit}; convert them"
                )
    return [told.get(i if alike else name, "mV") for i, name in enumerate(names)]


@contextmanager
def _parsable(stem: Path) -> Iterator[Path]:
    """The record for wfdb: where it cannot parse what a header says of dates, a copy that does not say it."""
    body = _lines(stem)[0]
    words = body[0].split() if body else []
    if STARTS.fullmatch(" ".join(words[4:])):
        yield stem
        return
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        text = "\n".join([" ".join(words[:4]), *body[1:]])
        (folder / f"{stem.name}.hea").write_text(text + "\n", encoding="utf-8")
        for file in signal_files(stem)[1:]:
            (folder / file.name).symlink_to(file.resolve())
        yield folder / stem.name


def _level(values: NDArray[np.float64]) -> float:
    """The middle of a channel, where it is large against the channel's range; else 0."""
    there = values[np.isfinite(values)]
    if not len(there):
        return 0.0
    low, high = float(there.min()), float(there.max())
    return (low + high) / 2 if abs(low + high) > 1e3 * (high - low) > 0 else 0.0


def _stretched(signal: NDArray[np.float64], steps: int) -> NDArray[np.float64]:
    """A signal at a higher rate; missing values (NaN) stay where they are."""
    gaps = ~np.isfinite(signal)
    if len(signal) == steps or gaps.all():
        return np.resize(signal, steps)
    full = bridged(signal[None], gaps[None]) if gaps.any() else signal[None]
    result: NDArray[np.float64] = resample(full, len(signal), steps)[0].astype(np.float64)
    result[gaps[np.arange(steps) * len(signal) // steps]] = np.nan
    return result

"""One WFDB record on disk: read as int16 counts, and written in format 16.

Most ECG databases use format 16 (little-endian int16, interleaved), which is read here directly; every
other format goes through the ``wfdb`` package, which takes some thirty-five times as long.
"""

from __future__ import annotations

import importlib
import re
import threading
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsrep.datasets.dataset import Unreadable

MISSING = -32768
FORMAT_16 = re.compile(r"16(?:x1)?(?:\+(\d+))?")
GAIN = re.compile(r"([-+0-9.eE]+)(?:\((-?\d+)\))?(?:/(\S+))?")
MILLIVOLTS = {"mv": 1.0, "uv": 1e-3, "µv": 1e-3, "v": 1e3}
IMPORTING = threading.Lock()


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
        Of a record in format 16; empty for every other format.
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
        return bool(self.signals)

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


def read_wfdb(stem: Path) -> WfdbRecord:
    """Read ``stem.hea`` and the signal files that it names.

    Raises
    ------
    Unreadable
        When a file is missing, damaged, or shorter than its header says.
    """
    header = _plain_header(stem)
    if header is None:
        return _through_wfdb(stem)
    files = list(dict.fromkeys(s.file for s in header.signals))
    counts = np.concatenate([_read_file(stem.parent / name, header) for name in files])
    # a header may mix files, so its signals are put back into its order
    order = [i for name in files for i, s in enumerate(header.signals) if s.file == name]
    counts = counts[np.argsort(order)] if order != sorted(order) else counts
    gain = np.array([millivolts(s.unit)[0] / s.gain for s in header.signals])
    offset = -np.array([s.baseline for s in header.signals]) * gain
    return WfdbRecord(counts, gain, offset, header.channels, header.sfreq, header.units, header.comments)


def read_header(stem: Path) -> WfdbHeader:
    """Read ``stem.hea`` only (of a record of several segments, all of it).

    Raises
    ------
    Unreadable
        When it is missing or damaged.
    """
    plain = _plain_header(stem)
    if plain is not None:
        return plain
    wfdb = _package()
    try:
        header = wfdb.rdheader(str(stem))
        if not hasattr(header, "seg_name"):
            units = tuple(millivolts(unit or "mV")[1] for unit in header.units)
            return WfdbHeader(tuple(header.sig_name), units, float(header.fs), int(header.sig_len))
    except Exception as error:
        # the package raises whatever its parser stumbles on; any of it means that the record is unusable
        raise Unreadable(f"wfdb cannot read its header ({type(error).__name__}: {error})") from error
    whole = _through_wfdb(stem)
    return WfdbHeader(whole.channels, whole.units, whole.sfreq, whole.counts.shape[1])


def signal_files(stem: Path) -> list[Path]:
    """The files of a record as far as its header names them, for fingerprints; never raises."""
    header = stem.with_name(stem.name + ".hea")
    try:
        body = [line.split() for line in _lines(stem)[0]]
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


def _plain_header(stem: Path) -> WfdbHeader | None:
    """The header of a record in format 16; None when it is in another format or unusual in another way."""
    body, comments = _lines(stem)
    head = body[0].split() if body else []
    try:
        n_signals, sfreq, steps = int(head[1]), float(head[2].split("/")[0].split("(")[0]), int(head[3])
    except (IndexError, ValueError):
        return None
    signals = tuple(s for s in map(_signal, body[1:]) if s is not None)
    complete = signals and len(signals) == n_signals == len(body) - 1
    if "/" in head[0] or steps < 1 or sfreq <= 0 or not complete:
        return None
    units = tuple(millivolts(s.unit)[1] for s in signals)
    return WfdbHeader(tuple(s.name for s in signals), units, sfreq, steps, comments, signals)


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


def _lines(stem: Path) -> tuple[list[str], tuple[str, ...]]:
    """Lines of a header that are not empty: those that describe the record, and the comments."""
    header = stem.with_name(stem.name + ".hea")
    try:
        lines = header.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        raise Unreadable(f"{header.name} is missing") from None
    except OSError as error:
        raise Unreadable(f"{header.name} cannot be read ({error.strerror})") from error
    body = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    return body, tuple(line.lstrip()[1:].strip() for line in lines if line.lstrip().startswith("#"))


def _read_file(path: Path, header: WfdbHeader) -> NDArray[np.int16]:
    """Counts of the signals in one file, shape (channel, time)."""
    mine = [s for s in header.signals if s.file == path.name]
    wanted = header.steps * len(mine)
    try:
        flat = np.fromfile(path, "<i2", count=wanted, offset=mine[0].skip)
    except FileNotFoundError:
        raise Unreadable(f"{path.name} is missing") from None
    except OSError as error:
        raise Unreadable(f"{path.name} cannot be read ({error.strerror})") from error
    if len(flat) < wanted:
        raise Unreadable(f"{path.name} is truncated: {len(flat) // len(mine)} of {header.steps} time steps")
    return flat.reshape(header.steps, len(mine)).T.astype(np.int16, copy=False)


def _package() -> Any:
    """The wfdb package, imported when first needed; it warns about its own use of pandas."""
    with IMPORTING, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module("wfdb")


def _through_wfdb(stem: Path) -> WfdbRecord:
    wfdb = _package()
    try:
        record = wfdb.rdrecord(str(stem), physical=True)
    except Exception as error:
        # likewise, see read_header
        raise Unreadable(f"wfdb cannot read it ({type(error).__name__}: {error})") from error
    if record.p_signal is None:
        raise Unreadable("wfdb finds no signal in it")
    factors, units = zip(*(millivolts(unit or "mV") for unit in record.units), strict=True)
    values = record.p_signal.T.astype(np.float32)
    return WfdbRecord(
        counts=values,
        gain=np.array(factors),
        offset=np.zeros(len(values)),
        channels=tuple(record.sig_name),
        sfreq=float(record.fs),
        units=units,
        comments=tuple(record.comments or ()),
    )

"""One WFDB record from disk as int16 counts.

Most ECG databases use format 16 (little-endian int16, interleaved), which is read here directly; every
other format goes through the ``wfdb`` package, which is some thirty-five times slower.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FORMAT_16 = re.compile(r"16(?:x1)?(?:\+(\d+))?")
GAIN = re.compile(r"([-+0-9.eE]+)(?:\((-?\d+)\))?(?:/(\S+))?")
MILLIVOLTS = {"mv": 1.0, "uv": 1e-3, "µv": 1e-3, "v": 1e3}
MISSING = -32768


class Unreadable(Exception):
    """A record cannot be used; the text is the reason."""


@dataclass(frozen=True)
class WfdbRecord:
    """A decoded record.

    Attributes
    ----------
    counts : array, shape (channel, time), int16 or float32
        float32 only when the file has more than 16 bits or gaps (NaN).
    gain, offset : float64 arrays, shape (channel,)
        ``counts * gain + offset`` is in ``unit``.
    """

    counts: NDArray[np.generic]
    gain: NDArray[np.float64]
    offset: NDArray[np.float64]
    channels: tuple[str, ...]
    sfreq: float
    unit: str
    comments: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Line:
    file: str
    skip: int
    gain: float
    baseline: float
    unit: str
    name: str


def read_wfdb(stem: Path) -> WfdbRecord:
    """Read ``stem.hea`` and the signal files that it names.

    Raises
    ------
    Unreadable
        When a file is missing, damaged, or shorter than its header says.
    """
    header = stem.with_name(stem.name + ".hea")
    try:
        lines = header.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        raise Unreadable(f"{header.name} is missing") from None
    except OSError as error:
        raise Unreadable(f"{header.name} cannot be read ({error.strerror})") from error
    comments = tuple(line.lstrip()[1:].strip() for line in lines if line.lstrip().startswith("#"))
    plain = _parse([line for line in lines if line.strip() and not line.lstrip().startswith("#")])
    if plain is None:
        return _through_wfdb(stem, comments)
    sfreq, steps, signals = plain
    counts = np.concatenate([_read_file(stem.parent / f, signals, steps) for f in _files(signals)])
    factor, unit = _unit(tuple(s.unit for s in signals))
    gain = np.array([f / s.gain for f, s in zip(factor, signals, strict=True)])
    offset = -np.array([s.baseline for s in signals]) * gain
    return WfdbRecord(counts, gain, offset, tuple(s.name for s in signals), sfreq, unit, comments)


def signal_files(stem: Path) -> list[Path]:
    """The files of a record as far as its header names them, for fingerprints; never raises."""
    header = stem.with_name(stem.name + ".hea")
    try:
        lines = header.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return [header]
    body = [line.split() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    names = dict.fromkeys(words[0] for words in body[1:] if len(words) > 1)
    return [header, *(stem.parent / name for name in names)]


def _parse(lines: list[str]) -> tuple[float, int, list[_Line]] | None:
    """Sampling rate, steps and signals of a plain header; None when it needs the wfdb package."""
    head = lines[0].split() if lines else []
    try:
        n_signals, sfreq, steps = int(head[1]), float(head[2].split("/")[0].split("(")[0]), int(head[3])
    except (IndexError, ValueError):
        return None
    signals = [_parse_signal(line) for line in lines[1:]]
    known = [s for s in signals if s is not None]
    if "/" in head[0] or steps < 1 or not known or not len(known) == len(signals) == n_signals:
        return None
    return sfreq, steps, known


def _parse_signal(line: str) -> _Line | None:
    words = line.split(maxsplit=8)
    if len(words) < 3:
        return None
    form, gain = FORMAT_16.fullmatch(words[1]), GAIN.fullmatch(words[2])
    if form is None or gain is None or words[0] == "~" or float(gain[1]) == 0:
        return None
    zero = words[4] if len(words) > 4 else "0"
    name = words[8].strip() if len(words) > 8 else ""
    baseline = float(gain[2] if gain[2] is not None else zero)
    return _Line(words[0], int(form[1] or 0), float(gain[1]), baseline, gain[3] or "mV", name)


def _files(signals: list[_Line]) -> list[str]:
    return list(dict.fromkeys(s.file for s in signals))


def _read_file(path: Path, signals: list[_Line], steps: int) -> NDArray[np.int16]:
    mine = [s for s in signals if s.file == path.name]
    try:
        flat = np.fromfile(path, "<i2", count=steps * len(mine), offset=mine[0].skip)
    except FileNotFoundError:
        raise Unreadable(f"{path.name} is missing") from None
    except OSError as error:
        raise Unreadable(f"{path.name} cannot be read ({error.strerror})") from error
    if len(flat) < steps * len(mine):
        raise Unreadable(f"{path.name} is truncated: {len(flat) // len(mine)} of {steps} time steps")
    return flat.reshape(steps, len(mine)).T.astype(np.int16, copy=False)


def _through_wfdb(stem: Path, comments: tuple[str, ...]) -> WfdbRecord:
    import wfdb

    try:
        record = wfdb.rdrecord(str(stem), physical=True)
    except Exception as error:
        # the package raises whatever its parser stumbles on; any of it means that the record is unusable
        raise Unreadable(f"wfdb cannot read it ({type(error).__name__}: {error})") from error
    if record.p_signal is None:
        raise Unreadable("wfdb finds no signal in it")
    factor, unit = _unit(tuple(u or "mV" for u in record.units))
    values = record.p_signal.T
    gain, offset = np.array(factor), np.zeros(len(values))
    return WfdbRecord(
        values.astype(np.float32), gain, offset, tuple(record.sig_name), float(record.fs), unit, comments
    )


def _unit(units: tuple[str, ...]) -> tuple[list[float], str]:
    """Factors to a common unit: millivolts where all channels are voltages."""
    if all(u.lower() in MILLIVOLTS for u in units):
        return [MILLIVOLTS[u.lower()] for u in units], "mV"
    return [1.0] * len(units), "/".join(dict.fromkeys(units))

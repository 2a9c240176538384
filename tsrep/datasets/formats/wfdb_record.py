"""One WFDB record from disk as int16 counts.

Most ECG databases use format 16 (little-endian int16, interleaved), which is read here directly; every
other format goes through the ``wfdb`` package, which takes some thirty-five times as long.
"""

from __future__ import annotations

import importlib
import threading
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsrep.datasets.formats.wfdb_header import PlainHeader, Unreadable, millivolts, read_plain

MISSING = -32768
IMPORTING = threading.Lock()


@dataclass(frozen=True)
class WfdbRecord:
    """A decoded record.

    Attributes
    ----------
    counts : array, shape (channel, time), int16 or float32
        float32 only when the file has more than 16 bits or gaps (NaN).
    gain, offset : float64 arrays, shape (channel,)
        ``counts * gain + offset`` is in ``units``.
    units : tuple of str
        Voltages are always in mV.
    """

    counts: NDArray[np.generic]
    gain: NDArray[np.float64]
    offset: NDArray[np.float64]
    channels: tuple[str, ...]
    sfreq: float
    units: tuple[str, ...]
    comments: tuple[str, ...] = ()


@dataclass(frozen=True)
class WfdbHeader:
    """Channels, units, rate (Hz) and steps of a record; ``plain`` when it is in format 16."""

    channels: tuple[str, ...]
    units: tuple[str, ...]
    sfreq: float
    steps: int
    plain: bool

    def unit_of(self, channels: tuple[str, ...]) -> tuple[str, ...]:
        """Units of some of the channels."""
        return tuple(self.units[self.channels.index(channel)] for channel in channels)


def read_wfdb(stem: Path) -> WfdbRecord:
    """Read ``stem.hea`` and the signal files that it names.

    Raises
    ------
    Unreadable
        When a file is missing, damaged, or shorter than its header says.
    """
    plain = read_plain(stem)
    if plain is None:
        return _through_wfdb(stem)
    counts = np.concatenate([_read_file(stem.parent / name, plain) for name in plain.files])
    # a header may mix files, so its signals are put back into its order
    order = [i for name in plain.files for i, s in enumerate(plain.signals) if s.file == name]
    counts = counts[np.argsort(order)] if order != sorted(order) else counts
    gain = np.array([millivolts(s.unit)[0] / s.gain for s in plain.signals])
    units = tuple(millivolts(s.unit)[1] for s in plain.signals)
    offset = -np.array([s.baseline for s in plain.signals]) * gain
    names = tuple(s.name for s in plain.signals)
    return WfdbRecord(counts, gain, offset, names, plain.sfreq, units, plain.comments)


def read_header(stem: Path) -> WfdbHeader:
    """Read ``stem.hea`` only (of a record of several segments, all of it).

    Raises
    ------
    Unreadable
        When it is missing or damaged.
    """
    plain = read_plain(stem)
    if plain is not None:
        names = tuple(s.name for s in plain.signals)
        units = tuple(millivolts(s.unit)[1] for s in plain.signals)
        return WfdbHeader(names, units, plain.sfreq, plain.steps, plain=True)
    wfdb = _package()
    try:
        header = wfdb.rdheader(str(stem))
        if not hasattr(header, "seg_name"):
            units = tuple(millivolts(unit or "mV")[1] for unit in header.units)
            return WfdbHeader(
                tuple(header.sig_name), units, float(header.fs), int(header.sig_len), plain=False
            )
    except Exception as error:
        # the package raises whatever its parser stumbles on; any of it means that the record is unusable
        raise Unreadable(f"wfdb cannot read its header ({type(error).__name__}: {error})") from error
    whole = _through_wfdb(stem)
    return WfdbHeader(whole.channels, whole.units, whole.sfreq, whole.counts.shape[1], plain=False)


def _read_file(path: Path, header: PlainHeader) -> NDArray[np.int16]:
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
    names = tuple(record.sig_name)
    zero = np.zeros(len(values))
    comments = tuple(record.comments or ())
    return WfdbRecord(values, np.array(factors), zero, names, float(record.fs), units, comments)

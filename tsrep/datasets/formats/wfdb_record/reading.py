"""Reading records: those in format 16 directly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tsrep.datasets.dataset import Unreadable
from tsrep.datasets.formats.wfdb_record.header import WfdbHeader, millivolts, parsed
from tsrep.datasets.formats.wfdb_record.package import through_wfdb
from tsrep.datasets.formats.wfdb_record.record import WfdbRecord


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
    header = parsed(stem)
    if header is None or not header.plain:
        return through_wfdb(stem, start, stop)
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
    header = parsed(stem)
    if header is not None:
        return header
    whole = through_wfdb(stem)
    return WfdbHeader(whole.channels, whole.units, whole.sfreq, whole.counts.shape[1], whole.comments)


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

"""A decoded WFDB record, and how one is written in format 16."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

MISSING = -32768


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

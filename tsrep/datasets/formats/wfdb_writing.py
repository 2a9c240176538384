"""Writing records as WFDB format 16: interleaved little-endian int16 and a text header."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


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

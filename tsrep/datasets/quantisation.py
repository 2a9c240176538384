"""Signals as 16-bit counts where that keeps their resolution, and as float32 where it does not."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsrep.datasets.conversion import Job, S, TooCoarseError, convert, is_converted
from tsrep.datasets.converted import Converted
from tsrep.datasets.dataset import Unreadable
from tsrep.signals.quality import spreads

LARGEST = 32767
STEPS_IN_SPREAD = 200
Stored = tuple[NDArray[Any], NDArray[np.float64], NDArray[np.float64]]


def convert_exactly(
    job_of: Callable[[str], Job[S]], cache: Path, *, strict: bool, progress: bool
) -> Converted:
    """Conversion to 16-bit counts, or to float32 as soon as one recording would lose its resolution.

    Parameters
    ----------
    job_of : callable, dtype to Job
        The ``decode`` of its int16 job raises TooCoarseError where that does not serve.
    cache, strict, progress
        See :func:`tsrep.datasets.conversion.convert`.
    """
    counts, floats = job_of("int16"), job_of("float32")
    if not is_converted(floats, cache):
        with suppress(TooCoarseError):
            return convert(counts, cache, strict=strict, progress=progress)
    return convert(floats, cache, strict=strict, progress=progress)


def stored(values: NDArray[Any], channels: tuple[str, ...], dtype: str) -> Stored:
    """Values, shape (epoch, channel, time), as they are stored, with gain and offset to go back.

    A count is at most 1/65534 of the channel's range in the recording.

    Raises
    ------
    TooCoarseError
        When a count would exceed 1/200 of the channel's spread (dtype int16).
    Unreadable
        When float32 does not hold the values.
    """
    return in_counts(values) if dtype == "int16" else (in_float32(values, channels), *_unscaled(values))


def in_counts(values: NDArray[Any]) -> Stored:
    """Values as counts over each channel's range; see :func:`stored`."""
    top, bottom = values.max(axis=(0, 2)).astype(np.float64), values.min(axis=(0, 2)).astype(np.float64)
    offset = ((top + bottom) / 2).astype(np.float32).astype(np.float64)
    # from the offset as rounded, so that no count exceeds the largest
    reach = np.maximum(top - offset, offset - bottom)
    gain = np.maximum(reach / LARGEST, 1e-12).astype(np.float32).astype(np.float64)
    spread = spreads(values)
    if ((spread > 0) & (gain > spread / STEPS_IN_SPREAD)).any():
        raise TooCoarseError
    counts = np.rint((values - offset[None, :, None]) / gain[None, :, None])
    return np.clip(counts, -LARGEST, LARGEST).astype(np.int16), gain, offset


def in_float32(values: NDArray[Any], channels: tuple[str, ...]) -> NDArray[np.float32]:
    """Values in float32, shape (epoch, channel, time); missing ones (NaN) stay.

    Raises
    ------
    Unreadable
        When a value is beyond float32, or steps near the largest value are coarse against the spread.
    """
    peak = np.abs(values).max(axis=(0, 2), initial=0, where=np.isfinite(values))
    beyond = peak > np.finfo(np.float32).max
    if beyond.any():
        c = int(beyond.argmax())
        raise Unreadable(f"channel {channels[c]} has the value {peak[c]:.3g}, which is beyond float32")
    spread = spreads(values)
    coarse = (spread > 0) & (np.spacing(peak.astype(np.float32)) > spread / STEPS_IN_SPREAD)
    if coarse.any():
        c = int(coarse.argmax())
        raise Unreadable(
            f"channel {channels[c]} varies by {spread[c]:.3g} around values up to {peak[c]:.3g}, a step too "
            "small for float32; subtract an offset first"
        )
    return values.astype(np.float32)


def _unscaled(values: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return np.ones(values.shape[1]), np.zeros(values.shape[1])

"""Missing values of one recording: where they are, and which segments they spoil."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsrep.datasets.formats.wfdb_record import MISSING

Gaps = NDArray[np.bool_]


def find_gaps(values: NDArray[Any]) -> Gaps:
    """Missing values of counts or of numbers, shape (channel, time)."""
    return np.asarray(values == MISSING if values.dtype == np.int16 else ~np.isfinite(values))


def bridged(values: NDArray[Any], gaps: Gaps) -> NDArray[Any]:
    """Values with straight lines across the gaps, so that a filter spreads nothing from them."""
    values = values.copy()
    steps = np.arange(values.shape[1])
    for signal, gap in zip(values, gaps, strict=True):
        signal[gap] = 0 if gap.all() else np.interp(steps[gap], steps[~gap], signal[~gap])
    return values


def spoilt_segments(gaps: Gaps, length: float, segments: int, channels: Sequence[str]) -> dict[int, str]:
    """Channel of the first gap in each segment that has one, by the segment's number.

    Parameters
    ----------
    gaps : array, shape (channel, time)
    length : float
        Of a segment, in steps of ``gaps``; a fraction after resampling.
    segments : int
        How many whole ones there are; what lies behind them does not matter.
    """
    spoilt: dict[int, str] = {}
    for channel, gap in zip(channels, gaps, strict=True):
        steps = np.flatnonzero(gap)
        # a value lies between two steps of another rate and touches both
        touched = np.concatenate([steps / length, (steps + 1) / length - 1e-9]).astype(np.int64)
        for number in np.unique(touched[touched < segments]).tolist():
            spoilt.setdefault(number, channel)
    return dict(sorted(spoilt.items()))

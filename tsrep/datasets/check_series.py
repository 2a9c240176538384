"""Looking a series over before training on it: gaps, constant channels, stray values, spread."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from tsrep.datasets.findings import Finding, worst_first
from tsrep.signals.panel import Floats
from tsrep.signals.series import Series
from tsrep.splits.by_time import TimeSplit
from tsrep.splits.split import PARTS
from tsrep.text import few, plural

Flags = NDArray[np.bool_]
FEW_LEVELS = 20  # distinct values, too few to call one of them stray
DESCRIBED = 12  # channels whose spread is told


def check_series(series: Series, split: TimeSplit | None = None) -> list[Finding]:
    """Findings about a series and, where given, its split; worst first."""
    told = (_missing(series), _empty_parts(series, split), _constant(series, split), _stray(series))
    return worst_first(chain(*told, _spread(series)))


def longest_gap(x: Floats) -> tuple[int, int]:
    """First step and length of the longest run of NaN in a channel; ``(0, 0)`` when there is none."""
    runs = np.flatnonzero(np.diff(np.isnan(x), prepend=False, append=False)).reshape(-1, 2)
    if not len(runs):
        return 0, 0
    start, stop = runs[np.diff(runs).argmax()].tolist()
    return start, stop - start


def _missing(series: Series) -> Iterator[Finding]:
    gaps = np.isnan(series.values)
    whole: Flags = np.asarray(gaps.all(axis=0))
    if whole.any():
        start, length = longest_gap(np.where(whole, np.float32(np.nan), np.float32(0)))
        yield Finding(
            "warning",
            f"{plural(int(whole.sum()), 'step')} of {len(series):,} without a value in any channel",
            f"longest run: {length:,} from {_stamp(series, start)}",
        )
    for name, x, lacks in zip(series.channels, series.values, gaps, strict=True):
        if lacks.sum() > whole.sum():
            start, length = longest_gap(x)
            yield Finding(
                "warning",
                f"{lacks.mean():.2%} of channel {name} is missing (NaN)",
                f"longest run: {plural(length, 'step')} from {_stamp(series, start)}",
            )


def _empty_parts(series: Series, split: TimeSplit | None) -> Iterator[Finding]:
    for part, (start, stop) in _spans(series, split).items():
        empty = np.asarray(np.isnan(series.values[:, start:stop]).all(axis=1))
        if empty.any():
            yield Finding("error", f"no value of channel {_names(series, empty)}", part)


def _constant(series: Series, split: TimeSplit | None) -> Iterator[Finding]:
    """A channel that is constant in training only has no scale that the other parts could be judged by."""
    spans = _spans(series, split)
    everywhere = _flat(series.values)
    if everywhere.any():
        yield Finding("warning", f"constant channel {_names(series, everywhere)}", "becomes zero")
    if split is not None:
        start, stop = spans["train part"]
        here: Flags = _flat(series.values[:, start:stop]) & ~everywhere
        if here.any():
            yield Finding("warning", f"constant channel {_names(series, here)}", "train part only")


def _flat(values: Floats) -> Flags:
    low = np.where(np.isnan(values), np.inf, values).min(axis=1)
    high = np.where(np.isnan(values), -np.inf, values).max(axis=1)
    return np.asarray(low == high)


def _stray(series: Series) -> Iterator[Finding]:
    """An extreme value farther from the next one than all others are from each other."""
    for name, x in zip(series.channels, series.values, strict=True):
        levels = np.unique(x[~np.isnan(x)]).astype(np.float64)
        if len(levels) < FEW_LEVELS:
            continue
        for extreme, rest in ((levels[0], levels[1:]), (levels[-1], levels[:-1])):
            if np.abs(rest - extreme).min() > 2 * (rest[-1] - rest[0]):
                at = np.flatnonzero(x == np.float32(extreme))
                steps = plural(len(at), "step")
                yield Finding(
                    "warning",
                    f"{extreme:g} in channel {name} is far from all other values ({steps}); "
                    f"if it stands for a missing value, set dataset.missing=[{extreme:g}]",
                    f"first at {_stamp(series, int(at[0]))}",
                )


def _spread(series: Series) -> Iterator[Finding]:
    for name, x in list(zip(series.channels, series.values, strict=True))[:DESCRIBED]:
        values = x[~np.isnan(x)].astype(np.float64)
        if len(values):
            yield Finding(
                "note",
                f"channel {name}: {values.min():.6g} to {values.max():.6g}, mean {values.mean():.6g}, "
                f"deviation {values.std():.4g}",
            )
    if len(series.channels) > DESCRIBED:
        yield Finding("note", f"and {len(series.channels) - DESCRIBED} more channels")


def _spans(series: Series, split: TimeSplit | None) -> dict[str, tuple[int, int]]:
    if split is None:
        return {"whole series": (0, len(series))}
    return {f"{part} part": getattr(split, part) for part in PARTS}


def _names(series: Series, chosen: Flags) -> str:
    return few([name for name, is_one in zip(series.channels, chosen, strict=True) if is_one])


def _stamp(series: Series, step: int) -> str:
    return str(series.time[step]).replace("T", " ")

"""Statistics of a recording that is too long to be held, so that its slices are standardised by them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tsrep.evaluation.arrays import Array
from tsrep.signals.contract import SignalContract
from tsrep.signals.panel import Floats

OF_RECORD = ("record", "record-all", "minmax-record", "minmax-channel")
POOLED = ("record-all", "minmax-record")  # over all channels together


def _nothing() -> Array:
    return np.zeros(0)


@dataclass(eq=False)
class Moments:
    """Number, sums and range of the values of each channel, added up slice by slice; missing ones are not.

    Sums are of the distance to the first slice's mean, so that a large offset takes no digits.
    """

    level: Array = field(default_factory=_nothing)
    count: Array = field(default_factory=_nothing)
    total: Array = field(default_factory=_nothing)
    squares: Array = field(default_factory=_nothing)
    low: Array = field(default_factory=_nothing)
    high: Array = field(default_factory=_nothing)

    def add(self, x: Floats) -> None:
        """Take in the next slice, shape (channel, time)."""
        values = x.astype(np.float64)
        known = np.isfinite(values)
        if not len(self.count):
            self._begin(values, known)
        values -= self.level[:, None]
        self.count += known.sum(axis=1)
        self.total += np.where(known, values, 0).sum(axis=1)
        self.squares += np.where(known, values**2, 0).sum(axis=1)
        self.low = np.minimum(self.low, np.where(known, values, np.inf).min(axis=1))
        self.high = np.maximum(self.high, np.where(known, values, -np.inf).max(axis=1))

    def _begin(self, values: Array, known: Array) -> None:
        shape = len(values)
        self.level = np.where(known, values, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
        self.count, self.total, self.squares = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        self.low, self.high = np.full(shape, np.inf), np.full(shape, -np.inf)

    def deviation(self, *, pooled: bool) -> tuple[Array, Array]:
        """Mean and standard deviation of each channel, or of all together."""
        count = np.maximum(self.count, 1)
        mean = self.level + self.total / count
        variance = np.maximum(self.squares / count - (self.total / count) ** 2, 0)
        if not pooled:
            return mean, np.sqrt(variance)
        weight = self.count / max(self.count.sum(), 1)
        middle = (weight * mean).sum()
        spread = np.sqrt((weight * (variance + (mean - middle) ** 2)).sum())
        return np.full(len(mean), middle), np.full(len(mean), spread)

    def range(self, *, pooled: bool) -> tuple[Array, Array]:
        """Least and greatest value of each channel, or of all together; 0 where there is none."""
        known = self.count > 0
        low = np.where(known, self.level + self.low, 0)
        high = np.where(known, self.level + self.high, 0)
        if pooled and known.any():
            low, high = np.full_like(low, low[known].min()), np.full_like(high, high[known].max())
        return low, high


def unstandardised(contract: SignalContract) -> SignalContract:
    """A contract for the same signal in one piece, before it is standardised."""
    window = contract.window.model_dump() | {"steps": None, "multiple_of": 1}
    return _changed(contract, standardise={"how": "none"}, window=window, scale=1.0)


def with_moments(contract: SignalContract, found: Moments, channels: Sequence[str]) -> SignalContract:
    """A contract whose standardisation of each channel is that of one recording.

    Parameters
    ----------
    contract : SignalContract
    found : Moments
    channels : sequence of str
        Of the recording, for a contract that takes any.
    """
    told = contract.standardise
    if told.range is not None:
        mean, std = _of_range(found, told.range, pooled=told.how in POOLED)
    else:
        mean, std = found.deviation(pooled=told.how in POOLED)
        flat = std <= np.finfo(np.float32).eps * np.abs(mean)
        std = np.where(flat, np.maximum(np.abs(mean), 1), std)
    stored = {"how": "channel", "mean": mean.tolist(), "std": std.tolist(), "range": None}
    return _changed(
        contract,
        standardise=told.model_dump() | stored,
        channels=contract.channels or tuple(channels),
    )


def _of_range(found: Moments, wanted: tuple[float, float], *, pooled: bool) -> tuple[Array, Array]:
    """What to subtract and divide by so that a channel's values fill a range."""
    low, high = found.range(pooled=pooled)
    least, most = wanted
    std = np.where(high > low, (high - low) / (most - least), 1.0)
    return low - least * std, std


def _changed(contract: SignalContract, **fields: Any) -> SignalContract:
    return SignalContract.model_validate(contract.model_dump() | fields)

"""What becomes of missing values, filled channels and ends of windows once they are standardised."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsrep.signals.contract import SignalContract
from tsrep.signals.filters import bridged
from tsrep.signals.panel import Floats

LONG_GAP = 0.05  # seconds without a value that no straight line stands for


@dataclass(frozen=True, eq=False)
class Finish:
    """The last changes to standardised windows.

    Attributes
    ----------
    contract : SignalContract
    steps : int
        Of a window, at least those that it comes with; the rest is padded.
    zero : bool array, shape (channel,)
        Channels that are not recorded and become zero.
    gaps : int
        Missing steps in a row after which a filtered or resampled channel counts as missing; 0 for none.
    """

    contract: SignalContract
    steps: int
    zero: NDArray[np.bool_]
    gaps: int

    def apply(self, x: Floats) -> Floats:
        """Windows as the encoder is shown them.

        Parameters
        ----------
        x : float32 array, shape (window, channel, time)
            Standardised.
        """
        missing = np.isnan(x)
        if self.gaps and missing.any():
            missing |= longest_gap(missing)[..., None] > self.gaps
            x = np.where(missing, np.float32(np.nan), x)
        if self.contract.missing_values != "nan" and missing.any():
            x = self._without_missing(x, missing)
        x[:, self.zero] = 0
        if self.contract.standardise.clip is not None:
            x = np.clip(x, *self.contract.standardise.clip)
        return self._padded(x * np.float32(self.contract.scale))

    def _without_missing(self, x: Floats, missing: NDArray[np.bool_]) -> Floats:
        how = self.contract.missing_values
        if how == "zero":
            return np.where(missing, np.float32(0), x)
        if how == "interpolate":
            flat = x.reshape(-1, x.shape[-1])
            return bridged(flat, missing.reshape(flat.shape)).reshape(x.shape)
        there = (~missing).sum(axis=2, keepdims=True)
        mean = np.where(missing, 0, x).sum(axis=2, keepdims=True, dtype=np.float64) / np.maximum(there, 1)
        return np.where(missing, mean.astype(np.float32), x)

    def _padded(self, x: Floats) -> Floats:
        short = self.steps - x.shape[2]
        if short == 0:
            return x
        # an encoder that leaves out missing steps is not shown zeros that were never recorded
        value = np.nan if self.contract.missing_values == "nan" else 0.0
        return np.pad(x, ((0, 0), (0, 0), (0, short)), constant_values=value)


def longest_gap(missing: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Most missing steps in a row, shape (..., time) to (...)."""
    steps = np.arange(1, missing.shape[-1] + 1)
    last_value = np.maximum.accumulate(np.where(missing, 0, steps), axis=-1)
    run: NDArray[Any] = np.where(missing, steps - last_value, 0)
    return np.asarray(run.max(axis=-1), np.int64)

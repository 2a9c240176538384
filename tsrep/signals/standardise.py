"""Standardisation as a change of the panel's gain and offset: no signal is copied."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from tsrep.signals.panel import Floats, Ints, Panel

Standardisation = Literal["global", "channel", "record", "none"]


@dataclass(frozen=True)
class Scaler:
    """Mean and standard deviation to remove, shape (1 or record, 1 or channel), in the panel's unit."""

    mean: Floats
    std: Floats

    def apply(self, panel: Panel) -> Panel:
        """The panel in standard deviations from the mean."""
        return replace(
            panel,
            gain=(panel.gain / self.std).astype(np.float32),
            offset=((panel.offset - self.mean) / self.std).astype(np.float32),
        )


def fit_scaler(panel: Panel, how: Standardisation, *, chunk: int = 256) -> Scaler:
    """Statistics of a panel, in float64, ignoring missing values.

    Parameters
    ----------
    panel : Panel
        For ``"global"`` and ``"channel"`` the training part only.
    how : str
        ``"global"``: one mean and deviation for all leads, which keeps the ratio of amplitudes;
        ``"channel"``: one per channel; ``"record"``: one per record and channel, which removes
        amplitude (COMET's choice); ``"none"``.

    Notes
    -----
    A flat lead has no deviation: it becomes zero, not NaN.
    """
    if how == "none":
        return Scaler(np.zeros((1, 1), np.float32), np.ones((1, 1), np.float32))
    rows = np.unique(panel.row)
    count, mean, square = _record_moments(panel, rows, chunk)
    if how == "record":
        shape = (len(panel.store), len(panel.channels))
        full_mean, full_std = np.zeros(shape), np.ones(shape)
        full_mean[rows] = mean
        full_std[rows] = np.sqrt(np.maximum(square - mean**2, 0))
        return _scaler(full_mean, full_std)
    axis = None if how == "global" else 0
    weight = count.sum(axis=axis, keepdims=True)
    m = (mean * count).sum(axis=axis, keepdims=True) / np.maximum(weight, 1)
    s = (square * count).sum(axis=axis, keepdims=True) / np.maximum(weight, 1)
    return _scaler(m, np.sqrt(np.maximum(s - m**2, 0)))


def _record_moments(panel: Panel, rows: Ints, chunk: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    shape = (len(rows), len(panel.channels))
    count, mean, square = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    for at in range(0, len(rows), chunk):
        part = slice(at, at + chunk)
        x = panel.store[rows[part]].astype(np.float64)
        gain, offset = panel._affine(rows[part])
        x = x * gain[:, :, None] + offset[:, :, None]
        valid = np.isfinite(x)
        x[~valid] = 0
        count[part] = valid.sum(axis=2)
        n = np.maximum(count[part], 1)
        mean[part] = x.sum(axis=2) / n
        square[part] = (x**2).sum(axis=2) / n
    return count, mean, square


def _scaler(mean: np.ndarray, std: np.ndarray) -> Scaler:
    flat = std <= 1e-8 * np.maximum(np.abs(mean), 1)
    return Scaler(mean.astype(np.float32), np.where(flat, 1, std).astype(np.float32))

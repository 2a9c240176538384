"""Standardisation as a change of the panel's gain and offset: no signal is copied."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from tsrep.signals.panel import Floats, Ints, Panel
from tsrep.signals.series import Series, Span

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

    def apply_series(self, series: Series) -> Series:
        """The series, covariates included, in standard deviations from the mean."""
        known = len(series.covariates)
        mean, std = (np.broadcast_to(m[0], len(series.inputs))[:, None] for m in (self.mean, self.std))
        return replace(
            series,
            values=((series.values - mean[known:]) / std[known:]).astype(np.float32),
            covariates=((series.covariates - mean[:known]) / std[:known]).astype(np.float32),
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
    A flat lead has no deviation: it becomes zero, not NaN. A lead counts as flat when its deviation is
    below what float32 resolves at its mean, whatever the unit.
    """
    if how == "none":
        return Scaler(np.zeros((1, 1), np.float32), np.ones((1, 1), np.float32))
    rows = np.unique(panel.row)
    count, mean, variance = _record_moments(panel, rows, chunk)
    if how == "record":
        shape = (len(panel.store), len(panel.channels))
        full_mean, full_std = np.zeros(shape), np.ones(shape)
        full_mean[rows] = mean
        full_std[rows] = np.sqrt(variance)
        return _scaler(full_mean, full_std)
    axis = None if how == "global" else 0
    weight = count.sum(axis=axis, keepdims=True)
    m = (mean * count).sum(axis=axis, keepdims=True) / np.maximum(weight, 1)
    spread = ((variance + (mean - m) ** 2) * count).sum(axis=axis, keepdims=True)
    return _scaler(m, np.sqrt(spread / np.maximum(weight, 1)))


def standardise_series(series: Series, train: Span) -> tuple[Series, Scaler]:
    """The series with mean 0 and deviation 1 of every covariate and channel over the training part.

    Parameters
    ----------
    series : Series
    train : (int, int)
        First step and step after the last.

    Returns
    -------
    Series
    Scaler
        Of covariates and channels in the order of ``series.inputs``, shape (1, covariate + channel).
    """
    _, mean, variance = _moments(series.x[:, slice(*train)].astype(np.float64))
    scaler = _scaler(mean[None], np.sqrt(variance)[None])
    return scaler.apply_series(series), scaler


def _record_moments(panel: Panel, rows: Ints, chunk: int) -> np.ndarray:
    """Valid steps, mean and variance of each record and channel, shape (3, record, channel)."""
    moments = np.zeros((3, len(rows), len(panel.channels)))
    for at in range(0, len(rows), chunk):
        part = slice(at, at + chunk)
        x = panel.store[rows[part]].astype(np.float64)
        panel.pages.touched(len(x))
        gain, offset = panel.gain_and_offset(rows[part])
        moments[:, part] = _moments(x * gain[:, :, None] + offset[:, :, None])
    return moments


def _moments(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Valid steps, mean and variance over time of an array of shape (..., time)."""
    valid = np.isfinite(x)
    count = valid.sum(axis=-1)
    n = np.maximum(count, 1)
    mean = np.where(valid, x, 0).sum(axis=-1) / n
    # the mean is taken off before squaring, or a large offset would take all digits
    centred = np.where(valid, x - mean[..., None], 0)
    return count, mean, np.einsum("...t,...t->...", centred, centred) / n


def _scaler(mean: np.ndarray, std: np.ndarray) -> Scaler:
    flat = std <= np.finfo(np.float32).eps * np.abs(mean)
    # what rounding leaves of a large offset is divided by that offset
    return Scaler(
        mean.astype(np.float32), np.where(flat, np.maximum(np.abs(mean), 1), std).astype(np.float32)
    )

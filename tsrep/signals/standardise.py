"""Standardisation as a change of the panel's gain and offset: no signal is copied."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from tsrep.signals.panel import Floats, Ints, Panel
from tsrep.signals.series import Series, Span

BYTES = 128 << 20  # of float64 worked on together

if TYPE_CHECKING:
    from tsrep.signals.contract import Standardise

Standardisation = Literal["global", "channel", "record", "none"]
How = Literal[
    "global", "channel", "record", "record-all", "window", "window-all",
    "minmax-record", "minmax-channel", "none",
]  # fmt: skip


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


def fit_scaler(panel: Panel, how: Standardisation | Literal["record-all"], *, chunk: int = 256) -> Scaler:
    """Statistics of a panel, in float64, ignoring missing values.

    Parameters
    ----------
    panel : Panel
        For ``"global"`` and ``"channel"`` the training part only.
    how : str
        ``"global"``: one mean and deviation for all leads, which keeps the ratio of amplitudes;
        ``"channel"``: one per channel; ``"record"``: one per record and channel, which removes
        amplitude (COMET's choice); ``"record-all"``: one per record for all its channels; ``"none"``.

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
        return _of_rows(panel, rows, mean, np.sqrt(variance))
    axis = {"global": None, "channel": 0, "record-all": 1}[how]
    weight = count.sum(axis=axis, keepdims=True)
    m = (mean * count).sum(axis=axis, keepdims=True) / np.maximum(weight, 1)
    spread = ((variance + (mean - m) ** 2) * count).sum(axis=axis, keepdims=True)
    std = np.sqrt(spread / np.maximum(weight, 1))
    return _of_rows(panel, rows, m, std) if how == "record-all" else _scaler(m, std)


def fit_range(panel: Panel, low: float, high: float, *, by_channel: bool, chunk: int = 256) -> Scaler:
    """What maps the values of each record to a range, ignoring missing ones; a flat one becomes its middle.

    Parameters
    ----------
    panel : Panel
    low, high : float
    by_channel : bool
        Each channel alone, instead of all of a record together.
    """
    rows = np.unique(panel.row)
    least, most = _record_extremes(panel, rows, chunk)
    if not by_channel:
        least, most = least.min(axis=1, keepdims=True), most.max(axis=1, keepdims=True)
    some = np.isfinite(least) & np.isfinite(most)  # a channel of missing values has neither
    least, most = np.where(some, least, 0), np.where(some, most, 0)
    flat = most - least <= np.finfo(np.float32).eps * np.maximum(np.abs(least), np.abs(most))
    std = np.where(flat, np.maximum(np.abs(least), 1), (most - least) / (high - low))
    mean = np.where(flat, least - std * (low + high) / 2, least - std * low)
    return _rows_scaler(panel, rows, mean, std)


def _of_rows(panel: Panel, rows: Ints, mean: np.ndarray, std: np.ndarray) -> Scaler:
    scaler = _scaler(mean, std)
    return _rows_scaler(panel, rows, scaler.mean, scaler.std)


def _rows_scaler(panel: Panel, rows: Ints, mean: np.ndarray, std: np.ndarray) -> Scaler:
    """A scaler for every row of the store; those that no sample is of stay as they are."""
    shape = (len(panel.store), mean.shape[1])
    full_mean, full_std = np.zeros(shape, np.float32), np.ones(shape, np.float32)
    full_mean[rows], full_std[rows] = mean, std
    return Scaler(full_mean, full_std)


def stored_scaler(standardise: Standardise) -> Scaler:
    """The statistics that a contract keeps, with its ``eps``; 0 and 1 where it keeps none."""
    mean = np.array([standardise.mean or (0.0,)], np.float32)
    std = np.array([standardise.std or (1.0,)], np.float32)
    return _with_eps(Scaler(mean, std), standardise.eps)


def _with_eps(scaler: Scaler, eps: float) -> Scaler:
    return (
        scaler if eps == 0 else replace(scaler, std=(scaler.std.astype(np.float64) + eps).astype(np.float32))
    )


def scaler_of(panel: Panel, standardise: Standardise) -> Scaler:
    """What signals are standardised by, as a contract says.

    Parameters
    ----------
    panel : Panel
        In the contract's unit; windows that are standardised by themselves are rows of their store.
    standardise : Standardise
    """
    low, high = standardise.range or (0.0, 1.0)
    match standardise.how:
        case "global" | "channel" | "none":
            return stored_scaler(standardise)
        case "minmax-record" | "minmax-channel":
            scaler = fit_range(panel, low, high, by_channel=standardise.how == "minmax-channel")
        case "record" | "window":
            scaler = fit_scaler(panel, "record")
        case "record-all" | "window-all":
            scaler = fit_scaler(panel, "record-all")
    return _with_eps(scaler, standardise.eps)


def standardised(panel: Panel, standardise: Standardise) -> Panel:
    """A panel standardised as a contract says; see :func:`scaler_of`."""
    return panel if standardise.how == "none" else scaler_of(panel, standardise).apply(panel)


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
    for part, x in _in_parts(panel, rows, chunk):
        moments[:, part] = _moments(x)
    return moments


def _record_extremes(panel: Panel, rows: Ints, chunk: int) -> np.ndarray:
    """Least and largest value of each record and channel, shape (2, record, channel); infinite where none."""
    extremes = np.zeros((2, len(rows), len(panel.channels)))
    for part, x in _in_parts(panel, rows, chunk):
        extremes[0, part] = np.where(np.isnan(x), np.inf, x).min(axis=-1)
        extremes[1, part] = np.where(np.isnan(x), -np.inf, x).max(axis=-1)
    return extremes


def _in_parts(panel: Panel, rows: Ints, chunk: int) -> Iterator[tuple[slice, np.ndarray]]:
    """Some records at a time: which they are of all, and their values, shape (record, channel, time)."""
    chunk = _fewer(panel, chunk)
    for at in range(0, len(rows), chunk):
        part = slice(at, at + chunk)
        panel.pages.reads(rows[part])
        x = panel.store[rows[part]].astype(np.float64)
        gain, offset = panel.gain_and_offset(rows[part])
        yield part, x * gain[:, :, None] + offset[:, :, None]


def _fewer(panel: Panel, chunk: int) -> int:
    """Rows to work on together: fewer of long ones."""
    _, channels, steps = panel.store.shape
    return max(1, min(chunk, BYTES // (8 * int(channels) * int(steps))))


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

"""Records that hold the same seconds at another place: copies that are shifted or cut."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tsrep.signals.fingerprint import COMMON, LEADS, RATE, in_chunks, shapes
from tsrep.signals.panel import Floats, Ints, Panel
from tsrep.signals.same_signal import Pairs, batches, tiles_at

NEAR = 0.975  # likeness of spectra that makes a candidate
CLOSE = 0.8  # correlation at the best step of 25 ms that is looked at more finely
ALIKE = 0.99  # correlation that confirms
REACH = 40  # steps of 25 ms, 1 s
CONFIRMED = 200  # steps, 5 s
FINE = 10  # lags to a step when a candidate is confirmed, 2.5 ms each
LAGS = 6
BLOCK = 2048
BAND = (1.0, 15.0)  # Hz, what is left in the shapes


@dataclass(frozen=True, eq=False)
class Spectra:
    """Spectra of 10 s, which a shift by a second hardly changes.

    Tiles with one lead are left out, as one alone is alike too often: beats of one rate have one spectrum.

    Attributes
    ----------
    values : float16 array, shape (tile, lead, frequency)
        Square roots of the amplitudes from 1 to 15 Hz, of unit length for each lead; 0 where it is not there.
    row : int64 array, shape (tile,)
        Of the store, where each tile lies.
    number : int64 array, shape (tile,)
        Of each tile in its row.
    """

    values: NDArray[np.float16]
    row: Ints
    number: Ints

    @classmethod
    def of(cls, panel: Panel, rows: Ints) -> Spectra:
        """Spectra of some rows of a panel's store."""
        values, places = [], [np.zeros((0, 2), np.int64)]
        for begin, x in in_chunks(panel, rows) if len(panel.channels) >= COMMON else ():
            tiles, record = shapes(x, panel.sfreq, panel.channels)
            number = np.arange(len(record)) - np.searchsorted(record, record)
            spectra = _spectra(tiles)
            enough = spectra.any(axis=2).sum(axis=1) >= COMMON
            if enough.any():
                values.append(spectra[enough])
                places.append(np.stack([rows[record + begin], number], axis=1)[enough])
        row, number = np.concatenate(places).T
        return cls(np.concatenate(values) if values else np.zeros((0, LEADS, 0), np.float16), row, number)

    def alike(self, other: Spectra) -> Iterator[Pairs]:
        """Pairs of tiles whose spectra are alike, on average over the leads that both have."""
        for i, one in enumerate(_blocks(self.values)):
            mine, has = _flat(one)
            for j, two in enumerate(_blocks(other.values)):
                theirs, have = _flat(two)
                common = has @ have.T
                pairs = np.argwhere((common >= COMMON) & (mine @ theirs.T >= NEAR * common))
                yield pairs + np.array([i, j]) * BLOCK


def shifted_copies(panel: Panel, one: Spectra, other: Spectra) -> Pairs:
    """Pairs of records that share 5 s, up to 1 s apart.

    Two tiles of 10 s with like spectra in two leads or more are a candidate, whatever their shift. It counts
    when the median over leads of the correlation over 5 s reaches .99 at some shift.

    Parameters
    ----------
    panel : Panel
    one, other : Spectra
        Of the records to compare.

    Returns
    -------
    int64 array, shape (pair, 2)
        Rows of ``one`` and of ``other``; no row is a copy of itself.
    """
    found = [np.zeros((0, 2), np.int64)]
    for near in one.alike(other) if len(one.values) and len(other.values) else ():
        rows, number = (
            np.stack([mine[near[:, 0]], theirs[near[:, 1]]], axis=1)
            for mine, theirs in ((one.row, other.row), (one.number, other.number))
        )
        different = rows[:, 0] != rows[:, 1]
        rows, number = rows[different], number[different]
        for of_rows, of_number in zip(batches(rows), batches(number), strict=True):
            found.append(of_rows[_copies(*tiles_at(panel, of_rows, of_number, panel.channels))])
    return np.unique(np.concatenate(found), axis=0)


def _spectra(tiles: Floats) -> NDArray[np.float16]:
    steps = tiles.shape[2]
    centred = tiles - tiles.mean(axis=2, keepdims=True)
    amplitude = np.abs(np.fft.rfft(centred * np.hanning(steps + 2)[1:-1], axis=2))
    low, high = (round(edge * steps / RATE) for edge in BAND)
    root = np.sqrt(amplitude[:, :, low:high])
    size = np.linalg.norm(root, axis=2, keepdims=True)
    return np.asarray(np.divide(root, size, out=np.zeros_like(root), where=size > 0), np.float16)


def _blocks(values: NDArray[np.float16]) -> Iterator[NDArray[np.float16]]:
    return (values[begin : begin + BLOCK] for begin in range(0, len(values), BLOCK))


def _flat(values: NDArray[np.float16]) -> tuple[Floats, Floats]:
    """Spectra with all leads side by side, and which leads are there."""
    return np.asarray(values.reshape(len(values), -1), np.float32), np.asarray(values.any(axis=2), np.float32)


def _copies(a: Floats, b: Floats) -> NDArray[np.bool_]:
    """Which pairs of tiles, shape (pair, lead, step) each, hold the same 5 s."""
    from scipy import signal

    reach = min(REACH, (b.shape[2] - CONFIRMED) // 2)
    begin = (a.shape[2] - CONFIRMED) // 2
    centred, shifts = _unit(a[:, :, begin : begin + CONFIRMED]), np.arange(-reach, reach + 1)
    likeness = np.stack([_likeness(centred, b, begin + shift) for shift in shifts])
    # Every beat has a maximum, and that of another beat may be the highest before the finer look.
    promising = _maxima(likeness) & (likeness >= CLOSE)
    sure, pairs = np.zeros(len(a), bool), np.flatnonzero(promising.any(axis=0))
    fine_a, fine_b = (signal.resample_poly(x[pairs], FINE, 1, axis=2) for x in (a, b))
    begin, steps = FINE * begin, FINE * CONFIRMED
    centred = _unit(fine_a[:, :, begin : begin + steps])
    for shift, promises in zip(shifts, promising[:, pairs], strict=True):
        for lag in range(FINE * shift - LAGS, FINE * shift + LAGS + 1) if promises.any() else ():
            alike = _likeness(centred[promises], fine_b[promises], begin + lag) >= ALIKE
            sure[pairs[promises]] |= alike
    return sure


def _maxima(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Where a column has a local maximum, shape as ``values``."""
    padded = np.pad(values, ((1, 1), (0, 0)), constant_values=-np.inf)
    return np.asarray((values >= padded[:-2]) & (values >= padded[2:]))


def _likeness(centred: Floats, b: Floats, start: int) -> NDArray[np.float64]:
    """Median over leads of the correlation with what begins at a step of ``b``, shape (pair,)."""
    moved = _unit(b[:, :, start : start + centred.shape[2]])
    of_leads = np.einsum("pls,pls->pl", centred, moved)
    return _median(np.where(centred.any(axis=2) & moved.any(axis=2), of_leads, np.nan))


def _median(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Median of each row without its NaNs, which sort last; -1 where there is nothing else."""
    ordered, count = np.sort(values, axis=1), np.isfinite(values).sum(axis=1)
    row, last = np.arange(len(values)), values.shape[1] - 1
    both = ordered[row, np.maximum(count - 1, 0) // 2] + ordered[row, np.minimum(count // 2, last)]
    return np.where(count > 0, both / 2, -1.0)


def _unit(x: Floats) -> Floats:
    x = x - x.mean(axis=2, keepdims=True)
    size = np.sqrt(np.einsum("pls,pls->pl", x, x))[:, :, None]
    return np.asarray(np.divide(x, size, out=np.zeros_like(x), where=size > 0), np.float32)

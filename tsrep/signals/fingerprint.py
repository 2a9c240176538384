"""Keys that know a recording again when it comes under another name, unit, order of leads or rate."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsrep.signals.filters import bandpass, bridged
from tsrep.signals.kept import kept
from tsrep.signals.panel import Floats, Ints, Panel

Keys = NDArray[np.uint64]
Bytes = NDArray[np.uint8]

ECG = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")
EEG = ("FP1", "FP2", "C3", "C4", "T7", "T8", "O1", "O2")
PAIRS = (("II", "V2"), ("CZ", "O1"))  # the leads whose own keys are kept
SPELLINGS = {"T3": "T7", "T4": "T8", "MLII": "II", "DI": "I", "DII": "II"}
LEADS, BITS = 8, 16  # of a coarse key
COMMON = 2  # leads that two records must share
RATE, SECONDS, TILE, TILES = 40.0, 8.0, 10.0, 360
BAND = (1.0, 15.0)
STEPS = round(RATE * SECONDS)
CHUNK_BYTES = 32 << 20
LEVELS = 1 << 17  # more steps than this between two values are no counts of a converter


@dataclass(frozen=True, eq=False)
class Fingerprints:
    """Keys of the records of a panel's store.

    Attributes
    ----------
    exact : uint64 array, shape (record,)
        Equal for the same stored counts, whatever their unit, gain, offset and order of leads; 0 for none and
        for records with one lead that is not flat, unless the panel has but one.
    lead : uint64 array, shape (record, 2)
        The same of II and V2, of Cz and O1, or of the first two channels; 0 for none.
    coarse : uint8 array, shape (tile, 16)
        128 bits of the shape of 8 s; nearly the same after resampling, mild filtering, noise or rounding.
    mask : uint8 array, shape (tile,)
        Bit for each of eight leads, the first being the highest, that has its part of the coarse key.
    free : uint8 array, shape (tile, 16)
        Like ``coarse``, of the values of all leads at each step in order of their size, so that neither the
        order of the leads nor the gain of each matters; 0 with fewer than two leads.
    record : int64 array, shape (tile,)
        Which record a coarse key is of; those longer than 10 s have one for every 10 s.
    """

    exact: Keys
    lead: Keys
    coarse: Bytes
    mask: Bytes
    free: Bytes
    record: Ints

    @property
    def pair(self) -> Keys:
        """One key of both leads, shape (record,); 0 where either has none."""
        # as one lead alone, see _exact
        return np.where(self.lead.all(axis=1), self.lead[:, 0] + 3 * self.lead[:, 1], np.uint64(0))

    @classmethod
    def of(cls, panel: Panel) -> Fingerprints:
        """Keys of all records of a panel's store, kept in its :attr:`Panel.cache`."""
        return cls(**kept(panel, "fingerprints-2", lambda: vars(_made(panel))))


def _made(panel: Panel) -> Fingerprints:
    pair, parts = _pair(panel.channels), []
    for begin, x in in_chunks(panel, np.arange(len(panel.store))):
        keys = np.array([[lead_key(lead, panel.sfreq) for lead in record] for record in x], np.uint64)
        tiles, record = shapes(x, panel.sfreq)
        windows = middle(tiles)
        coarse = sketch(_eight(windows, panel.channels))
        parts.append(Fingerprints(_exact(keys), keys[:, pair], *coarse, ranked(windows), record + begin))
    names = Fingerprints.__dataclass_fields__
    return Fingerprints(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


def in_chunks(panel: Panel, rows: Ints) -> Iterator[tuple[int, NDArray[Any]]]:
    """Some records of a panel's store, as many at a time as fit in little memory.

    Yields
    ------
    begin : int
        Position in ``rows`` of the first.
    x : array, shape (record, channel, time)
    """
    size = panel.store.shape[1] * panel.store.shape[2] * panel.store.dtype.itemsize
    step = max(1, min(256, CHUNK_BYTES // max(size, 1)))
    for begin in range(0, len(rows), step):
        panel.pages.reads(rows[begin : begin + step])
        yield begin, np.asarray(panel.store[rows[begin : begin + step]])


def lead_key(values: NDArray[Any], sfreq: float) -> int:
    """Key of one lead as it was stored.

    Parameters
    ----------
    values : array, shape (time,)
        Counts, or numbers that are whole multiples of a common step; other numbers, and leads with gaps, have
        a key that only an equal copy shares.
    sfreq : float, Hz

    Returns
    -------
    int
        Below 2 ** 64; 0 for a lead without two different values.
    """
    there = np.isfinite(values)
    known = values[there]
    if not len(known) or known.max() == known.min():
        return 0
    counts = _whole(values) if there.all() else None
    content = np.asarray(values, "<f4") if counts is None else counts.astype("<i4")
    return _key("tsrep exact 1", round(1000 * sfreq), len(values), content.tobytes())


def _key(*parts: str | int | bytes) -> int:
    digest = hashlib.blake2b(digest_size=8)
    for part in parts:
        digest.update(part if isinstance(part, bytes) else f"{part}|".encode())
    return int.from_bytes(digest.digest(), "little")


def _exact(keys: Keys) -> Keys:
    """Key of each record from those of its leads, shape (record, lead)."""
    ordered, least = np.sort(keys, axis=1), min(COMMON, keys.shape[1])
    # one lead alone of several may be a clock or a marker that all recordings have
    made = [_key(row.astype("<u8").tobytes()) if (row != 0).sum() >= least else 0 for row in ordered]
    return np.array(made, np.uint64)


def _whole(values: NDArray[Any]) -> NDArray[np.int64] | None:
    """Values above the least one in units of their greatest common divisor; None where there is none."""
    if values.dtype.kind in "iu":
        counts = values.astype(np.int64) - int(values.min())
        return np.asarray(counts // np.gcd.reduce(counts))
    x = values.astype(np.float64)
    near = 1e-6 * np.abs(x).max()
    levels, at = np.unique(x, return_inverse=True)
    gaps = np.diff(levels)
    step = _common_step(gaps[gaps > near], near)
    if step is None or np.ptp(x) > LEVELS * step:
        return None
    counts = np.concatenate([[0], np.cumsum(np.rint(gaps / step))])
    if not counts[-1]:
        return None
    fitted = counts @ (levels - levels[0]) / (counts @ counts)
    fits = np.abs(levels - levels[0] - fitted * counts).max() <= 2 * near
    whole = counts.astype(np.int64)[at]
    return np.asarray(whole // np.gcd.reduce(whole)) if fits else None


def _common_step(gaps: NDArray[np.float64], near: float) -> float | None:
    """The greatest number that all gaps are multiples of, as near as values are known."""
    while len(gaps):
        step = float(gaps.min())
        if step <= 8 * near:
            return None
        rest = np.abs(gaps - step * np.rint(gaps / step))
        loose = rest[rest > np.maximum(2 * near, 2 * near * gaps / step)]
        if not len(loose):
            return step
        gaps = np.append(loose, step)
    return None


def coarse_leads(channels: Sequence[str]) -> list[int]:
    """Positions of the channels in the order of a coarse key; -1 where the key's lead is not there."""
    names = [_spelled(name) for name in channels]
    for wanted in (ECG, EEG):
        found = [names.index(name) if name in names else -1 for name in wanted]
        if sum(position >= 0 for position in found) >= 2:
            return found
    return [i if i < len(names) else -1 for i in range(LEADS)]


def _pair(channels: Sequence[str]) -> list[int]:
    names = [_spelled(name) for name in channels]
    known = next((pair for pair in PAIRS if set(pair) <= set(names)), None)
    return [names.index(name) for name in known] if known else [0, min(1, len(names) - 1)]


def _spelled(name: str) -> str:
    plain = name.upper().removeprefix("EEG ").removeprefix("LEAD ").split("-")[0].strip(" .")
    return SPELLINGS.get(plain, plain)


def shapes(x: NDArray[Any], sfreq: float, channels: Sequence[str] | None = None) -> tuple[Floats, Ints]:
    """Records as coarse keys see them: 1 to 15 Hz, 40 steps a second, in tiles of 10 s.

    Parameters
    ----------
    x : array, shape (record, channel, time)
    sfreq : float, Hz
    channels : sequence of str, optional
        To take the eight leads of a coarse key; all channels in their order when missing.

    Returns
    -------
    array, shape (tile, lead, step), float32
        Zero for leads that are flat or not there; one tile of 8 s and more for records below 10 s, and none
        for those below 8 s or sampled too slowly for 15 Hz.
    record : int64 array, shape (tile,)
    """
    from scipy import signal

    leads = x.shape[1] if channels is None else LEADS
    if x.shape[2] < SECONDS * sfreq or sfreq <= 2 * BAND[1]:
        return np.zeros((0, leads, STEPS), np.float32), np.zeros(0, np.int64)
    x = np.asarray(x, np.float32) if channels is None else _eight(x, channels)
    x = _bridged(x)[:, :, : round(TILES * TILE * sfreq)]
    y = bandpass(x, sfreq, *BAND, order=2)
    y[y.std(axis=2) <= 1e-6 * np.abs(x).max(axis=2)] = 0
    ratio = Fraction(RATE / sfreq).limit_denominator(1000)
    y = signal.resample_poly(y, ratio.numerator, ratio.denominator, axis=2)
    width = min(round(TILE * RATE), round(x.shape[2] / sfreq * RATE))
    number = y.shape[2] // width
    tiles = y[:, :, : number * width].reshape(len(y), leads, number, width).swapaxes(1, 2)
    return tiles.reshape(-1, leads, width), np.repeat(np.arange(len(y)), number)


def _eight(x: NDArray[Any], channels: Sequence[str]) -> Floats:
    """The leads of a coarse key, zero where there is none."""
    chosen = np.zeros((len(x), LEADS, x.shape[2]), np.float32)
    for lead, channel in enumerate(coarse_leads(channels)):
        if channel >= 0:
            chosen[:, lead] = x[:, channel]
    return chosen


def _bridged(x: Floats) -> Floats:
    """Records with lines across gaps."""
    gaps = ~np.isfinite(x)
    rows = np.flatnonzero(gaps.any(axis=(1, 2)))
    x = x.copy() if len(rows) else x
    for row in rows:
        x[row] = bridged(x[row], gaps[row])
    return x


def middle(tiles: Floats, offset: int = 0) -> Floats:
    """The middle 8 s of tiles, or 8 s that begin so many steps of 25 ms later."""
    begin = (tiles.shape[2] - STEPS) // 2 + offset
    return tiles[:, :, begin : begin + STEPS]


def sketch(windows: Floats) -> tuple[Bytes, Bytes]:
    """Coarse key and its mask of windows of 8 s, shape (window, 8, 320): signs of random projections."""
    centred = windows - windows.mean(axis=2, keepdims=True)
    projected = np.einsum("wls,lsb->wlb", centred, _signs(), optimize=True)
    there = centred.any(axis=2)
    key = np.packbits(((projected > 0) & there[:, :, None]).reshape(len(windows), LEADS * BITS), axis=1)
    return key, np.packbits(there, axis=1)[:, 0]


def ranked(windows: Floats) -> Bytes:
    """Keys of windows of 8 s, shape (window, lead, 320), that do not depend on the order of the leads.

    The leads are brought to one size and at each step put in order. Eight of them, from the smallest to the
    largest, have a sketch; of fewer leads some stand for two.
    """
    centred = windows - windows.mean(axis=2, keepdims=True)
    size = np.sqrt(np.einsum("wls,wls->wl", centred, centred))
    number = (size > 0).sum(axis=1)
    keys, several = np.zeros((len(windows), LEADS * BITS // 8), np.uint8), number >= COMMON
    size = np.where(size > 0, size, np.nan)[several, :, None]
    ordered = np.sort(centred[several] / size, axis=1)  # leads that are flat come last
    chosen = np.rint(np.linspace(0, 1, LEADS) * (number[several, None] - 1)).astype(int)
    keys[several] = sketch(np.take_along_axis(ordered, chosen[:, :, None], axis=1))[0]
    return keys


@cache
def _signs() -> Floats:
    """Fixed matrix of +1 and -1, shape (lead, 320, 16)."""
    stream = hashlib.shake_256(b"tsrep fingerprint 1").digest(STEPS * LEADS * BITS // 8)
    bits = np.unpackbits(np.frombuffer(stream, np.uint8)).reshape(STEPS, LEADS, BITS)
    return np.ascontiguousarray(2.0 * bits.swapaxes(0, 1) - 1, np.float32)

"""What spoils an ECG: baseline wander, muscle noise, mains, electrode motion, a lead that came off.

Noise arises at the nine electrodes and reaches the leads by the same differences as the heart's signal,
so that leads I, II and III stay consistent.
"""

from __future__ import annotations

import numpy as np

from tsrep.signals.panel import Floats

# rows: I, II, III, aVR, aVL, aVF, V1-V6; columns: RA, LA, LL, V1-V6
LIMBS = np.array([[-1, 1, 0], [-1, 0, 1], [0, -1, 1], [1, -0.5, -0.5], [-0.5, 1, -0.5], [-0.5, -0.5, 1]])
ELECTRODES = np.zeros((12, 9), np.float32)
ELECTRODES[:6, :3] = LIMBS
ELECTRODES[6:, :3] = -1 / 3
ELECTRODES[6:, 3:] = np.eye(6)
MAINS = 50.0


def noise(rng: np.random.Generator, records: int, rate: int, steps: int) -> Floats:
    """Noise of some records, shape (record, 12, steps), mV."""
    level = rng.lognormal(0, 0.6, (3, records, 1, 1)).astype(np.float32)
    electrodes = coloured(rng, 0.045 * level[0], 0.010 * level[1], rate, steps)
    electrodes += mains(rng, 0.006 * level[2], rate, steps)
    electrodes += motion(rng, records, rate, steps)
    return ELECTRODES @ electrodes


def coloured(rng: np.random.Generator, wander: Floats, muscle: Floats, rate: int, steps: int) -> Floats:
    """Baseline wander (below 0.7 Hz) and muscle noise (20-150 Hz), shape (record, 9, steps), mV.

    ``wander`` and ``muscle``, shape (record, 1, 1), are standard deviations over the whole band; what lies
    above half the sampling rate is left out, not folded back, as an anti-alias filter would.
    """
    from scipy import fft

    length = fft.next_fast_len(steps + steps // 4, real=True)
    f = fft.rfftfreq(length, 1 / rate)
    full = np.arange(0, 250, rate / length)
    slow, fast = _slow(f), _fast(f)
    shape = wander * _unit_power(slow, slow, length) + muscle * _unit_power(fast, _fast(full), length)
    spectrum = rng.standard_normal((len(wander), 9, len(f), 2), np.float32).view(np.complex64)[..., 0]
    return np.asarray(fft.irfft(spectrum * shape, length)[..., :steps], np.float32)


def _slow(f: np.ndarray) -> np.ndarray:
    return np.asarray((f > 0.03) / (1 + (f / 0.3) ** 4))


def _fast(f: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + (20 / np.maximum(f, 1e-3)) ** 4) / (1 + (f / 150) ** 4))


def _unit_power(density: np.ndarray, band: np.ndarray, length: int) -> Floats:
    """Amplitude spectrum whose inverse transform has variance 1 over a band of such density."""
    return np.asarray(np.sqrt(density / (4 * np.sum(band) / length**2)), np.float32)


def mains(rng: np.random.Generator, level: Floats, rate: int, steps: int) -> Floats:
    """Mains hum near 50 Hz, shape (record, 9, steps); at 100 Hz the anti-alias filter has left a third."""
    n = len(level)
    time = np.arange(steps) / rate
    hertz = MAINS + rng.normal(0, 0.03, (n, 1))
    angle = 2 * np.pi * (hertz * time + rng.uniform(0, 1, (n, 1)))
    gain = 1.0 if rate > 4 * MAINS else 0.35
    return np.asarray(gain * level * rng.uniform(0.2, 1, (n, 9, 1)) * np.sin(angle)[:, None], np.float32)


def motion(rng: np.random.Generator, records: int, rate: int, steps: int) -> Floats:
    """A jump of one electrode's potential that recovers, in one of four records; (record, 9, steps), mV."""
    time = np.arange(steps, dtype=np.float32) / rate
    out = np.zeros((records, 9, steps), np.float32)
    at = np.flatnonzero(rng.random(records) < 0.25)
    begin, rise, fall = (rng.uniform(a, b, (len(at), 1)) for a, b in ((0, 9), (0.03, 0.15), (0.3, 1.5)))
    since = np.maximum(time - begin, 0)
    jump = rng.normal(0, 0.3, (len(at), 1)) * (np.exp(-since / fall) - np.exp(-since / rise))
    out[at, rng.integers(0, 9, len(at))] = jump
    return out


def dead_leads(rng: np.random.Generator, records: int, share: float) -> np.ndarray:
    """Which leads are dead: at most one in a record, shape (record, 12), bool."""
    dead = np.zeros((records, 12), bool)
    at = np.flatnonzero(rng.random(records) < share)
    dead[at, rng.integers(0, 12, len(at))] = True
    return dead

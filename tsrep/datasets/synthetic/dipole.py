"""A beating heart as one moving dipole: sums of Gaussians in time, seen by twelve leads.

Instead of integrating the phase equation of the literature, each time step takes its phase from the beat
before and the beat after. Axes after Frank: x left, y feet, z back; amplitudes in mV.

References
----------
McSharry et al. 2003, "A dynamical model for generating synthetic electrocardiogram signals"; Sameni et al.
2007, "Multichannel ECG and noise modeling" (the three-dimensional form). Lead vectors: Dower et al. 1980.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from tsrep.signals.panel import Floats

WAVES = ("P", "P2", "q", "R", "S", "S2", "Q", "X", "ST", "T0", "T")
WAVE = {name: i for i, name in enumerate(WAVES)}
# centre after the R peak (s), width (s), dipole (x, y, z) of a healthy heart; Q and X are silent in it
HEALTHY = np.array(
    [
        [-0.170, 0.022, 0.040, 0.080, -0.030],
        [-0.138, 0.022, 0.060, 0.050, 0.050],
        [-0.028, 0.008, -0.120, -0.030, -0.220],
        [0.000, 0.011, 0.950, 0.750, 0.250],
        [0.022, 0.010, 0.050, -0.050, 0.600],
        [0.040, 0.009, -0.180, -0.120, 0.120],
        [-0.020, 0.012, 0.000, 0.000, 0.000],
        [0.055, 0.018, 0.000, 0.000, 0.000],
        [0.125, 0.040, 0.010, 0.010, -0.020],
        [0.215, 0.050, 0.090, 0.070, -0.060],
        [0.280, 0.036, 0.240, 0.180, -0.160],
    ]
)
DOWER = np.array(
    [
        [0.632, -0.235, 0.059],
        [0.235, 1.066, -0.132],
        [-0.515, 0.157, -0.917],
        [0.044, 0.164, -1.387],
        [0.882, 0.098, -1.277],
        [1.213, 0.127, -0.601],
        [1.125, 0.127, -0.086],
        [0.831, 0.076, 0.230],
    ]
)


@dataclass
class Waves:
    """Waves of one heart per record; diseases change them in place.

    Attributes
    ----------
    centre, width : arrays, shape (record, wave), seconds from the R peak
    dipole : array, shape (record, wave, 3), mV
    """

    centre: NDArray[Any]
    width: NDArray[Any]
    dipole: NDArray[Any]

    def part(self, records: slice) -> Waves:
        """Those of some records, float32."""
        arrays = (self.centre, self.width, self.dipole)
        return Waves(*(array[records].astype(np.float32) for array in arrays))


def ecg(waves: Waves, leads: Floats, beats: Floats, rate: int, steps: int) -> Floats:
    """Noise-free ECG.

    The narrowest wave is 7 ms wide (standard deviation), so 100 Hz sampling folds back next to nothing.

    Parameters
    ----------
    waves : Waves, float32
    leads : float32 array, shape (record, 12, 3)
    beats : float32 array, shape (record, beat), seconds
        Increasing, from before 0 to after the end.
    rate : int, Hz
    steps : int

    Returns
    -------
    float32 array, shape (record, 12, steps), mV
    """
    last, following = beat_phase(beats, rate, steps)
    view = np.einsum("nlk,nwk->nlw", leads, waves.dipole).astype(np.float32)
    signal = np.zeros((*view.shape[:2], steps), np.float32)
    for phase, side in ((last, 1), (following, -1)):
        # a wave before R never reaches past its own R from the beat behind, and the reverse
        near = [w for w in range(len(WAVES)) if side * HEALTHY[w, 0] > -0.06]
        z = (phase[:, None] - waves.centre[:, near, None]) / waves.width[:, near, None]
        signal += view[:, :, near] @ np.exp(-0.5 * np.minimum(z * z, 80))
    return signal


def beat_phase(beats: Floats, rate: int, steps: int) -> tuple[Floats, Floats]:
    """Seconds since the last and until the next beat (negative), each of shape (record, steps)."""
    time = np.arange(steps, dtype=np.float32) / rate
    at = np.clip(np.ceil(beats * rate).astype(np.int64), 0, steps)
    marks = np.zeros((len(beats), steps + 1), np.int64)
    np.add.at(marks, (np.arange(len(beats))[:, None], at), 1)
    past = np.cumsum(marks, axis=1)[:, :steps] - 1
    ahead = np.minimum(past + 1, beats.shape[1] - 1)
    return (
        np.asarray(time - np.take_along_axis(beats, np.maximum(past, 0), 1), np.float32),
        np.asarray(time - np.take_along_axis(beats, ahead, 1), np.float32),
    )


def twelve_leads(eight: NDArray[Any]) -> NDArray[Any]:
    """Lead vectors of I, II, III, aVR, aVL, aVF, V1-V6 from those of I, II, V1-V6, shape (..., lead, 3)."""
    one, two = eight[..., 0:1, :], eight[..., 1:2, :]
    limbs = [one, two, two - one, -(one + two) / 2, one - two / 2, two - one / 2]
    return np.concatenate([*limbs, eight[..., 2:, :]], axis=-2)


def rotations(angles: NDArray[Any]) -> NDArray[Any]:
    """Rotation matrices, shape (n, 3, 3), for angles about x, y and z, shape (n, 3), radians."""
    return np.asarray(Rotation.from_euler("xyz", angles).as_matrix())


def rr_beats(rng: np.random.Generator, rr: NDArray[Any], sinus: NDArray[Any], seconds: float) -> Floats:
    """Beat times with respiratory and low-frequency (Mayer wave) variability.

    Parameters
    ----------
    rr : array, shape (record,), mean RR interval, seconds
    sinus : array, shape (record,), relative amplitude of respiratory sinus arrhythmia
    """
    n = len(rr)
    breath, mayer = rng.uniform(0.18, 0.35, n), rng.uniform(0.08, 0.12, n)
    phase = rng.uniform(0, 2 * np.pi, (2, n))
    count = int(np.ceil(seconds / rr.min() * 1.4)) + 4
    beats = np.empty((n, count))
    now = -rr * rng.uniform(0.6, 1.6, n)
    for k in range(count):
        beats[:, k] = now
        swing = sinus * np.sin(2 * np.pi * breath * now + phase[0])
        swing += 0.02 * np.sin(2 * np.pi * mayer * now + phase[1]) + rng.normal(0, 0.006, n)
        now = now + rr * (1 + swing)
    return beats.astype(np.float32)

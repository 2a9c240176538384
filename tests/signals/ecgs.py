"""Small ECGs whose limb leads agree, and contracts for them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsrep.signals import Panel
from tsrep.signals.contract import SignalContract
from tsrep.signals.names import CHEST, LIMB

LEADS = (*LIMB, *CHEST)
FROM_I_AND_II = np.array([[1, 0], [0, 1], [-1, 1], [-0.5, -0.5], [1, -0.5], [-0.5, 1]])


def millivolts(records: int = 20, rate: float = 100, seconds: float = 10, seed: int = 0) -> NDArray[Any]:
    """Sums of sines below 13 Hz, shape (record, 12, time), float64."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * rate)) / rate
    own = np.zeros((records, 8, len(t)))
    for hertz in (1, 3, 7, 12):
        size, phase = rng.normal(size=(records, 8, 1)), rng.uniform(0, 2 * np.pi, (records, 8, 1))
        own += 0.3 * size * np.sin(2 * np.pi * hertz * t + phase)
    limb = np.einsum("lk,nkt->nlt", FROM_I_AND_II, own[:, :2])
    return np.concatenate([limb, own[:, 2:]], axis=1)


def ecg(x: NDArray[Any], channels: tuple[str, ...] = LEADS, **fields: Any) -> Panel:
    """Panel of ECGs, one record to a patient."""
    said = {"sfreq": 100, "unit": "mV", "modality": "ecg"} | fields
    x = x if x.dtype == np.int16 else x.astype(np.float32)
    n = np.arange(len(x))
    return Panel.from_arrays(x, label=n % 2, patient=n, channels=channels, **said)


def contract(x: NDArray[Any] | None = None, **fields: Any) -> SignalContract:
    """Of twelve leads at 100 Hz in windows of 2.5 s, standardised by the given signals."""
    x = millivolts() if x is None else x
    said: dict[str, Any] = {
        "modality": "ecg",
        "channels": LEADS,
        "sfreq": 100,
        "unit": "mV",
        "window": {"steps": 250, "seconds": 2.5, "hop_seconds": 2.5},
        "standardise": {"how": "global", "mean": [float(x.mean())], "std": [float(x.std())]},
    }
    return SignalContract.model_validate(said | fields)

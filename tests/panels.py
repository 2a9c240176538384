"""Small panels of random signals for tests."""

from __future__ import annotations

import numpy as np

from tsrep.signals import Panel


def make_panel(records: int = 12, channels: int = 2, time: int = 40, seed: int = 0) -> Panel:
    rng = np.random.default_rng(seed)
    x = rng.integers(-900, 900, (records, channels, time)).astype(np.int16)
    label = np.arange(records) % 3
    return Panel.from_arrays(x, label=label, patient=np.arange(records) // 2, sfreq=10, scale=1e-3, unit="mV")


def cohort(patients: int = 120, multilabel: bool = False, seed: int = 0) -> Panel:
    rng = np.random.default_rng(seed)
    patient = np.sort(rng.integers(0, patients, patients * 3))
    of_patient = rng.integers(0, 3, patients)
    label = np.eye(3, dtype=bool)[of_patient[patient]] if multilabel else of_patient[patient]
    x = rng.normal(size=(len(patient), 1, 20)).astype(np.float32)
    return Panel.from_arrays(x, label=label, patient=patient, sfreq=10, fold=patient % 10 + 1)

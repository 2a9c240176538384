"""A small encoder with a head, and ECG files for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tsrep.datasets.formats.wfdb_record import write_wfdb
from tsrep.encoders.pooling import POOLS
from tsrep.evaluation.embedding import embed
from tsrep.evaluation.heads.calibration import Calibration
from tsrep.evaluation.heads.facts import FittedOn
from tsrep.evaluation.heads.head import Head
from tsrep.evaluation.labels.linear_probe import fit_probe
from tsrep.registry import ENCODERS
from tsrep.runs.architecture import Architecture
from tsrep.runs.loaded_encoder import LoadedEncoder
from tsrep.runs.weights import weights_digest
from tsrep.signals import Panel
from tsrep.signals.contract import SignalContract

LEADS = ("I", "II")
RATE = 100.0
CLASSES = ("MI", "NORM", "STTC")


def ecg(seconds: float, *, seed: int = 0, rate: float = RATE) -> np.ndarray:
    """Beats with a drifting baseline, int16 counts of a microvolt, shape (lead, time)."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * rate)) / rate
    phase = np.cumsum(1 + 0.1 * np.sin(0.2 * t + seed)) / rate
    beats = np.exp(-200 * (phase % 1 - 0.3) ** 2) + 0.2 * np.exp(-50 * (phase % 1 - 0.6) ** 2)
    drift = 0.3 * np.sin(2 * np.pi * 0.07 * t + seed)
    x = np.stack([beats + drift, (0.5 + 0.1 * seed % 1) * beats - drift]) + rng.normal(0, 0.02, (2, len(t)))
    return np.asarray(np.rint(1000 * x), np.int16)


def record(stem: Path, seconds: float = 10.0, *, seed: int = 0, rate: float = RATE, **more: Any) -> Path:
    """A WFDB record."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    write_wfdb(stem, ecg(seconds, seed=seed, rate=rate), **{"sfreq": rate, "channels": LEADS} | more)
    return stem


def contract(**fields: Any) -> SignalContract:
    usual: dict[str, Any] = {
        "modality": "ecg", "channels": LEADS, "sfreq": RATE, "unit": "mV",
        "window": {"steps": 250, "seconds": 2.5, "least": 250, "hop_seconds": 2.5},
        "standardise": {"how": "global", "mean": (0.1,), "std": (0.3,)},
    }  # fmt: skip
    return SignalContract.model_validate(usual | fields)


def predictor(calibrated: bool = True, multilabel: bool = False, **fields: Any) -> LoadedEncoder:
    """An encoder of random weights with a probe that was fitted to anything."""
    settings = {"name": "dilated-conv", "hidden": 4, "dim": 8, "depth": 3}
    made = Architecture(ENCODERS.entry("dilated-conv").settings.model_validate(settings), len(LEADS))
    encoder = made.drawn(1).eval()
    weights = weights_digest(encoder.state_dict())
    x = np.stack([ecg(2.5, seed=seed) for seed in range(60)]) / np.float32(300)
    panel = Panel.from_arrays(x, label=np.zeros(60, int), patient=np.arange(60), sfreq=RATE)
    features = embed(encoder, panel, pool=POOLS["max-mean"])
    label = np.random.default_rng(0).integers(0, 3, 60)
    target = np.eye(3, dtype=bool)[label] if multilabel else label
    fitted = FittedOn(
        weights=weights, protocol="probe", fraction=1.0, subsample_by="all", seed=0, labelled="", samples=60,
        records=60, patients=60, class_counts=(20, 20, 20),
    )  # fmt: skip
    probe = fit_probe(features, target, 3, C=(0.01,))
    told = Calibration(
        kind="temperature", multilabel=multilabel, temperature=(2.0,) * 3, bias=(0.0,) * 3, steps=(None,) * 3
    )
    head = Head(
        name="probe-1-0", classifier=probe, classes=CLASSES, multilabel=multilabel, pool="max-mean",
        fitted_on=fitted,
    )  # fmt: skip
    head = replace(head, calibration=told if calibrated else None)
    return LoadedEncoder(
        encoder, contract(**fields), "runs/a", weights, heads={"probe-1-0": head}, architecture=made
    )

"""Run folders as `tsrep fit` leaves them, made up from a seed so that pages are tested without training."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from scipy.special import ndtr

from tsrep.evaluation.bootstrap import Interval
from tsrep.evaluation.difference import Difference
from tsrep.evaluation.predictions import Predictions
from tsrep.evaluation.scores import Role, Score, Scores

LEADS = ["I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"]
ROLES: dict[str, Role] = {"majority": "baseline", "random initialisation": "control"}
TITLES = {"probe": "linear probe", "knn": "nearest neighbours"}
SUPERCLASSES = ["NORM", "MI", "STTC", "CD", "HYP"]


def class_names(count: int) -> list[str]:
    if count == 2:
        return ["healthy", "infarction"]
    if count <= 5:
        return SUPERCLASSES[:count]
    words = [
        "sinus rhythm",
        "non-diagnostic T abnormalities",
        "left anterior fascicular block",
        "AFIB",
        "PVC",
    ]
    return [f"{words[i % 5]} {i // 5 + 1}" if i >= 5 else words[i] for i in range(count)]


def make_run(
    root: Path,
    classes: int = 5,
    *,
    multilabel: bool = False,
    synthetic: bool = True,
    gain: float = 0.1,
    channels: list[str] | None = None,
    seconds: float = 10.0,
) -> Path:
    """A complete run folder; ``gain`` is what pre-training adds to AUROC over the random encoder."""
    rng = np.random.default_rng(classes)
    root.mkdir(parents=True, exist_ok=True)
    names = class_names(classes)
    label, patient = _targets(rng, 420, classes, multilabel)
    _config(root)
    _provenance(root, names, synthetic, channels or LEADS)
    _split(root, names)
    _metrics(root, rng, diagnostics)
    _scores(root, rng, gain, label, patient, classes)
    _embeddings(root, rng, label, patient, names)
    _examples(root, rng, label, patient, names, channels or LEADS, seconds)
    return root


def _targets(rng: Any, n: int, classes: int, multilabel: bool) -> tuple[Any, Any]:
    patient = np.sort(rng.integers(0, n // 2, n))
    rate = 1 / np.arange(1, classes + 1)
    if not multilabel:
        return rng.choice(classes, n, p=rate / rate.sum()), patient
    return rng.random((n, classes)) < np.clip(rate, 0, 0.6), patient


def _config(root: Path) -> None:
    config = {
        "version": 1, "name": "fake", "seed": 0, "device": "auto",
        "dataset": {"name": "ptb-xl-sim", "patients": 200, "sfreq": 100.0},
        "window": {"seconds": 2.5, "hop_seconds": None, "standardise": "global"},
        "split": {"name": "stratified", "validation": 0.2, "test": 0.2},
        "encoder": {"name": "dilated-conv", "dim": 320, "depth": 10},
        "objective": {"name": "comet", "temperature": 0.2, "levels": {"patient": 0.25, "trial": 0.25}},
        "training": {"epochs": 20, "keep": "score", "lr": 0.001},
        "evaluation": {"protocols": ["probe", "knn"], "labels": [1.0, 0.1, 0.01], "seeds": 5},
    }  # fmt: skip
    (root / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))


def _provenance(root: Path, names: list[str], synthetic: bool, channels: list[str]) -> None:
    data = {
        "name": "ptb-xl-sim" if synthetic else "ptb-xl",
        "source": "ptb-xl-sim (200 synthetic patients)" if synthetic else "PTB-XL 1.0.3",
        "digest": "5d1c7a90b2e4f613", "synthetic": synthetic,
        "samples": 3360, "records": 840, "patients": 420,
        "channels": channels, "sfreq": 100.0, "unit": "mV",
        "skipped": [["records100/00000/00123_lr", "signal file is shorter than its header says <truncated>"]],
    }  # fmt: skip
    text = {
        "versions": {"python": "3.11.9", "tsrep": "0.1.0", "torch": "2.13.0", "numpy": "2.4.0"},
        "git": {"commit": "f1c60a8d2f5e", "dirty": True}, "task": "panel", "data": data, "seed": 0,
        "device": "cpu", "threads": 2,
        "started": "2026-03-04T10:11:12+00:00", "seconds": 184.2, "command": "tsrep fit --dataset ptb-xl-sim",
        "parameters": 1234567,
    }  # fmt: skip
    (root / "provenance.json").write_text(json.dumps(text))


def _split(root: Path, names: list[str]) -> None:
    def part(samples: int) -> dict[str, Any]:
        each = {name: max(1, samples // (2 + i)) for i, name in enumerate(names)}
        return {"samples": samples, "trials": samples // 4, "patients": samples // 8, "classes": each}

    counts = {"train": part(2016), "validation": part(672), "test": part(672)}
    (root / "split.json").write_text(
        json.dumps(
            {"how": "stratified by patient, 60/20/20, seed 0", "digest": "0a1b2c3d4e5f6071", "counts": counts}
        )
    )


def _metrics(root: Path, rng: Any, besides: Callable[[int], Any] = lambda _epoch: None) -> None:
    terms = ["patient", "trial", "sample", "observation"]
    lines: list[dict[str, Any]] = []

    def losses(step: int) -> dict[str, float]:
        noise = rng.normal(0, 0.04, 4)
        return {t: (1 + i / 2) * (0.4 + 0.6 * np.exp(-step / 300)) + noise[i] for i, t in enumerate(terms)}

    for epoch in range(21):
        now = losses(epoch * 64)
        score = (
            0.78 + 0.09 * (1 - np.exp(-epoch / 5)) - 0.0009 * max(0, epoch - 9) ** 1.5 + rng.normal(0, 0.004)
        )
        lines.append(
            {"kind": "validation", "epoch": epoch, "step": epoch * 64, "loss": sum(now.values()),
             "terms": now, "score": score, "score_name": "macro AUROC", "diagnostics": besides(epoch)}
        )  # fmt: skip
        for step in range(epoch * 64 + 8, epoch * 64 + 65, 8) if epoch < 20 else ():
            now = losses(step)
            lines.append(
                {"kind": "train", "epoch": epoch + 1, "step": step, "loss": sum(now.values()), "terms": now,
                 "lr": 1e-3 * min(1, step / 64) * (0.5 + 0.5 * np.cos(np.pi * step / 1280)), "grad_norm": 1.0,
                 "samples_per_s": 900.0 + step % 7, "seconds": step / 7}
            )  # fmt: skip
    (root / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def diagnostics(epoch: int, *, collapsed: bool = False) -> dict[str, Any]:
    """Numbers on representations of a run that spreads them, or loses all spread."""
    at = 1 - np.exp(-epoch / 5)
    spread = 0.25 * (1 - at) if collapsed else 0.25 + 0.6 * at
    kinds = {
        "other": [0] * 20 + [40] * 10 + [0] * 20,
        "same label": [0] * 30 + [9] * 20,
        "same patient": [0] * 50,
    }
    means = {"positive": 0.7 + 0.25 * at, "negative": 0.6 - 0.5 * at, "hardest": 0.9 - 0.1 * at}
    return {
        "uniformity": -0.4 - 3 * at, "alignment": 0.6 - 0.5 * at, "tolerance": 0.65 - 0.45 * at,
        "patient_tolerance": None, "spread": spread,
        "separation": 0.5 + 0.4 * at, "retrieval": 0.2 + 0.7 * at,
        "effective_rank": 20 + 20 * at, "participation_ratio": 5 + 20 * at, "first_share": 0.3,
        "dead_dimensions": 0, "dead_rows": 0, "windows": 64, "dim": 320, "pairs": 16, "own_view": True,
        "histograms": kinds | {"same patient": [0] * 50}, "positives": [0] * 45 + [4] * 5,
        **{f"{name}_mean": value for name, value in means.items()}, **{f"{name}_sd": 0.05 for name in means},
    }  # fmt: skip


def _scores(root: Path, rng: Any, gain: float, label: Any, patient: Any, classes: int) -> None:
    scores = []
    for labels in (1.0, 0.1, 0.01):
        for subsample_by in ("all",) if labels == 1 else ("sample", "patient"):
            for unit in ("record", "window"):
                where = {
                    "part": "test",
                    "unit": unit,
                    "fraction": labels,
                    "subsample_by": subsample_by,
                    "classes": classes,
                }
                base = 0.72 + 0.04 * np.log10(labels) + 0.01 * (unit == "record")
                for protocol in ("probe", "knn"):
                    scores.append(_score("majority", protocol, 0.5, 0.0, **where))
                    at = base - 0.02 * (protocol == "knn")
                    scores.append(_score("random initialisation", protocol, at, 0.035, **where))
                    scores.append(_score("comet", protocol, at + gain, 0.035, gain=gain, **where))
    predictions = {
        (method, protocol, 1.0, "all", "test"): _predictions(rng, label, patient, classes, method)
        for method, protocol in [
            ("majority", "probe"),
            ("random initialisation", "probe"),
            ("comet", "probe"),
            ("comet", "knn"),
        ]
    }
    Scores(tuple(scores), predictions).save(root)


def apart(value: float, half: float, of: str = "patients") -> Difference:
    """A difference of one encoder from five random initialisations, with the p value of its interval."""
    p = float(2 * ndtr(-abs(value) / half * 1.96))
    covers = f"{of} and random initialisations"
    return Difference(value, value - half, value + half, p=p, freedom=99, covers=covers, against_seeds=5)


def _score(
    method: str, protocol: str, auroc: float, half: float, *, part: str, unit: Any, fraction: float,
    subsample_by: str, classes: int, gain: float | None = None,
) -> Score:  # fmt: skip
    less = {
        "accuracy": 0.1,
        "precision": 0.2,
        "recall": 0.22,
        "f1": 0.21,
        "auroc": 0.0,
        "auprc": 0.25,
        "ece": 0.4,
    }
    metrics = {name: Interval(auroc - d, auroc - d - half, auroc - d + half) for name, d in less.items()}
    return Score(
        method=method, role=ROLES.get(method, "method"), protocol=protocol, title=TITLES[protocol],
        rank=40 * (protocol == "knn"), metric="auroc", part=part, unit=unit, fraction=fraction,
        subsample_by=subsample_by, seeds=1 if fraction == 1 and method != "random initialisation" else 5,
        n=168 if unit == "record" else 672, patients=84, classes_scored=classes, metrics=metrics,
        spread={"auroc": 0.011},
        details={"labelled": 2016 * fraction, "labelled_patients": 252 * fraction},
        against="random initialisation" if gain is not None else "",
        difference={} if gain is None else {"auroc": apart(gain, 0.03)},
    )  # fmt: skip


def _predictions(rng: Any, label: Any, patient: Any, classes: int, method: str) -> Predictions:
    label, patient = label[:168], patient[:168]
    flags = label if label.ndim == 2 else np.eye(classes)[label]
    strength = {"majority": 0.0, "random initialisation": 1.0}.get(method, 2.0)
    logit = strength * flags + (method != "majority") * rng.normal(size=flags.shape)
    if label.ndim == 2:
        prob = 1 / (1 + np.exp(1.5 - logit))
    else:
        prob = np.exp(logit) / np.exp(logit).sum(axis=1, keepdims=True)
    return Predictions(prob, label, patient, np.arange(168))


def _embeddings(root: Path, rng: Any, label: Any, patient: Any, names: list[str]) -> None:
    n = len(label)
    flags = label if label.ndim == 2 else np.eye(len(names))[label]
    who = rng.normal(size=(patient.max() + 1, 32))[patient]
    pull = flags @ rng.normal(size=(len(names), 32))
    np.savez(
        root / "embeddings.npz",
        x=(2.2 * pull + 0.7 * who + 0.8 * rng.normal(size=(n, 32))).astype(np.float32),
        x_random=(0.7 * pull + 1.5 * who + 0.8 * rng.normal(size=(n, 32))).astype(np.float32),
        label=label, patient=patient, trial=np.arange(n), part=rng.integers(0, 3, n), classes=np.array(names),
    )  # fmt: skip


def _examples(
    root: Path, rng: Any, label: Any, patient: Any, names: list[str], channels: list[str], seconds: float
) -> None:
    chosen = [0, 7, 30, 31]
    t = np.arange(int(100 * seconds)) / 100
    x = np.zeros((len(chosen), len(channels), len(t)), np.float32)
    for k in range(len(chosen)):
        phase = (t * (1.0 + 0.15 * k) % 1.0 - 0.4)[None, :]
        weight = rng.normal(0.4, 0.6, (len(channels), 5))
        for wave, (at, width, size) in enumerate(
            [
                (-0.18, 0.025, 0.25),
                (-0.03, 0.01, -0.3),
                (0, 0.012, 1.6),
                (0.03, 0.01, -0.5),
                (0.22, 0.05, 0.5),
            ]
        ):
            x[k] += weight[:, wave : wave + 1] * size * np.exp(-((phase - at) ** 2) / (2 * width**2))
        x[k] += 0.02 * rng.normal(size=x[k].shape)
    x[1, 4] = np.nan
    flags = label if label.ndim == 2 else np.eye(len(names), dtype=bool)[label]
    text = ["+".join(n for n, f in zip(names, flags[i], strict=True) if f) for i in chosen]
    np.savez(
        root / "examples.npz", x=x, label=np.array(text), patient=patient[chosen], trial=np.array(chosen),
        sfreq=np.array(100.0), channels=np.array(channels), unit=np.array("mV"),
    )  # fmt: skip

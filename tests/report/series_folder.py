"""Run folders of runs on a series as `tsrep fit` leaves them, made up from a seed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from tests.report.run_folder import _metrics, apart
from tsrep.evaluation.bootstrap import Interval
from tsrep.evaluation.forecasts.details import Examples, ForecastDetails
from tsrep.evaluation.scores import Role, Score, Scores

METHODS = {
    "repeat-last": 0.9,
    "seasonal-naive": 0.5,
    "ridge-nlinear": 0.08,
    "autotcl": 0.0,
    "random initialisation": 0.05,
}
ROLES: dict[str, Role] = {"autotcl": "method", "random initialisation": "control"}
HORIZONS = (24, 48, 168, 336, 720)
NAMES = ("HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL", "OT")
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x07\x08\0\0\x01\0"  # 1,800 pixels wide
HALF = 0.02  # of the interval of a difference


def make_series_run(
    root: Path,
    *,
    channels: tuple[str, ...] = ("OT",),
    gains: tuple[float, ...] = (0.05,) * 5,
    horizons: tuple[int, ...] = HORIZONS,
    rule: float = METHODS["ridge-nlinear"],
    inner_optimisations: bool = True,
) -> Path:
    """A complete run folder.

    Parameters
    ----------
    gains : tuple of float
        By how much the trained encoder's error is below that of the random one, at each horizon.
    rule : float
        By how much the error of ridge-nlinear is above 0.1, the random encoder's at the shortest horizon.
    """
    rng = np.random.default_rng(len(channels))
    root.mkdir(parents=True, exist_ok=True)
    _config(root)
    _provenance(root, channels)
    _split(root)
    _metrics(root, rng)
    if inner_optimisations:
        _add_inner(root, rng)
    make_forecasts(rng, channels, dict(zip(horizons, gains, strict=True)), rule).save(root)
    return root


def add_receptive_field(run: Path, *, objective: str = "forecast", windows: int = 64) -> None:
    """What `tsrep plot receptive-field` leaves, with small pictures."""

    def score(value: float | None, error: float | None = 0.25) -> dict[str, Any]:
        return {"value": value, "error": error, "per_step": [value], "per_step_error": [error]}

    scores = {
        "width 90": score(73.74), "centre": score(62.22), "entropy": score(3.927, 0.0036),
        "period 24": {
            "period": 24, "share": score(0.451), "ratio": score(3.638, 0.01), "z": 2.6, "p": 0.0104,
            "z_per_step": [2.6], "p_per_step": [0.0104],
        },
        "scale degree": score(0.9981, 0.0004), "scale error": score(7.1e-07, 1.2e-07),
        "shift error": score(0.0312, None), "affine error": score(None, None),
    }  # fmt: skip
    numbers = {
        "run": str(run), "objective": objective, "forecasts": objective == "forecast", "encoder": "lstm",
        "method": "gradient of the output",
        "windows": windows, "lags": 120, "ahead": [1], "scores": scores,
    }  # fmt: skip
    told = {"step": None, "part": "validation", "period": 24}
    (run / "figures").mkdir(exist_ok=True)
    for name in ("receptive-field", "receptive-field-samples"):
        (run / "figures" / f"{name}.png").write_bytes(PNG)
    (run / "figures" / "receptive-field.json").write_text(
        json.dumps({"settings": told, "runs": {run.name: numbers}})
    )


def make_forecasts(rng: Any, channels: tuple[str, ...], gains: dict[int, float], rule: float) -> Scores:
    """Scores whose differences to the random encoder have intervals of ``HALF`` to both sides."""
    above = METHODS | {"ridge-nlinear": rule}
    scores, per_step, per_channel = [], {}, {}
    for method in METHODS:
        for horizon, gain in gains.items():
            random = 0.1 + 0.02 * np.log2(horizon / min(gains))
            mse = random + (above[method] if method not in ("autotcl", "random initialisation") else 0.0)
            mse -= gain if method == "autotcl" else 0.0
            scores.append(_score(method, horizon, float(mse), float(mse - random)))
            per_step[method, horizon] = mse * np.linspace(0.6, 1.4, horizon) + rng.normal(0, 0.004, horizon)
            per_channel[method, horizon] = mse * np.linspace(0.8, 1.2, len(channels))
    notes = ("Intervals from few blocks of time are crude: 3 (horizon 720).",)
    examples = _examples(rng, len(channels), max(gains))
    details = ForecastDetails(per_step, per_channel, examples, channels)
    return Scores(tuple(scores), forecasts={"test": details}, notes=notes)


def _score(method: str, horizon: int, mse: float, difference: float) -> Score:
    compared = method != "random initialisation"
    windows = 2880 - horizon
    role = ROLES.get(method, "baseline")
    alpha = {} if method in ("repeat-last", "seasonal-naive") else {"alpha": 10.0}
    return Score(
        method=method, role=role, protocol="forecast", title="forecasts", rank=0, metric="mse", part="test",
        unit="window", horizon=horizon,
        metrics={
            "mse": Interval(mse, mse - 0.03, mse + 0.04), "mae": Interval(mse + 0.1, mse, mse + 0.2),
            "mase": Interval(2 * mse + 0.2, 2 * mse, 2 * mse + 0.4),
        },
        spread={"mse": 0.002 if not compared else float("nan"), "mae": float("nan"), "mase": float("nan")},
        seeds=1 if compared else 3, n=windows, blocks=-(-windows // horizon),
        against="random initialisation" if compared else "",
        difference={
            name: apart(difference, HALF, "blocks of time")
            for name in ("mse", "mae", "mase")
        } if compared else {},
        details=alpha | {"fitted": 8000, "dropped": 0},
    )  # fmt: skip


def _examples(rng: Any, channels: int, horizon: int) -> Examples:
    t = np.arange(-horizon + 1, horizon + 1)
    phase = rng.uniform(0, 6, (4, channels, 1))
    signal = np.sin(2 * np.pi * t / 24 + phase) + 0.4 * np.sin(2 * np.pi * t / 168 + 2 * phase)
    noisy = signal + rng.normal(0, 0.25, signal.shape)
    truth = noisy[:, :, horizon:]
    said = {m: (signal[:, :, horizon:] * (0.9 - a) + a).astype(np.float32) for m, a in METHODS.items()}
    return Examples(np.array([11519, 12239, 12959, 13679]), noisy[:, :, :horizon], truth, said)


def _config(root: Path) -> None:
    config = {
        "version": 1, "name": "fake", "seed": 0, "device": "auto",
        "dataset": {"name": "etth1", "variables": "target"},
        "window": {"seconds": None, "steps": 256, "standardise": "channel"},
        "split": {"name": "ett-months"},
        "encoder": {"name": "dilated-conv-ar", "dim": 320, "depth": 10},
        "objective": {"name": "autotcl"},
        "training": {"epochs": 20, "keep": "score", "lr": 0.0001},
        "evaluation": {"protocols": ["forecast"], "seeds": 3},
    }  # fmt: skip
    (root / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))


def _provenance(root: Path, channels: tuple[str, ...]) -> None:
    covariates = ["minute", "hour", "day of week", "day of month", "day of year", "month", "week of year"]
    data = {
        "name": "etth1", "source": "ETTh1", "digest": "5d1c7a90b2e4f613", "synthetic": False, "samples": 45,
        "window": 256,
        "steps": 17420, "freq": "h", "first": "2016-07-01T00:00:00", "last": "2018-06-26T19:00:00",
        "channels": [*covariates, *channels], "covariates": covariates, "targets": list(channels),
        "instances": 1, "sfreq": 1 / 3600, "unit": "", "skipped": [],
    }  # fmt: skip
    text = {
        "versions": {"python": "3.11.9", "tsrep": "0.1.0", "torch": "2.13.0", "numpy": "2.4.0"},
        "git": {"commit": "f1c60a8d2f5e", "dirty": False}, "task": "series", "data": data, "seed": 0,
        "device": "cpu", "threads": 2, "started": "2026-03-04T10:11:12+00:00", "seconds": 184.2,
        "command": "tsrep fit --dataset etth1 --set dataset.variables=target", "parameters": 1234567,
    }  # fmt: skip
    (root / "provenance.json").write_text(json.dumps(text))


def _split(root: Path) -> None:
    counts = {
        "train": {"steps": 8640, "first": "2016-07-01T00:00:00", "last": "2017-06-25T23:00:00"},
        "validation": {"steps": 2880, "first": "2017-06-26T00:00:00", "last": "2017-10-23T23:00:00"},
        "test": {"steps": 2880, "first": "2017-10-24T00:00:00", "last": "2018-02-20T23:00:00"},
    }
    how = "12 / 4 / 4 months of 30 days"
    (root / "split.json").write_text(json.dumps({"how": how, "digest": "0a1b2c3d4e5f6071", "counts": counts}))


def _add_inner(root: Path, rng: Any) -> None:
    """What an augmenter and an objective with diagnostics add to the log."""
    lines = [json.loads(line) for line in (root / "metrics.jsonl").read_text().splitlines()]
    for line in lines:
        line["terms"] = {"global": line["loss"] * 0.7, "local": line["loss"] * 0.3}
        if line["kind"] == "validation":
            line |= {"score_name": "minus validation MSE", "score": (line["score"] or 0) - 1}
            continue
        step = line["step"]
        if step % 16 == 0:
            names = ("regularity", "divergence", "consistency")
            line["inner"] = {"augmenter": {n: float(np.exp(-step / 400) + rng.normal(0, 0.1)) for n in names}}
        line["diagnostics"] = {
            "keep_rate": 0.5 + 0.2 * step / 1280, "saturation": min(1.0, step / 300),
            "mask_std_over_time": float(abs(rng.normal(0.2, 0.02))), "gain_std_over_time": 0.0,
        }  # fmt: skip
    (root / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))

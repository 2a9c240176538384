"""A small hourly series on disk, and settings that train on it in a second."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tsrep.runs.config import merged

STEPS, CHANNELS, LOOKBACK, HORIZON = 300, 2, 24, 6
SMALL: dict[str, Any] = {
    "dataset": {"name": "series-csv"},
    "encoder": {"name": "causal-tcn", "hidden": 4, "dim": 5, "depth": 2},
    "objective": {"name": "forecast", "lookback": LOOKBACK, "horizon": HORIZON},
    "window": {"hop_steps": 2},
    "training": {"epochs": 2, "batch_size": 32, "log_every": 1},
    "evaluation": {"seeds": 1, "forecast": {"n_bootstrap": 100}},
}


def write_daily(folder: Path, later: float = 0.0) -> Path:
    """A daily rhythm with noise in two channels; ``later`` is added to the last fifth, the test part."""
    rng = np.random.default_rng(0)
    values = np.sin(2 * np.pi * np.arange(STEPS) / 24)[:, None] + 0.3 * rng.normal(size=(STEPS, CHANNELS))
    values[-STEPS // 5 :] += later
    table = pd.DataFrame(values, columns=[f"v{i}" for i in range(CHANNELS)])
    table.insert(0, "date", pd.date_range("2024-01-01", periods=STEPS, freq="h"))
    folder.mkdir(exist_ok=True)
    table.to_csv(folder / "series.csv", index=False)
    return folder


def settings(root: Path, **changes: Any) -> Mapping[str, Any]:
    """Settings of a run on the series in a folder."""
    return merged(merged(SMALL, {"root": str(root)}), changes)

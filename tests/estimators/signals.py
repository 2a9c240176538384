"""Small signals and small settings for tests of estimators."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

SMALL: dict[str, Any] = {
    "encoder": "dilated-conv",
    "encoder_params": {"hidden": 4, "dim": 4, "depth": 2},
    "epochs": 1,
    "batch_size": 8,
    "device": "cpu",
    "random_state": 0,
}
HEAD = {"hidden": 4, "projection": 4}


def waves(n: int = 12, channels: int = 2, steps: int = 24, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Slow and fast waves with noise, shape (n, channels, steps), and which of both each is."""
    rng = np.random.default_rng(seed)
    fast = np.arange(n) % 2
    phase = rng.uniform(0, 6, (n, channels, 1))
    x = np.sin((1 + 2 * fast[:, None, None]) * np.arange(steps) / 3 + phase)
    return x + 0.1 * rng.normal(size=x.shape), np.where(fast, "fast", "slow")


def frame(series: list[np.ndarray], names: tuple[str, ...] = ("a", "b")) -> pd.DataFrame:
    """Data frame with instance and time as index, of arrays (channel, time) of any length."""
    index = pd.MultiIndex.from_tuples(
        [(i, t) for i, x in enumerate(series) for t in range(x.shape[1])], names=["instance", "time"]
    )
    return pd.DataFrame(np.concatenate([x.T for x in series]), index=index, columns=list(names))

"""Encoding and ridge forecasts of ETTh1 (univariate) beside a literal form of the published protocol.

The literal form encodes every window in full, all eight autoregressive convolutions at all 201 positions,
256 windows at a time, keeps the last position, stacks shifted copies of the series as targets, and fits a
scikit-learn ridge for every penalty and once more for the chosen one. It is in float64 there, so that the
predictions of both sides can be compared. Both sides have the same random weights (torch seed 44).

Encoding 14,400 windows literally takes most of an hour on one core. Without ``--full``, the literal side
encodes ``--windows`` windows of the test part, in batches that alternate with our side, its time for them is
scaled to all windows, and its ridges are fitted on our representations; its predictions for these windows are
from its own. Nothing else is scaled. The test errors of these random weights must be those of the study of
the released code, whose printed row without augmentation has the same to the third decimal. Run from the
repository root, with ETTh1.csv as published:

    python benchmarks/forecast_protocol.py path/to/ETTh1.csv
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.linear_model import Ridge
from threadpoolctl import threadpool_limits
from torch import Tensor, nn
from torch.nn import functional as F

from tsrep.encoders.dilated_conv_ar import DilatedConvAR
from tsrep.evaluation.forecasts.features import encode
from tsrep.evaluation.forecasts.ridge import Regression, choose_alpha, fit_paths
from tsrep.evaluation.forecasts.rows import origins
from tsrep.evaluation.forecasts.settings import ForecastSettings
from tsrep.signals.calendar import CALENDAR, calendar_features
from tsrep.signals.series import Series
from tsrep.signals.standardise import standardise_series
from tsrep.splits.by_time import EttMonths, TimeSplit

Array = NDArray[Any]
SETTINGS, BATCH = ForecastSettings(), 256
KNOWN_MSE = {24: 0.0375, 48: 0.0548, 168: 0.0998, 336: 0.1079, 720: 0.1754}  # of the released code
TOLERANCE = 1e-4


def read(path: Path) -> tuple[Series, TimeSplit]:
    """The oil temperature with calendar features, standardised on the training part."""
    table = pd.read_csv(path, parse_dates=["date"])
    stamps = table["date"].to_numpy().astype("datetime64[s]")
    values, covariates = table[["OT"]].to_numpy(np.float32).T, calendar_features(stamps)
    series = Series(
        values, stamps, ("OT",), period=24, covariates=covariates, covariate_names=CALENDAR, source="ETTh1"
    )
    split = EttMonths()(series)
    return standardise_series(series, split.train)[0], split


class Clock:
    """Seconds by the clock and of the processor, of every repeat, by name."""

    def __init__(self) -> None:
        self.spent: dict[str, list[tuple[float, float]]] = {}

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        clock, processor = time.perf_counter(), time.process_time()
        yield
        spent = time.perf_counter() - clock, time.process_time() - processor
        self.spent.setdefault(name, []).append(spent)

    def shortest(self, name: str) -> Array:
        return np.min(self.spent[name], axis=0)

    def total(self, name: str) -> Array:
        return np.sum(self.spent[name], axis=0)


# The literal form: `(batch, time, channel)` windows, all positions, one ridge after the other.


class LiteralBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int, dilation: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(inputs, outputs, 3, padding=dilation, dilation=dilation)
        self.conv2 = nn.Conv1d(outputs, outputs, 3, padding=dilation, dilation=dilation)
        self.skip = nn.Conv1d(inputs, outputs, 1) if inputs != outputs else None

    def forward(self, x: Tensor) -> Tensor:
        residual = x if self.skip is None else self.skip(x)
        return self.conv2(F.gelu(self.conv1(F.gelu(x)))) + residual


class LiteralEncoder(nn.Module):
    def __init__(self, channels: int, hidden: int = 64, dim: int = 320, depth: int = 10) -> None:
        super().__init__()
        widths = [hidden] * (depth + 1) + [dim]
        self.input = nn.Linear(channels, hidden)
        self.blocks = nn.Sequential(*(LiteralBlock(widths[i], widths[i + 1], 2**i) for i in range(depth + 1)))
        self.experts = nn.ModuleList(
            nn.Conv1d(dim, dim, k, padding=k - 1) for k in (1, 2, 4, 8, 16, 32, 64, 128)
        )

    def forward(self, x: Tensor) -> Tensor:
        missing = x.isnan().any(dim=-1)
        latent = self.input(x.masked_fill(missing[..., None], 0))
        latent[missing] = 0
        maps = self.blocks(latent.transpose(1, 2))
        experts = [
            expert(maps) if i == 0 else expert(maps)[..., : 1 - 2**i] for i, expert in enumerate(self.experts)
        ]
        return torch.stack(experts).mean(dim=0).transpose(1, 2)


def literal_encoding(encoder: LiteralEncoder, x: Tensor, steps: Array) -> Array:
    """Representation of some steps, shape (step, dim); ``x (time, channel)``."""
    context = SETTINGS.context
    padded = F.pad(x, (0, 0, context, 0), value=torch.nan)
    with torch.no_grad():
        windows = torch.stack([padded[t : t + context + 1] for t in steps])
        return encoder(windows)[:, -1].numpy()


def literal_targets(values: Array, horizon: int) -> Array:
    """Shifted copies of the series, shape (time - horizon, horizon)."""
    n = len(values) - horizon
    return np.stack([values[1 + i : 1 + i + n] for i in range(horizon)], axis=1)


def literal_ridge(z: Array, values: Array, split: TimeSplit, horizon: int) -> Ridge:
    """Fit for each penalty, and again for the best."""
    (fit_x, fit_y), (choose_x, choose_y) = (
        (z[a + skip : b - horizon].astype(np.float64), literal_targets(values[a:b], horizon)[skip:])
        for (a, b), skip in ((split.train, SETTINGS.skipped), (split.validation, 0))
    )
    errors = []
    for alpha in SETTINGS.alphas:
        error = Ridge(alpha=alpha).fit(fit_x, fit_y).predict(choose_x) - choose_y
        errors.append(np.sqrt((error**2).mean()) + np.abs(error).mean())
    return Ridge(alpha=SETTINGS.alphas[int(np.argmin(errors))]).fit(fit_x, fit_y)


# Both sides.


def our_ridges(z: Array, series: Series, split: TimeSplit) -> dict[int, Callable[[Array], Array]]:
    """Predictions (step, horizon) from steps, for each horizon."""
    regression = Regression(lambda _, steps: z[steps], [series.values])
    rows = {h: [origins(split.train, h, skip=SETTINGS.skipped)] for h in SETTINGS.horizons}
    found: dict[int, Callable[[Array], Array]] = {}
    for h, path in fit_paths(regression, rows):
        alpha = choose_alpha(path, regression, [origins(split.validation, h)], h, SETTINGS.alphas).alpha
        found[h] = lambda steps, path=path, alpha=alpha: regression.forecast(path, alpha, 0, steps)[:, :, 0]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("csv", type=Path)
    parser.add_argument("--windows", type=int, default=2 * BATCH, help="that the literal side encodes")
    parser.add_argument("--full", action="store_true", help="the literal side encodes all windows")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    with threadpool_limits(given.threads):
        print(json.dumps(run(*read(given.csv), None if given.full else given.windows)))


def run(series: Series, split: TimeSplit, windows: int | None) -> dict[str, float | str]:
    stop, clock = split.test[1], Clock()
    torch.manual_seed(44)
    ours = DilatedConvAR(len(series.inputs))
    theirs = LiteralEncoder(len(series.inputs))
    theirs.load_state_dict(ours.state_dict())

    def our_encoding() -> Array:
        with clock("our encoding"):
            return encode(ours, [series], context=SETTINGS.context, stop=stop, first=SETTINGS.skipped)[0]

    z = our_encoding()
    shown = np.arange(stop) if windows is None else shown_windows(split, windows)
    x, literal_z = torch.from_numpy(series.x.T), z.copy()
    for at in range(0, len(shown), BATCH):
        with clock("literal batch"):
            literal_z[shown[at : at + BATCH]] = literal_encoding(theirs, x, shown[at : at + BATCH])
        if windows:
            z = our_encoding()
    print(f"representations differ by {np.nanmax(np.abs(z - literal_z)):.1e} at most", flush=True)
    with clock("our ridges"):
        predict = our_ridges(z, series, split)
    refuse_other_errors(predict, series, split)
    difference = 0.0
    for h in SETTINGS.horizons:
        with clock("literal ridges"):
            ridge = literal_ridge(literal_z if windows is None else z, series.values[0], split, h)
        steps = np.intersect1d(shown, origins(split.test, h))
        difference = max(difference, np.abs(ridge.predict(literal_z[steps]) - predict[h](steps)).max())
    scale = None if windows is None else stop / min(BATCH, windows)
    return result(clock, scale, float(difference), len(shown))


def refuse_other_errors(
    predict: dict[int, Callable[[Array], Array]], series: Series, split: TimeSplit
) -> None:
    """Test errors of all windows beside the known ones."""
    for h, known in KNOWN_MSE.items():
        steps = origins(split.test, h)
        targets = series.values[0][steps[:, None] + np.arange(1, h + 1)]
        error = float(((predict[h](steps) - targets) ** 2).mean())
        print(f"  {h:3d} steps: test MSE {error:.4f}, known {known:.4f}", flush=True)
        if abs(error - known) > TOLERANCE:
            raise SystemExit(f"the test error of {h} steps is not that of the released code")


def shown_windows(split: TimeSplit, windows: int) -> Array:
    """Steps of the test part from which every horizon can be forecast."""
    return origins(split.test, max(SETTINGS.horizons))[:windows]


def result(clock: Clock, scale: float | None, difference: float, windows: int) -> dict[str, Any]:
    """Both sides' seconds added up; the fastest literal batch is scaled to all windows."""
    literal = clock.total("literal batch") if scale is None else scale * clock.shortest("literal batch")
    sides = {
        "ours": (clock.shortest("our encoding"), clock.total("our ridges")),
        "literal": (literal, clock.total("literal ridges")),
    }
    for side, (encoding, ridges) in sides.items():
        for name, (spent, processor) in (("encoding", encoding), ("ridges", ridges)):
            print(f"  {side:8s}{name:9s} {spent:8.1f} s, processor {processor:8.1f} s")
    ratio = sum(sides["ours"]) / sum(sides["literal"])
    return {
        "name": "forecast_protocol_etth1_univariate",
        "time_ratio": round(float(ratio[0]), 4),
        "processor_time_ratio": round(float(ratio[1]), 4),
        "max_abs_diff": difference,
        "literal_windows": windows,
    }


if __name__ == "__main__":
    main()

"""An epoch of every forecaster beside the common loop, and how soon each reaches a given error.

Some steps of each encoder are trained by tsrep's Trainer and by the loop that public forecasting code has in
common (``forecast_epoch.py``), around the same network with the same weights; the two alternate, and ratios
are of the fastest repeats. The profiler tells where the Trainer's time goes. Then each is trained on every
fifth window, and the default one also with changes of what it learns by. Validation errors are of the months
that follow the training year; that of a ridge on the look-back stands beside them. Seconds are of a
processor, preparation and validation included::

    OMP_NUM_THREADS=1 python benchmarks/forecasters.py path/to/ETTh1.csv
    OMP_NUM_THREADS=1 python benchmarks/forecasters.py path/to/ETTh1.csv --loops
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from forecast_epoch import LOOKBACK, LR, PATCHES, LiteralDataset, Theirs, alternate, make_ours, ratio
from operators import shares
from torch import Tensor, nn

from tsrep.objectives.forecaster import Forecaster
from tsrep.runs.config import configure, merged
from tsrep.runs.fit import fit
from tsrep.training.hooks import Hook

CPU = torch.device("cpu")


def mixed(name: str, head: str = "last-state", **settings: Any) -> dict[str, Any]:
    """An encoder that sees all channels together."""
    return {"encoder": {"name": name, **settings}, "objective": {"mixing": "mixed", "head": head}}


BLOCKS = {"width": 64, "depth": 2, "heads": 4}
FORECASTERS: Mapping[str, Mapping[str, Any]] = {
    "patch-transformer": PATCHES,
    "inverted-transformer": mixed("inverted-transformer", "per-variate", length=LOOKBACK, **BLOCKS),
    "transformer": mixed("transformer", **BLOCKS),
    "informer": mixed("informer", width=64, dim=64, layers=2, heads=4),
    "causal-tcn": mixed("causal-tcn", hidden=64, dim=64),
    "gru": mixed("gru", hidden=64, dim=64),
    "lstm": mixed("lstm", hidden=64, dim=64),
    "s4d": mixed("s4d", width=64, dim=64),
}
CHANGES: Mapping[str, Mapping[str, Any]] = {
    "every window": {"window": {"hop_steps": 1}},
    "rate 0.002": {"training": {"lr": 2e-3}},
    "rate 0.004": {"training": {"lr": 4e-3}},
    "batches of 16": {"training": {"batch_size": 16}},
    "warm start": {"objective": {"warm_start": True}},
    "warm start, rate 0.002": {"objective": {"warm_start": True}, "training": {"lr": 2e-3}},
}
RIDGE = {"encoder": {"name": "identity"}, "objective": {"norm": "last", "warm_start": True}}
LEARNING = {"window": {"hop_steps": 5}, "training": {"epochs": 8, "ema_decay": 0.95}}
AHEAD = 96
NEAR = 1.05  # of the best error


class AsCommon(nn.Module):
    """Our network as the common loop calls one, time before channels."""

    def __init__(self, network: Forecaster, covariates: int) -> None:
        super().__init__()
        self.network, self.covariates = network, covariates

    def forward(self, x: Tensor, _x_mark: Tensor, _dec_inp: Tensor, y_mark: Tensor) -> Tensor:
        """(batch, lookback, channel) to (batch, horizon, channel)."""
        past = nn.functional.pad(x.mT, (0, 0, self.covariates, 0))  # covariates, which no network here sees
        forecast: Tensor = self.network(past, y_mark.new_zeros(len(x), self.covariates, self.network.horizon))
        return forecast.mT


@dataclass(frozen=True)
class Learned:
    """Validation errors of a run, and processor seconds until each of them."""

    errors: list[float]
    seconds: list[float]

    def until(self, error: float) -> float | None:
        """Seconds until an error was reached; None where it was not."""
        reached = (s for s, e in zip(self.seconds, self.errors, strict=True) if e <= error)
        return next(reached, None)


class Watch(Hook):
    """Notes validation errors, and processor seconds since it was made."""

    def __init__(self) -> None:
        self.found, self.began = Learned([], []), time.process_time()

    def on_record(self, record: dict[str, Any]) -> None:
        """See :meth:`Hook.on_record`."""
        if record["kind"] == "validation":
            self.found.errors.append(-record["score"])
            self.found.seconds.append(time.process_time() - self.began)


def loop_ratio(
    path: Path, settings: Mapping[str, Any], steps: int, repeats: int
) -> tuple[float, dict[str, float]]:
    """Time of some steps of the Trainer over that of the common loop, and its share by kind of operator."""
    ours = make_ours(path, 32, steps, CPU, settings)
    encoder, objective = ours.modules()
    network = AsCommon(Forecaster(encoder, objective), ours.prepared.panel.covariates)
    order = [i for batch in ours.train.sampler.epoch(1) for i in batch.tolist()]
    theirs = Theirs(LiteralDataset(path), order, 32, CPU, network)
    sides = {"ours": lambda: ours.epoch(False), "theirs": lambda: theirs.epoch(False)}
    return ratio(alternate(sides, repeats)), shares(sides["ours"])


def learned(path: Path, settings: Mapping[str, Any], folder: Path) -> Learned:
    """Train with some settings, and tell how the validation error fell."""
    watch = Watch()
    told = {"dataset": {"name": "series-csv", "file": path.name}, "root": str(path.parent)}
    told |= {"split": "ett-months", "objective": {"name": "forecast", "lookback": LOOKBACK, "horizon": AHEAD}}
    told["training"] = {"batch_size": 32, "lr": LR, "patience": None}
    config = merged(merged(told, LEARNING), settings)
    fit(configure(config), out=folder, progress=False, illustrate=False, hooks=[watch])
    return watch.found


def row(name: str, run: Learned, targets: Mapping[str, float]) -> dict[str, Any]:
    """What is printed of a run."""
    best = min(run.errors)
    found: dict[str, Any] = {"best": round(best, 4), "seconds": round(run.seconds[-1], 1)}
    for target, error in targets.items():
        reached = run.until(error)
        found[target] = None if reached is None else round(reached, 1)
    print(f"{name:24s} {found}", flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("csv", type=Path, help="ETTh1.csv")
    parser.add_argument("--steps", type=int, default=20, help="of the loops that are compared")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--forecasters", nargs="+", default=list(FORECASTERS), choices=list(FORECASTERS))
    parser.add_argument("--loops", action="store_true", help="compare the loops alone, without learning")
    given = parser.parse_args()
    torch.set_num_threads(1)
    path = given.csv.resolve()
    loops, parts = {}, {}
    for name in given.forecasters:
        print(f"{name}, {given.steps} steps", flush=True)
        loops[name], spent = loop_ratio(path, FORECASTERS[name], given.steps, given.repeats)
        parts[name] = {kind: round(share, 3) for kind, share in spent.items()}
        print(f"  {parts[name]}", flush=True)
    found = {"name": "forecasters", "time_ratio": loops, "parts": parts}
    if not given.loops:
        found |= learning(path, given.forecasters)
    print(json.dumps(found))


def learning(path: Path, forecasters: Sequence[str]) -> dict[str, Any]:
    """How soon forecasters, and the default one with changes, reach the error of a ridge and of the best."""
    default = next(iter(FORECASTERS))
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        ridge = learned(path, merged(RIDGE, {"training": {"epochs": 1}}), place / "ridge").errors[0]
        print(f"ridge on the look-back: {ridge:.4f}", flush=True)
        tried = {name: FORECASTERS[name] for name in forecasters}
        tried |= {f"{default}, {name}": merged(FORECASTERS[default], own) for name, own in CHANGES.items()}
        runs = {name: learned(path, own, place / str(i)) for i, (name, own) in enumerate(tried.items())}
    best = min(min(run.errors) for run in runs.values())
    targets = {"until ridge": ridge, "until near best": NEAR * best}
    rows = {name: row(name, run, targets) for name, run in runs.items()}
    return {"ridge": round(ridge, 4), "learned": rows}


if __name__ == "__main__":
    main()

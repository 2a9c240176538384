"""Time and memory of one training step of every objective, relative to SimCLR on the same encoder.

Run ``python benchmarks/objective_step.py`` (one thread, some five minutes), or ``--quick`` for two repeats of
small batches. Every objective that trains on a panel steps forward and backward on one random batch of twelve
leads, with its default settings and the encoder that stands beside its name: ``resnet1d`` for all that take
any, else one that it can train. SimCLR steps on that encoder too, in turns, and ratios are of the fastest
repeats by processor time. Memory is the largest sum of tensors that autograd keeps for the backward pass.
The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from benchmarks.objectives_simulated import built
from tsrep.encoders.encoder import Encoder
from tsrep.objectives.objective import Objective
from tsrep.registry import ENCODERS, OBJECTIVES
from tsrep.rng import initial_weights, torch_generator
from tsrep.signals import Batch

LEADS, TIME = 12, 250
RESNET = {"name": "resnet1d", "width": 32, "dim": 128}
PATCHES = {"name": "patch-transformer", "width": 64, "patch": 10, "stride": 10}
LEADWISE = {"name": "lead-wise", "trunk": RESNET}
# those that do not take every encoder, and settings without which they do not start
ENCODER: dict[str, dict[str, Any]] = {"cpc": {"name": "s4d"}, "jepa": PATCHES}
SETTINGS: dict[str, dict[str, Any]] = {"sepclr": {"controls": ["healthy"]}}
VARIANTS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "clocs, leads": ("clocs", {"views": "leads"}, LEADWISE),
    "masked-patches, transformer": ("masked-patches", {"patch": 10}, PATCHES),
    "byol, transformer": ("byol", {}, PATCHES),
}


class Step:
    """One objective on one encoder, stepping on the same batch.

    Parameters
    ----------
    name : str
    settings, encoder : mapping
    batch : Batch
    """

    def __init__(self, name: str, settings: dict[str, Any], encoder: dict[str, Any], batch: Batch) -> None:
        with initial_weights(0):
            self.encoder: Encoder = ENCODERS.build(encoder, channels=LEADS)
            self.objective: Objective = built(name, settings, self.encoder, LEADS)
        self.batch = batch
        self.objective.begin(100)

    def __call__(self) -> tuple[float, int]:
        """Seconds of processor time and bytes kept for the backward pass."""
        kept: dict[int, int] = {}

        def keep(tensor: Tensor) -> Tensor:
            storage = tensor.untyped_storage()
            kept[storage.data_ptr()] = storage.nbytes()
            return tensor

        began = time.process_time()
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            terms = self.objective(self.encoder, self.batch, generator=torch_generator("step"))
        torch.autograd.backward(torch.stack([*terms.values()]).sum())
        self.objective.after_step()
        return time.process_time() - began, sum(kept.values())


def whole_batch(size: int) -> Batch:
    """Random leads of patients with two recordings of two windows each."""
    n = torch.arange(size)
    x = torch.randn(size, LEADS, TIME, generator=torch_generator("leads"))
    return Batch(x=x, label=n // 4 % 2, patient=n // 4, trial=n // 2, sample=n, start=n % 2 * TIME)


def on_a_panel() -> list[str]:
    """Objectives that train on recordings without a series to forecast."""
    found = []
    for name in OBJECTIVES.names():
        entry = OBJECTIVES.entry(name)
        settings = entry.settings.model_validate({"name": name} | SETTINGS.get(name, {}))
        if entry.cls.training_windows(settings) is None:
            found.append(name)
    return found


def cases() -> dict[str, tuple[str, dict[str, Any], dict[str, Any]]]:
    """Name, settings and encoder of everything that is measured."""
    plain = {name: (name, SETTINGS.get(name, {}), ENCODER.get(name, RESNET)) for name in on_a_panel()}
    return plain | VARIANTS


def fastest(sides: dict[str, Callable[[], tuple[float, int]]], repeats: int) -> dict[str, tuple[float, int]]:
    """Least time and largest memory of each side, which take turns after one step to warm up."""
    for side in sides.values():
        side()
    runs = {name: [] for name in sides}  # type: dict[str, list[tuple[float, int]]]
    for _ in range(repeats):
        for name, side in sides.items():
            runs[name].append(side())
    return {name: (min(t for t, _ in each), max(m for _, m in each)) for name, each in runs.items()}


def main() -> None:
    """Print a line for each objective."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two repeats of small batches")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("names", nargs="*", help="objectives; all by default")
    given = parser.parse_args()
    torch.set_num_threads(1)
    batch = whole_batch(16 if given.quick else given.batch)
    times, memory = {}, {}
    print(f"{'objective':28s} {'encoder':18s} {'ms':>8s} {'time':>7s} {'memory':>7s}   (SimCLR is 1)")
    for title, (name, settings, encoder) in cases().items():
        if given.names and title not in given.names:
            continue
        sides = {
            "simclr": Step("simclr", {}, encoder, batch),
            "own": Step(name, settings, encoder, batch),
        }
        best = fastest(sides, 2 if given.quick else given.repeats)
        times[title] = round(best["own"][0] / best["simclr"][0], 3)
        memory[title] = round(best["own"][1] / best["simclr"][1], 3)
        print(
            f"{title:28s} {encoder['name']:18s} {1e3 * best['own'][0]:8.1f} {times[title]:7.2f} "
            f"{memory[title]:7.2f}",
            flush=True,
        )
    print(json.dumps({"name": "objective_step", "time_ratio": times, "memory_ratio": memory}))


if __name__ == "__main__":
    main()

"""What diagnostics of representations cost beside the epoch that they describe.

Run ``python benchmarks/diagnostics.py`` (one thread, about two minutes), or ``--quick``. On a simulated
cohort each objective trains some steps, and the numbers of a validation are made, by turns in one process;
their time is compared with that of a whole epoch of such steps. Ends with one JSON line.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from statistics import median

import torch

from tsrep.rng import torch_generator
from tsrep.runs.build import new_encoder, new_objective
from tsrep.runs.config import configure
from tsrep.runs.prepared import Prepared
from tsrep.runs.task import task_of
from tsrep.runs.training_parts import training_part
from tsrep.training.averaging import Step
from tsrep.training.distributed import ALONE

CPU = torch.device("cpu")
OBJECTIVES = ("simclr", "comet", "byol", "masked-patches")


def seconds(action: Callable[[], object]) -> float:
    """Processor time of an action."""
    began = time.process_time()
    action()
    return time.process_time() - began


def share(name: str, patients: int, turns: int) -> float:
    """Time of the diagnostics as a share of that of an epoch, a median over turns."""
    dataset = {"name": "ptb-xl-sim", "patients": patients, "records_per_patient": 2.0}
    encoder = {"name": "resnet1d", "width": 32, "dim": 128}
    config = configure({"dataset": dataset, "objective": {"name": name}, "encoder": encoder, "device": "cpu"})
    task = task_of(config)
    prepared: Prepared = task.prepare(progress=False)
    net = Step(made := new_encoder(config, prepared.panel, 0), new_objective(config, made, prepared.panel, 0))
    net.objective.begin(100)
    part = training_part(config, prepared, prepared.split.train, CPU, ALONE)
    batches = part.sampler.epoch(1)
    batch = part.tensors.batch(batches[0])
    diagnose = task.diagnostics(prepared, CPU)
    assert diagnose is not None

    def step() -> None:
        terms = net.train()(batch, torch_generator(0))
        torch.stack(list(terms.values())).sum().backward()  # type: ignore[no-untyped-call]

    step()
    found = []
    for _ in range(turns):
        epoch = seconds(step) * len(prepared.split.train) / len(batch)
        found.append(seconds(lambda: diagnose(net.encoder.eval(), net.objective)) / epoch)
    return median(found)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    patients, turns = (100, 1) if options.quick else (600, 5)
    shares = {name: share(name, patients, turns) for name in OBJECTIVES[: 1 if options.quick else None]}
    for name, value in shares.items():
        print(f"{name}: {value:.1%} of an epoch")
    print(json.dumps({"name": "diagnostics", "share_of_epoch": shares}))


if __name__ == "__main__":
    main()

"""What a card gives training: see ``benchmarks/gpu.sh``, which starts this.

Each objective takes steps through the training loop on simulated recordings of twelve leads, with the encoder
and batch of the published COMET, in float32, TensorFloat-32, bfloat16, and bfloat16 compiled. The share of
the peak is the number of floating-point operations of a step, as torch counts them, over its time, beside a
product of large matrices in the same precision. SimCLR then takes steps from recordings that lie on the card
and from a store on the host; their ratio says whether the card waits. Its batch is doubled until the memory
is full. Recordings as many as in PTB-XL, at 100 Hz and at 500 Hz, are converted, trained on for an epoch and
evaluated by the commands that a user gives. At last the tests of two processes run. On a processor all is
small, and TensorFloat-32 is left out.

Results go to ``gpu.json`` in the cache, where ``training.compile: auto`` reads the gain of compilation, and a
table to the terminal; the last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import geometric_mean, median
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scale import CLASSES, RECORDS_A_PATIENT, SECONDS, SFREQ, cost, pulses
from torch.utils.flop_counter import FlopCounterMode

from tsrep.datasets.dataset import cache_folder
from tsrep.errors import TsrepError
from tsrep.files import write_text
from tsrep.registry import OBJECTIVES
from tsrep.runs.build import new_encoder, new_objective
from tsrep.runs.config import Configuration, configure
from tsrep.runs.prepared import Prepared
from tsrep.runs.task import task_of
from tsrep.runs.training_parts import training_part
from tsrep.sampling.batches import PanelTensors
from tsrep.training.auto import GPU_FILE, compile_fault, device_name
from tsrep.training.distributed import ALONE
from tsrep.training.hooks import Hook
from tsrep.training.loop import Part, Trainer

PTB_XL = 21_799
LEADS = 12
RATES = (100, 500)  # Hz, at which PTB-XL is published


@dataclass(frozen=True)
class Size:
    """How large everything is."""

    encoder: dict[str, Any]
    batch: int
    steps: int
    matrix: int
    patients: int
    records: int


PUBLISHED = {"name": "dilated-conv", "hidden": 64, "dim": 320, "depth": 10}
FULL = Size(PUBLISHED, 256, 20, 8192, 150, PTB_XL)
SMALL = Size(PUBLISHED | {"hidden": 8, "dim": 16, "depth": 3}, 16, 4, 512, 40, 200)


@dataclass(frozen=True)
class Mode:
    """A precision, and whether the encoder is compiled."""

    name: str
    amp: bool = False
    tf32: bool = False
    compiled: bool = False


FLOAT32, BFLOAT16 = Mode("float32"), Mode("bfloat16", amp=True)
COMPILED = Mode("bfloat16, compiled", amp=True, compiled=True)
MODES = (FLOAT32, Mode("TensorFloat-32", tf32=True), BFLOAT16, COMPILED)


@dataclass
class StepTimes(Hook):
    """Seconds of each step, once the device has done it."""

    device: torch.device
    ends: list[float] = field(default_factory=list)

    def on_step(self, _step: int) -> None:
        wait(self.device)
        self.ends.append(time.perf_counter())

    @property
    def seconds(self) -> float:
        """Median, without the first steps, in which libraries choose and compile."""
        return median(np.diff(self.ends)[min(3, len(self.ends) // 2) :])


@dataclass(frozen=True)
class FirstBatches:
    """So many batches of a sampler in each epoch, over and over where it has fewer."""

    sampler: Any
    number: int

    def epoch(self, number: int) -> list[NDArray[np.int64]]:
        batches = list(self.sampler.epoch(number))
        return [batches[i % len(batches)] for i in range(self.number)]


class OnHost(PanelTensors):
    """Recordings that stay in the memory of the host, as those do that are too many for the card."""

    def _fits(self, _rows: int) -> bool:
        return False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="as on a processor")
    parser.add_argument("--out", type=Path, default=cache_folder(None), help=f"folder of {GPU_FILE}")
    options = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    size = FULL if device.type == "cuda" and not options.small else SMALL
    options.out.mkdir(parents=True, exist_ok=True)
    compiles = not compile_fault(device)
    modes = [
        mode for mode in MODES if (device.type == "cuda" or not mode.tf32) and (compiles or not mode.compiled)
    ]
    peaks = {mode.name: peak(device, size.matrix, mode) for mode in modes if not mode.compiled}
    steps = {name: of_objective(name, size, device, modes) for name in OBJECTIVES.names()}
    result = {
        "name": "gpu",
        "device": device_name(device),
        "tflops_of_matrix_products": peaks,
        "steps": steps,
        "compile_gain": compile_gain(steps),
        "waits_for_data": waiting(size, device),
        "largest_batch": largest_batch(size, device),
        "full_size": {f"{rate} Hz": full_size(size, rate) for rate in RATES},
        "two_processes_equal_one": two_processes(),
    }
    write_text(options.out / GPU_FILE, json.dumps(result, indent=1))
    print("\n".join(table(result)))
    print(json.dumps(result))


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


@contextmanager
def precision(mode: Mode) -> Iterator[None]:
    """Whether products of float32 may be computed in TensorFloat-32."""
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("high" if mode.tf32 else "highest")
    torch.backends.cudnn.allow_tf32 = mode.tf32
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before[0])
        torch.backends.cudnn.allow_tf32 = before[1]


def peak(device: torch.device, n: int, mode: Mode) -> float:
    """10^12 floating-point operations a second in products of n x n matrices."""
    a = torch.ones(n, n, device=device, dtype=torch.bfloat16 if mode.amp else torch.float32)
    times = []
    with precision(mode):
        for _ in range(8):
            wait(device)
            began = time.perf_counter()
            a @ a
            wait(device)
            times.append(time.perf_counter() - began)
    return 2 * n**3 / min(times) / 1e12


def configuration(name: str, size: Size) -> Configuration:
    return configure(
        {
            "dataset": {"name": "ptb-xl-sim", "patients": size.patients},
            "window": {"seconds": 2.5},
            "encoder": size.encoder,
            "objective": name,
            "training": {"epochs": 1, "batch_size": size.batch},
        }
    )


def trained(
    config: Configuration, prepared: Prepared, parts: tuple[Part, Part], device: torch.device, mode: Mode
) -> StepTimes:
    """Steps through the training loop."""
    torch.compiler.reset()  # or what was compiled for other objectives counts towards its limit
    encoder = new_encoder(config, prepared.panel, 0)
    objective = new_objective(config, encoder, prepared.panel, 0)
    times = StepTimes(device)
    settings = config.training.model_copy(update={"amp": mode.amp, "compile": mode.compiled})
    with tempfile.TemporaryDirectory() as folder, precision(mode):
        Trainer(encoder, objective, *parts, settings, seed=0, folder=Path(folder), hooks=[times]).run()
    return times


def parts_of(
    config: Configuration, prepared: Prepared, device: torch.device, steps: int
) -> tuple[Part, Part]:
    parts = (
        training_part(config, prepared, index, device, ALONE)
        for index in (prepared.split.train, prepared.split.validation)
    )
    train, held = parts
    return replace(train, sampler=FirstBatches(train.sampler, steps)), replace(
        held, sampler=FirstBatches(held.sampler, 1)
    )


def of_objective(name: str, size: Size, device: torch.device, modes: list[Mode]) -> dict[str, Any]:
    """Seconds, share of operations and memory of a step in each mode, or why it takes none."""
    try:
        config = configuration(name, size)
        prepared = task_of(config).prepare(progress=False)
        parts = parts_of(config, prepared, device, size.steps)
        counted = parts_of(config, prepared, device, 1)
        with FlopCounterMode(display=False) as counter:
            trained(config, prepared, counted, device, FLOAT32)
        found: dict[str, Any] = {"tflop": counter.get_total_flops() / 1e12}
        for mode in modes:
            if device.type == "cuda":
                torch.cuda.reset_peak_memory_stats(device)
            seconds = trained(config, prepared, parts, device, mode).seconds
            held = torch.cuda.max_memory_allocated(device) / 2**20 if device.type == "cuda" else None
            found[mode.name] = {"milliseconds": 1000 * seconds, "megabytes": held}
    except TsrepError as error:
        return {"refused": str(error)}
    print(
        f"{name}: " + ", ".join(f"{m.name} {found[m.name]['milliseconds']:.1f} ms" for m in modes), flush=True
    )
    return found


def compile_gain(steps: dict[str, dict[str, Any]]) -> float:
    """How many times as fast a step is when it is compiled, over objectives; 1 where nothing compiles."""
    gains = [
        one[BFLOAT16.name]["milliseconds"] / one[COMPILED.name]["milliseconds"]
        for one in steps.values()
        if COMPILED.name in one
    ]
    return geometric_mean(gains) if gains else 1.0


def waiting(size: Size, device: torch.device) -> dict[str, float]:
    """Milliseconds of a step of SimCLR from recordings on the device and from the host."""
    config = configuration("simclr", size)
    prepared = task_of(config).prepare(progress=False)
    train, held = parts_of(config, prepared, device, size.steps)
    on_device = trained(config, prepared, (train, held), device, BFLOAT16).seconds
    train = replace(train, tensors=OnHost(train.tensors.panel, device))
    from_host = trained(config, prepared, (train, held), device, BFLOAT16).seconds
    return {"on_device": 1000 * on_device, "from_host": 1000 * from_host}


def largest_batch(size: Size, device: torch.device) -> int | None:
    """Windows in the largest batch of SimCLR, by doubling, that fits on the card."""
    if device.type != "cuda":
        return None
    fits, batch = size.batch, size.batch
    try:
        while batch < 1 << 17:
            config = configuration("simclr", replace(size, batch=batch))
            prepared = task_of(config).prepare(progress=False)
            train, held = parts_of(config, prepared, device, 2)
            wide = np.resize(np.arange(len(train.tensors)), batch)
            train = replace(train, sampler=Repeated(wide))
            trained(config, prepared, (train, held), device, BFLOAT16)
            fits, batch = batch, 2 * batch
    except torch.cuda.OutOfMemoryError:
        torch.cuda.empty_cache()
    return fits


@dataclass(frozen=True)
class Repeated:
    """The same batch twice an epoch."""

    batch: NDArray[np.int64]

    def epoch(self, _number: int) -> list[NDArray[np.int64]]:
        return [self.batch, self.batch]


def full_size(size: Size, rate: int) -> dict[str, float]:
    """Seconds of the commands for conversion, an epoch and an evaluation, at a sampling rate in Hz."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        simulate(place / "data", size.records, rate)
        data = ["--dataset", "arrays", "--root", str(place / "data"), "--set", f"dataset.sfreq={rate}"]
        data += ["--set", "dataset.unit=uV", "--set", f"encoder={json.dumps(size.encoder)}"]
        check = ["data", "check", "arrays", *data[2:]]
        run = [
            "--set",
            "training.epochs=1",
            "--set",
            f"training.batch_size={size.batch}",
            "--objective",
            "simclr",
        ]
        commands = {
            "conversion and check": check,
            "an epoch": ["fit", *data, *run, "--no-evaluate", "--out", str(place / "run")],
            "a linear probe": ["evaluate", str(place / "run"), "-p", "probe", "--labels", "1.0"],
        }
        found = {}
        for name, command in commands.items():
            began = time.perf_counter()
            cost(["-m", "tsrep", *command], place)
            found[name] = time.perf_counter() - began
    return found


def simulate(place: Path, records: int, rate: int) -> None:
    """Recordings of twelve leads at a rate in Hz, each lead a share of one beat in noise of its own."""
    place.mkdir(parents=True)
    rng = np.random.default_rng(0)
    label = rng.integers(0, CLASSES, records)
    lead = rng.uniform(-1, 1, LEADS)[:, None]
    shape = (records, LEADS, rate * SECONDS)
    array = np.lib.format.open_memmap(place / "records.npy", "w+", np.int16, shape)
    for first in range(0, records, 500):
        beat = np.repeat(pulses(rng, label[first : first + 500])[:, None], rate // SFREQ, axis=2)
        array[first : first + 500] = beat * lead + rng.normal(0, 30, (len(beat), *shape[1:]))
    array.flush()
    people = np.arange(records) // RECORDS_A_PATIENT
    table = pd.DataFrame({"patient": people, "label": [f"rhythm {k}" for k in label]})
    table.to_csv(place / "records.csv", index=False)


def two_processes() -> bool | None:
    """Whether the tests of training in two processes pass; None where they are not at hand."""
    tests = Path("tests/training/test_distributed.py")
    if not tests.exists():
        return None
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", str(tests)]
    return subprocess.run(command, capture_output=True, env=os.environ, check=False).returncode == 0


def table(result: dict[str, Any]) -> list[str]:
    """All of it as Markdown."""
    names = [mode.name for mode in MODES if any(mode.name in one for one in result["steps"].values())]
    head = ["objective", *(f"{name}, ms" for name in names), "share of the peak, float32", "bfloat16"]
    lines = [f"Device: {result['device']}", "", "| " + " | ".join(head) + " |", "| --- " * len(head) + "|"]
    for objective, found in result["steps"].items():
        if "refused" in found:
            continue
        times = [f"{found[name]['milliseconds']:.1f}" for name in names]
        rates = (1000 * found["tflop"] / found[m.name]["milliseconds"] for m in (FLOAT32, BFLOAT16))
        peaks = (result["tflops_of_matrix_products"][m.name] for m in (FLOAT32, BFLOAT16))
        shares = [f"{rate / most:.0%}" for rate, most in zip(rates, peaks, strict=True)]
        lines.append("| " + " | ".join([objective, *times, *shares]) + " |")
    lines += [
        "",
        *(f"- {name}: {one['refused']}" for name, one in result["steps"].items() if "refused" in one),
    ]
    waits, most = result["waits_for_data"], result["largest_batch"]
    lines.append(
        f"- a step from the device {waits['on_device']:.1f} ms, from the host {waits['from_host']:.1f} ms"
    )
    if COMPILED.name in names:
        lines.append(f"- compiled steps take a share of {1 / result['compile_gain']:.2f} of their time")
    lines += [] if most is None else [f"- largest batch of SimCLR in bfloat16: {most:,} windows"]
    for rate, seconds in result["full_size"].items():
        told = ", ".join(f"{name} {spent:.0f} s" for name, spent in seconds.items())
        lines.append(f"- all recordings at {rate}: {told}")
    return lines


if __name__ == "__main__":
    main()

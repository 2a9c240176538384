"""Training from a store larger than the memory that a process may hold, beside the same from memory.

    python benchmarks/large_store.py [--gigabytes 20] [--steps 300] [--kind npy|zarr] [--folder DIR]

Writes a store of random walks (int16, 12 leads, 10 s at 100 Hz), trains a small encoder for a fixed number
of steps from it in a process of its own, by the sampler chunk-wise, and likewise from a panel in memory with
samples of the same shape. Before training, the scaler reads the training part of the whole store. The store
is removed afterwards. The last line is JSON: time of a step from the store over that from memory, and the
largest resident memory of the process that read the store, in GB (files that it had mapped included).
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

LEADS, STEPS, WINDOW, SFREQ = 12, 1000, 250, 100
RECORD = 2 * LEADS * STEPS
BLOCK = 2048  # records written together
IN_MEMORY = 20_000  # records of the panel in memory
BATCH = 64
SLICE = 10  # steps of one side, then of the other


def blocks(records: int) -> Any:
    """Random walks; each block is another roll of the first, with noise, so no two records are alike."""
    rng = np.random.default_rng(0)
    first = np.cumsum(rng.integers(-20, 21, (BLOCK, LEADS, STEPS), dtype=np.int16), axis=2, dtype=np.int16)
    for k in range(-(-records // BLOCK)):
        noise = rng.integers(-9, 10, (BLOCK, LEADS, 1), dtype=np.int16)
        yield (np.roll(first, 37 * k, axis=2) + noise)[: records - k * BLOCK]


def write_store(folder: Path, kind: str, records: int) -> None:
    if kind == "npy":
        header = {"descr": "<i2", "fortran_order": False, "shape": (records, LEADS, STEPS)}
        with (folder / "records.npy").open("wb") as out:
            np.lib.format.write_array_header_1_0(out, header)
            for block in blocks(records):
                out.write(block.data)
            out.flush()
            os.fsync(out.fileno())
        return
    import zarr

    array = zarr.create_array(
        str(folder / "records.zarr"),
        shape=(records, LEADS, STEPS),
        dtype="int16",
        chunks=(256, LEADS, STEPS),
        compressors=None,
    )
    for k, block in enumerate(blocks(records)):
        array[k * BLOCK : k * BLOCK + len(block)] = block


def panel_of(folder: Path | None, kind: str, records: int) -> Any:
    from tsrep.datasets.formats.zarr_store import open_store
    from tsrep.signals import Panel

    if folder is None:
        store: Any = np.concatenate(list(blocks(records)))
    elif kind == "npy":
        store = np.load(folder / "records.npy", mmap_mode="c")
    else:
        store = open_store(str(folder / "records.zarr"), 256 << 20)
    number = np.arange(records)
    return Panel(
        store=store,
        gain=np.full((1, 1), 1e-3, np.float32),
        offset=np.zeros((1, 1), np.float32),
        row=number,
        start=np.zeros(records, np.int64),
        length=STEPS,
        label=number // 3 % 2,
        trial=number,
        patient=number // 3,
        sfreq=float(SFREQ),
        channels=tuple(f"ch{i}" for i in range(LEADS)),
        classes=("0", "1"),
    ).windows(WINDOW)


def resident() -> float:
    """Largest so far, GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def train(folder: Path | None, kind: str, records: int, pipe: Any) -> None:
    """Prepare, then run as many steps as asked for, again and again, and tell how long each took."""
    import torch

    from tsrep.encoders.dilated_conv import DilatedConv
    from tsrep.objectives.simclr import SimCLR
    from tsrep.registry import OBJECTIVES, SAMPLERS
    from tsrep.rng import torch_generator
    from tsrep.sampling.batches import PanelTensors
    from tsrep.signals.standardise import fit_scaler

    torch.set_num_threads(1)
    torch.manual_seed(0)
    begin, panel = time.perf_counter(), panel_of(folder, kind, records)
    train_part = np.flatnonzero(panel.patient % 10 < 8)
    panel = fit_scaler(panel.select(train_part), "global").apply(panel).select(train_part)
    prepared = time.perf_counter() - begin
    encoder = DilatedConv(LEADS, hidden=16, dim=32, depth=4)
    settings = OBJECTIVES.entry("simclr").settings()
    objective: SimCLR = OBJECTIVES.build(
        settings, dim=32, stride=1, steps=WINDOW, channels=LEADS, covariates=0, classes=2, multilabel=False
    )
    sampler = SAMPLERS.build(
        {"name": "chunk-wise" if folder else "random"}, panel=panel, batch_size=BATCH, seed=0, rank=0, world=1
    )
    tensors = PanelTensors(panel)
    optimizer = torch.optim.AdamW([*encoder.parameters(), *objective.parameters()])
    began = time.perf_counter()
    order = sampler.epoch(1)
    ordered = time.perf_counter() - began
    pipe.send({"prepare": prepared, "order": ordered})
    done = 0
    while (asked := pipe.recv()) > 0:
        times = []
        for k in range(done, done + asked):
            started = time.perf_counter()
            optimizer.zero_grad()
            terms = objective(encoder, tensors.batch(order[k]), generator=torch_generator("step", k))
            torch.stack(list(terms.values())).sum().backward()
            optimizer.step()
            times.append(time.perf_counter() - started)
        done += asked
        pipe.send((times, resident()))


class Side:
    """Training in a process of its own, whose memory is no other's."""

    def __init__(self, folder: Path | None, kind: str, records: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=train, args=(folder, kind, records, theirs))
        self.process.start()
        self.facts: dict[str, float] = self.pipe.recv()
        self.times: list[float] = []
        self.resident = 0.0

    def run(self, steps: int) -> None:
        self.pipe.send(steps)
        times, self.resident = self.pipe.recv()
        self.times += times

    def end(self) -> None:
        self.pipe.send(0)
        self.process.join()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--gigabytes", type=float, default=20)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--kind", choices=["npy", "zarr"], default="npy")
    parser.add_argument("--folder", type=Path, help="where the store goes; the system's temporary folder")
    given = parser.parse_args()
    records = int(given.gigabytes * 1e9 / RECORD)
    with tempfile.TemporaryDirectory(dir=given.folder, prefix="large-store-") as name:
        begin = time.perf_counter()
        write_store(Path(name), given.kind, records)
        print(f"{records:,} records, {records * RECORD / 1e9:.1f} GB written in "
              f"{time.perf_counter() - begin:.0f} s", flush=True)  # fmt: skip
        stored = Side(Path(name), given.kind, records)
        inside = Side(None, given.kind, min(records, IN_MEMORY))
        for _ in range(given.steps // SLICE):
            for side in (stored, inside):
                side.run(SLICE)
        stored.end()
        inside.end()
    seconds = [float(np.mean(side.times[SLICE:])) for side in (stored, inside)]
    rate = [BATCH / each for each in seconds]
    print(f"from the store: scaler {stored.facts['prepare']:.0f} s, order of an epoch "
          f"{stored.facts['order']:.2f} s, {rate[0]:,.0f} windows a second, "
          f"{stored.resident:.2f} GB resident")  # fmt: skip
    print(f"from memory: {rate[1]:,.0f} windows a second, {inside.resident:.2f} GB resident")
    result = {"time_ratio": round(seconds[0] / seconds[1], 3), "resident_gb": round(stored.resident, 3)}
    facts = {"store_gb": round(records * RECORD / 1e9, 1), "kind": given.kind}
    print(json.dumps({"name": "large_store", **result, **facts}))


if __name__ == "__main__":
    main()

"""A store larger than what a process may hold: training reads it in parts, and gives what memory gives."""

from __future__ import annotations

import mmap
import pickle
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from tsrep.runs.fit import fit
from tsrep.runs.folder import Run
from tsrep.signals import large_stores
from tsrep.signals.large_stores import MappedPages, memory_map

CONFIG: dict[str, Any] = {
    "dataset": {"sfreq": 50},
    "objective": {"name": "simclr"},
    "sampler": {"name": "chunk-wise", "chunk": 16, "buffer": 2, "together": "sample"},
    "window": {"seconds": 1},
    "encoder": {"name": "dilated-conv", "hidden": 4, "dim": 8, "depth": 3},
    "training": {"epochs": 1, "batch_size": 32, "keep": "last"},
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same recordings as a NumPy file and as a Zarr array."""
    zarr = pytest.importorskip("zarr")
    folder = tmp_path_factory.mktemp("store")
    x = np.random.default_rng(0).normal(size=(60, 2, 200)).astype(np.float32)
    number = np.arange(60)
    pd.DataFrame({"patient": number // 3, "label": number // 3 % 2}).to_csv(
        folder / "records.csv", index=False
    )
    np.save(folder / "records.npy", x)
    zarr.create_array(str(folder / "records.zarr"), data=x, chunks=(16, 2, 200))
    return folder


def trained(root: Path, out: Path, name: str, progress: bool = False, **changes: Any) -> Run:
    config = CONFIG | {"dataset": CONFIG["dataset"] | {"name": name}} | changes
    fit(config, root=root, out=out, progress=progress, illustrate=False)
    return Run(out)


def test_a_run_from_zarr_is_that_from_memory_to_the_bit(root: Path, tmp_path: Path) -> None:
    mapped, chunked = (
        trained(root, tmp_path / name, name).encoder().state_dict() for name in ("arrays", "zarr")
    )
    for key, value in mapped.items():
        assert torch.equal(value, chunked[key])


@pytest.mark.parametrize(("objective", "together"), [("simclr", "sample"), ("comet", "patient")])
def test_chunks_are_chosen_and_keep_together_what_the_objective_needs(
    objective: str, together: str, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changes = {"objective": {"name": objective}, "sampler": None}
    run = trained(root, tmp_path / "run", "zarr", progress=True, **changes)
    assert (run.config.sampler.name, run.config.sampler.together) == ("chunk-wise", together)
    assert "across the chunks" not in capsys.readouterr().err
    if objective == "simclr":
        assert trained(root, tmp_path / "arrays", "arrays", **changes).config.sampler is None


def test_batches_across_chunks_are_told(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = trained(root, tmp_path / "run", "zarr", progress=True, sampler={"name": "random"})
    assert run.config.sampler.name == "random"
    said = [line for line in capsys.readouterr().err.splitlines() if "across the chunks" in line]
    assert len(said) == 1
    assert said[0].startswith("tsrep: batches of sampler random are read")


def test_pages_are_given_back_and_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_stores, "ROOM", 1 << 20)
    np.save(tmp_path / "x.npy", np.arange(4 << 20, dtype=np.int16).reshape(64, 2, -1))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="c")
    assert memory_map(mapped[3:, 1]) is memory_map(mapped) is not None
    assert memory_map(np.zeros(3)) is None
    pages = MappedPages(mapped)
    total = int(mapped.sum(dtype=np.int64))
    assert pickle.loads(pickle.dumps(pages))._map is None
    pages.reads(np.arange(64)[::-3])
    assert pages._read == 0
    assert int(mapped.sum(dtype=np.int64)) == total
    told: list[tuple[int, ...]] = []
    pages._map = SimpleNamespace(madvise=lambda *advice: told.append(advice))  # type: ignore[assignment]
    pages.reads(np.array([5, 9, 4, 5]))
    header, each = (tmp_path / "x.npy").stat().st_size - mapped.nbytes, mapped[:1].nbytes
    ends = [(header + first * each, header + stop * each) for first, stop in ((4, 6), (9, 10))]
    assert [(begin, begin + size) for _, begin, size in told] == [(b - b % mmap.PAGESIZE, e) for b, e in ends]
    small = MappedPages(np.zeros((2, 2, 2), np.float32))
    small.reads(np.zeros(10**6, np.int64))
    assert small._read == 0


PROGRAM = """
import resource, sys
import numpy as np
from tsrep.signals import Panel, large_stores
from tsrep.signals.standardise import fit_scaler
from tsrep.sampling.batches import PanelTensors
from tsrep.sampling.chunk_wise import ChunkWiseSampler
large_stores.ROOM = 8 << 20
def resident():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
store = np.load(sys.argv[1], mmap_mode="c")
number = np.arange(len(store))
panel = Panel.from_arrays(store, label=number % 2, patient=number, sfreq=1)
before = resident()
panel = fit_scaler(panel, "channel").apply(panel)
tensors = PanelTensors(panel)
for batch in ChunkWiseSampler(panel, 32, 0).epoch(0):
    tensors.batch(batch)
for first in range(0, len(panel), 64):
    panel.take(number[first : first + 64])
print((resident() - before) * 1024 / store.nbytes)
"""


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="other systems count memory maps in other ways")
def test_memory_stays_small_however_large_the_map(tmp_path: Path) -> None:
    store = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.int16, (1500, 4, 10_000))
    store[:] = np.arange(10_000, dtype=np.int16)
    store.flush()
    del store
    printed = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "x.npy")], capture_output=True, text=True, check=False
    )
    assert printed.returncode == 0, printed.stderr
    assert float(printed.stdout) < 0.5  # of 120 MB, all of which was read three times

"""Zarr arrays give what the same NumPy array gives, chunk by chunk, from disk or from a URL."""

from __future__ import annotations

import pickle
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tsrep.datasets import load
from tsrep.datasets.formats import zarr_store
from tsrep.datasets.formats.zarr_store import ZarrStore
from tsrep.errors import ConfigError, DataError
from tsrep.sampling.batches import PanelTensors
from tsrep.signals.large_stores import ChunkedStore
from tsrep.signals.standardise import fit_scaler

zarr = pytest.importorskip("zarr")
RECORDS = 40


def signals(dtype: Any = np.int16) -> np.ndarray:
    return np.random.default_rng(0).integers(-99, 99, (RECORDS, 2, 50)).astype(dtype)


def table() -> pd.DataFrame:
    number = np.arange(RECORDS)
    return pd.DataFrame(
        {"patient": [f"p{i // 4}" for i in number], "label": number // 4 % 2, "run": number // 2}
    )


def write(root: Path, x: np.ndarray, chunks: tuple[int, int, int] = (7, 1, 50)) -> Path:
    zarr.create_array(str(root / "records.zarr"), data=x, chunks=chunks, overwrite=True)
    np.save(root / "records.npy", x)
    table().to_csv(root / "records.csv", index=False)
    return root


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(zarr_store, "AT_ONCE", 1)
    return write(tmp_path, signals())


def own(root: Path | None, name: str = "zarr", **settings: Any) -> Any:
    return load(name, root, **({"sfreq": 50, "scale": 0.5, "trial": "run"} | settings))


@pytest.mark.parametrize("dtype", [np.int16, np.float32, np.float64])
def test_it_is_the_array(tmp_path: Path, dtype: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zarr_store, "AT_ONCE", 1)
    x = signals(dtype)
    if dtype != np.int16:
        x[3, 1, 4] = np.nan
        x[9, 0] = np.nan
    write(tmp_path, x)
    ours, theirs = own(tmp_path), own(tmp_path, "arrays")
    assert isinstance(ours.store, ChunkedStore)
    assert ours.store.chunk == 7
    np.testing.assert_array_equal(ours.x, theirs.x)
    for name in ("label", "patient", "trial", "skipped", "classes", "patient_names", "channels", "row"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
    cut, other = (panel.windows(16, 5).select(np.arange(1, 200, 3)) for panel in (ours, theirs))
    index = np.random.default_rng(1).permutation(len(cut))
    np.testing.assert_array_equal(cut.take(index), other.take(index))
    np.testing.assert_array_equal(PanelTensors(cut).batch(index).x, PanelTensors(other).batch(index).x)
    for how in ("global", "channel", "record"):
        one, two = fit_scaler(cut, how), fit_scaler(other, how)
        np.testing.assert_array_equal(one.mean, two.mean)
        np.testing.assert_array_equal(one.std, two.std)


def test_few_chunks_are_held(root: Path) -> None:
    panel = own(root)
    reads: list[int] = []
    whole = panel.store.read
    panel.store.read = lambda first, stop: reads.append(first) or whole(first, stop)
    panel.store._chunks.clear()
    panel.store.held = 2
    panel.take(np.arange(RECORDS))
    assert (reads, len(panel.store._chunks)) == ([0, 7, 14, 21, 28, 35], 2)
    panel.take(np.array([39, 30]))
    assert len(reads) == 6
    panel.take(np.array([0]))
    assert (len(reads), len(panel.store._chunks)) == (7, 2)
    panel.store.read = whole
    copy = pickle.loads(pickle.dumps(panel))
    assert not copy.store._chunks
    np.testing.assert_array_equal(copy.x, panel.x)


def test_the_digest_follows_values_and_not_chunks(root: Path) -> None:
    first = own(root).digest
    write(root, signals(), (11, 2, 25))
    assert own(root).digest == first
    x = signals()
    x[5, 1, 7] += 1
    write(root, x)
    assert own(root).digest != first


def test_what_has_not_changed_is_not_read_again(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    time.sleep(0.05)
    reads: list[int] = []
    whole = ZarrStore.look
    monkeypatch.setattr(ZarrStore, "look", lambda *given: reads.append(1) or whole(*given))
    cache = tmp_path / "cache"
    digests = {load("zarr", root, cache=cache, sfreq=50).digest for _ in range(3)}
    assert (len(digests), len(reads)) == (1, 1)
    write(root, signals() + 1)
    assert load("zarr", root, cache=cache, sfreq=50).digest not in digests
    assert len(reads) == 2


def test_a_url_of_fsspec_and_a_parquet_table(root: Path) -> None:
    fsspec = pytest.importorskip("fsspec")
    group = "memory://tsrep-test/records.zarr"
    zarr.create_array(group, data=signals(), chunks=(8, 2, 50), overwrite=True)
    with fsspec.open("memory://tsrep-test/ids.parquet", "wb") as stream:
        table().to_parquet(stream)
    there = own(None, array=group, table="memory://tsrep-test/ids.parquet")
    here = own(root)
    np.testing.assert_array_equal(there.x, here.x)
    assert there.digest == here.digest
    with pytest.raises(DataError, match=r"cannot be opened as a Zarr array"):
        own(root, array="memory://tsrep-test/nothing.zarr")


def test_what_is_wrong_is_one_sentence(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="but the 2 channels of records\\.zarr are called ch0"):
        own(root, channels=("a", "b", "c"))
    with pytest.raises(DataError, match=r"nothing\.zarr is missing"):
        own(root, array="nothing.zarr")
    table().iloc[1:].to_csv(root / "records.csv", index=False)
    with pytest.raises(DataError, match=r"records.csv has 39 rows but .*records.zarr 40 records"):
        own(root)
    table().assign(label=["a"] * 3 + [None] + ["b"] * 36).to_parquet(root / "ids.parquet")
    with pytest.raises(DataError, match=r"row 4 of .*ids.parquet has no label"):
        own(root, table="ids.parquet")
    for shape, chunks, told in (
        ((4, 2, 10), (4, 2, 200_000_000), r"chunks of 4 records, 3.0 GiB each; .*no larger than its records"),
        ((4, 2, 200_000_000), (1, 1, 10_000), r"chunks of 1 records, .*shorter records"),
    ):
        zarr.create_array(str(root / "large.zarr"), shape=shape, chunks=chunks, dtype="int16", overwrite=True)
        with pytest.raises(DataError, match=told):
            own(root, array="large.zarr")
    monkeypatch.setattr(zarr_store, "LARGEST", 500)
    with pytest.raises(DataError, match=r"chunks of 7 records, .* at most 2 records in a chunk"):
        own(root)
    zarr.create_array(str(root / "flat.zarr"), data=np.zeros((4, 3)))
    with pytest.raises(DataError, match=r"shape \(record, channel, time\), but has \(4, 3\)"):
        own(root, array="flat.zarr")
    monkeypatch.setattr(zarr_store, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"install tsrep\[zarr\]"):
        own(root)


def test_records_of_a_lost_chunk_are_skipped(root: Path) -> None:
    for path in (root / "records.zarr" / "c" / "1").iterdir():
        shutil.rmtree(path)
    panel = own(root)
    assert panel.row.tolist() == [*range(7), *range(14, RECORDS)]
    assert panel.skipped[0] == ("7", "all values are one number, as of a chunk that is not there")
    with pytest.raises(DataError, match=r"record 7 of .*records.zarr has one number throughout"):
        load("zarr", root, sfreq=50, strict=True)


def test_a_chunk_that_is_broken_is_named(root: Path) -> None:
    panel = own(root)
    files = sorted(
        path for path in (root / "records.zarr").rglob("*") if path.is_file() and path.name != "zarr.json"
    )
    for path in files:
        path.write_bytes(b"broken")
    panel.store._chunks.clear()
    with pytest.raises(DataError, match=r"records 0 to 6 of .*records.zarr cannot be read"):
        panel.take(np.array([2]))

"""Data sets that need files pass the checks that ship for plug-ins, on folders in their layout."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.datasets.recordings import write_csv, write_ptb_xl
from tsrep.datasets.formats.wfdb_record import write_wfdb
from tsrep.registry import DATASETS
from tsrep.testing import check_dataset

RECORDS = 60


def table() -> list[dict[str, Any]]:
    return [
        {"record": f"r{i:02d}", "patient": f"p{i // 2}", "label": "ab"[i // 2 % 2]} for i in range(RECORDS)
    ]


def signals(dtype: Any = np.int16) -> np.ndarray:
    return np.random.default_rng(0).integers(-99, 99, (RECORDS, 2, 50)).astype(dtype)


def arrays(root: Path) -> dict[str, Any]:
    np.save(root / "records.npy", signals())
    write_csv(root / "records.csv", table())
    return {"sfreq": 50}


def zarrs(root: Path) -> dict[str, Any]:
    zarr = pytest.importorskip("zarr")
    zarr.create_array(str(root / "records.zarr"), data=signals(np.float32), chunks=(8, 2, 50))
    write_csv(root / "records.csv", table())
    return {"sfreq": 50}


def long_table(root: Path) -> dict[str, Any]:
    x = signals()
    rows = [
        {**about, "time": k / 50, "left": int(left), "right": int(right)}
        for about, record in zip(table(), x, strict=True)
        for k, (left, right) in enumerate(record.T)
    ]
    write_csv(root / "records.csv", rows)
    return {"sample": "record"}


def wfdb(root: Path) -> dict[str, Any]:
    for about, record in zip(table(), signals(), strict=True):
        write_wfdb(root / about["record"], record, sfreq=50, channels=("I", "II"))
    write_csv(root / "records.csv", table())
    return {}


def ptb_xl(root: Path) -> dict[str, Any]:
    write_ptb_xl(root, [{("NORM", "IMI")[i // 10 % 2]: 100.0} for i in range(RECORDS)])
    return {}


def series(root: Path) -> dict[str, Any]:
    values = np.random.default_rng(0).normal(size=(200, 2))
    frame = pd.DataFrame(values, columns=["a", "b"]).assign(
        date=pd.date_range("2024-01-01", periods=200, freq="h")
    )
    frame.to_csv(root / "series.csv", index=False)
    return {}


LAYOUTS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "arrays": arrays,
    "series-csv": series,
    "ptb-xl": ptb_xl,
    "panel-csv": long_table,
    "wfdb": wfdb,
    "zarr": zarrs,
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_folder_in_its_layout(name: str, tmp_path: Path) -> None:
    settings = DATASETS.entry(name).settings(**LAYOUTS[name](tmp_path))
    check_dataset(lambda: DATASETS.build(settings), tmp_path)


@pytest.mark.parametrize(
    ("name", "settings", "folder"),
    [("etth1", {}, "data/ltsf"), ("ucr-uea", {"problem": "BasicMotions"}, "data/ucr_uea")],
)
def test_real_extracts(
    name: str, settings: dict[str, Any], folder: str, shared_path: Callable[[str], Path]
) -> None:
    checked = DATASETS.entry(name).settings(**settings)
    check_dataset(lambda: DATASETS.build(checked), shared_path(folder))

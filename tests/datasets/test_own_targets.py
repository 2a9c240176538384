"""Numbers to predict from a user's own tables: read, masked, and refused in a sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.datasets.recordings import write_csv
from tsrep.datasets import load
from tsrep.datasets.formats.wfdb_record import write_wfdb
from tsrep.errors import ConfigError, DataError

AGES = ["61", "", "47.5", "70", "33", "52"]


def own_arrays(root: Path, ages: list[str] = AGES) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    np.save(root / "records.npy", rng.integers(-99, 99, (len(ages), 2, 50)).astype(np.int16))
    rows = [
        {"patient": f"p{i // 2}", "label": "ab"[i % 2], "age": age, "rate": 60 + i}
        for i, age in enumerate(ages)
    ]
    write_csv(root / "records.csv", rows)
    return {"root": root, "sfreq": 100}


def test_targets_of_arrays_are_masked_where_cells_are_empty(tmp_path: Path) -> None:
    given = own_arrays(tmp_path)
    panel = load("arrays", **given, targets=("age", "rate"), target_units=("years", "1/min"))
    assert panel.target_names == ("age", "rate")
    assert panel.target_units == ("years", "1/min")
    np.testing.assert_array_equal(panel.target[:, 0], [61, np.nan, 47.5, 70, 33, 52])
    assert panel.target_known[:, 0].tolist() == [True, False, True, True, True, True]
    assert panel.target_known[:, 1].all()
    windows = panel.windows(10)
    assert windows.target[:5, 0].tolist() == [61] * 5
    assert panel.digest != load("arrays", **given).digest


def test_targets_of_wfdb_records_follow_their_segments(tmp_path: Path) -> None:
    counts = np.arange(600, dtype=np.int16).reshape(2, 300)
    for name in ("one", "two"):
        write_wfdb(tmp_path / name, counts, sfreq=100, channels=("I", "II"))
    rows = [{"record": n, "patient": n, "label": "a", "age": age} for n, age in (("one", 40), ("two", ""))]
    write_csv(tmp_path / "records.csv", rows)
    panel = load("wfdb", root=tmp_path, segment_seconds=1, targets=("age",), patient="record")
    np.testing.assert_array_equal(panel.target[:, 0], [40] * 3 + [np.nan] * 3)
    assert panel.target_units == ("",)


def long_rows(ages: list[Any]) -> list[dict[str, Any]]:
    return [
        {"sample": f"s{i}", "time": t, "patient": i, "label": "a", "x": t, "age": ages[2 * i + t]}
        for i in range(2)
        for t in range(2)
    ]


def test_targets_of_a_long_table_are_no_signals(tmp_path: Path) -> None:
    write_csv(tmp_path / "records.csv", long_rows([50, 50, "", ""]))
    panel = load("panel-csv", root=tmp_path, sfreq=1, targets=("age",))
    assert panel.channels == ("x",)
    np.testing.assert_array_equal(panel.target[:, 0], [50, np.nan])


def test_a_target_that_changes_within_a_sample_is_refused(tmp_path: Path) -> None:
    write_csv(tmp_path / "records.csv", long_rows([50, 51, "", ""]))
    with pytest.raises(DataError, match=r"row 3 of .* has 51 as age, but its sample began with 50"):
        load("panel-csv", root=tmp_path, sfreq=1, targets=("age",))


@pytest.mark.parametrize(
    ("ages", "settings", "error", "words"),
    [
        (AGES, {"targets": ("age", "age")}, ConfigError, "dataset.targets names 'age' twice"),
        (AGES, {"targets": ("age",), "target_units": ("y", "z")}, ConfigError, "has 2 units for 1 targets"),
        (AGES, {"targets": ("aeg",)}, DataError, "aeg"),
        ([*AGES[:5], "old"], {"targets": ("age",)}, DataError, "row 7 of .* has 'old' as age"),
        ([*AGES[:5], "inf"], {"targets": ("age",)}, DataError, "has 'inf' as age, which must be a number"),
        ([""] * 6, {"targets": ("age",)}, DataError, "column 'age' of .* has no number"),
    ],
)
def test_what_is_no_number_is_refused(
    tmp_path: Path, ages: list[str], settings: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        load("arrays", **own_arrays(tmp_path, ages), **settings)


@pytest.mark.parametrize("units", [None, ("years",)])
def test_a_code_in_place_of_an_age_is_refused(tmp_path: Path, units: Any) -> None:
    given = own_arrays(tmp_path, ["61", "300.0", *AGES[2:]])
    with pytest.raises(DataError, match=r"has 300 in 1 records \(the first is number 2\), which is no age"):
        load("arrays", **given, targets=("age",), target_units=units)
    assert load("arrays", **given, targets=("age",), target_units=("days",)).target[1] == 300

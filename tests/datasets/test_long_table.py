"""Long tables of the user's own: any order of rows, both layouts, and one sentence for what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tsrep.datasets import load
from tsrep.errors import ConfigError, DataError

SAMPLES, STEPS, NAMES = 6, 20, ("a", "b")


def signals() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(SAMPLES, len(NAMES), STEPS)).astype(np.float32)


def wide() -> pd.DataFrame:
    x = signals()
    rows = [
        {"sample": f"s{i}", "time": k / 50, "a": float(x[i, 0, k]), "b": float(x[i, 1, k]),
         "patient": f"p{i // 2}", "label": "yes" if i % 2 else "no", "fold": i % 3}
        for i in range(SAMPLES) for k in range(STEPS)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def long() -> pd.DataFrame:
    ids = ["sample", "time", "patient", "label", "fold"]
    return wide().melt(id_vars=ids, value_vars=list(NAMES), var_name="lead")


def own(frame: pd.DataFrame, root: Path, name: str = "records.csv", **settings: Any) -> Any:
    path = root / name
    frame.to_parquet(path) if path.suffix == ".parquet" else frame.to_csv(path, index=False)
    return load("panel-csv", root, file=name, **({"fold": "fold"} | settings))


@pytest.mark.parametrize("name", ["records.csv", "records.parquet"])
@pytest.mark.parametrize(
    ("frame", "settings"), [(wide, {}), (long, {"channel": "lead"})], ids=["wide", "long"]
)
def test_both_layouts_in_any_order(
    frame: Callable[[], pd.DataFrame], settings: dict[str, Any], name: str, tmp_path: Path
) -> None:
    panel = own(frame(), tmp_path, name, **settings)
    np.testing.assert_array_equal(panel.x, signals())
    assert (panel.sfreq, panel.channels, panel.classes) == (50, NAMES, ("no", "yes"))
    assert panel.label.tolist() == [0, 1, 0, 1, 0, 1]
    assert (panel.patient.tolist(), panel.patient_names) == ([0, 0, 1, 1, 2, 2], ("p0", "p1", "p2"))
    assert panel.fold.tolist() == [0, 1, 2, 0, 1, 2]
    shuffled = own(frame().sample(frac=1, random_state=1), tmp_path, name, **settings)
    np.testing.assert_array_equal(shuffled.x, panel.x)
    assert shuffled.digest == panel.digest
    assert shuffled.patient_names == panel.patient_names


def test_times_may_be_dates_or_missing(tmp_path: Path) -> None:
    frame = wide()
    stamps = pd.Timestamp("2024-03-01") + pd.to_timedelta(frame["time"] * 100, unit="s")
    assert own(frame.assign(time=stamps), tmp_path).sfreq == 0.5
    panel = own(frame.drop(columns="time"), tmp_path, time=None, sfreq=50)
    np.testing.assert_array_equal(panel.x, signals())
    with pytest.raises(ConfigError, match="set sfreq"):
        load("panel-csv", tmp_path, time=None)


def test_empty_cells_and_unequal_lengths(tmp_path: Path) -> None:
    frame = wide()
    frame.loc[3, "a"] = np.nan
    frame.loc[frame["sample"] == "s4", "b"] = np.nan
    panel = own(frame, tmp_path)
    assert panel.skipped == (("s4", "b has no value"),)
    assert (len(panel), np.isnan(panel.x).sum()) == (5, 1)
    with pytest.raises(DataError, match=r"record 0 of .* missing values in channel 0"):
        load("panel-csv", tmp_path, strict=True)
    short = wide().drop(index=[18, 19])
    with pytest.raises(DataError, match=r"sample 's0' of .* has 18 time steps, most have 20; .*unequal=pad"):
        own(short, tmp_path)
    padded = own(short, tmp_path, unequal="pad").x
    assert np.isnan(padded[0, :, 18:]).all()
    assert np.isfinite(padded).sum() == padded.size - 4


def test_the_digest_follows_the_values(tmp_path: Path) -> None:
    first = own(wide(), tmp_path).digest
    assert own(wide(), tmp_path).digest == first
    assert own(wide().assign(a=lambda f: f["a"] + 1), tmp_path).digest != first
    assert own(wide().assign(label="x"), tmp_path).digest != first


def changed(row: int, name: str, value: Any) -> pd.DataFrame:
    frame = wide().astype({name: object})
    frame.loc[row, name] = value
    return frame


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (changed(7, "a", "x1"), r"row 9 of .*csv has 'x1' in column 'a', which is not a finite number"),
        (changed(7, "b", "inf"), r"row 9 of .* has 'inf' in column 'b'"),
        (changed(7, "patient", "p9"), r"row 9 of .* has 'p9' as patient"),
        (changed(7, "patient", None), r"row 9 of .* has no patient; fill it in"),
        (changed(7, "label", " "), r"row 9 of .* has no label"),
        (changed(7, "time", 0.12), r"row 9 of .* repeats the time of another row of its sample"),
        (changed(7, "time", 0.15), r"row 9 of .* comes 0.03 after the step before in its sample"),
        (changed(7, "time", "soon"), r"row 9 of .* has 'soon' in column 'time', which is neither"),
        (wide().drop(index=7), r"row 9 of .* comes 0.04 after the step before"),
        (wide().rename(columns={"patient": "Patient"}), r"no column 'patient'; did you mean 'Patient'"),
        (wide().iloc[:0], "has no rows"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_row(frame: pd.DataFrame, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        own(frame, tmp_path)


def test_rows_of_single_channels_that_repeat(tmp_path: Path) -> None:
    frame = long()
    with pytest.raises(DataError, match=r"row 242 of .* repeats the channel and time"):
        own(pd.concat([frame, frame.iloc[[5]]]), tmp_path, channel="lead")
    with pytest.raises(DataError, match=r"column 'lead' of .* never says 'c'"):
        own(frame, tmp_path, channel="lead", channels=("a", "c"))
    assert own(frame, tmp_path, channel="lead", channels=("b",)).x.shape == (SAMPLES, 1, STEPS)


def test_row_numbers_are_no_channel(tmp_path: Path) -> None:
    wide().to_csv(tmp_path / "records.csv")
    with pytest.raises(DataError, match=r"has a column without a name, such as row numbers"):
        load("panel-csv", tmp_path)
    assert load("panel-csv", tmp_path, channels=("a", "b")).channels == ("a", "b")


def test_two_columns_of_one_name(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has several columns 'a'; name each once"):
        own(wide().rename(columns={"b": "a"}), tmp_path)


def test_a_broken_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "records.csv").write_text("sample,time\na,1\nb,2,3,4\n")
    with pytest.raises(DataError, match=r"cannot be read as a CSV file .*line 3"):
        load("panel-csv", tmp_path)
    (tmp_path / "t.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(DataError, match="cannot be read as a Parquet file"):
        load("panel-csv", tmp_path, file="t.parquet")

"""Tables that came in wrong without a word, or were refused for what is right in them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tsrep.datasets import load
from tsrep.datasets.tables.own_labels import natural, read_records
from tsrep.datasets.tables.reading import MISSING, is_missing, to_numbers
from tsrep.errors import ConfigError, DataError, TsrepError
from tsrep.runs.config import configure, merged
from tsrep.runs.config_files import parse_assignment
from tsrep.studies.define.definition import read_definition

HOURS = pd.date_range("2025-01-01", periods=48, freq="h")
LOADS = pd.DataFrame({"load": 40 + np.sin(np.arange(48.0))})


def read(name, root, **settings):
    return load(name, root, cache=Path(os.devnull), progress=False, **settings)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_first_column_without_a_name_holds_the_dates(tmp_path, suffix):
    path = tmp_path / f"load{suffix}"
    frame = LOADS.set_index(HOURS)
    frame.to_csv(path) if suffix == ".csv" else frame.to_parquet(path)
    for settings in ({}, {"date": ""}):
        series = read("series-csv", path, **settings)
        assert series.channels == ("load",)
        assert series.time[-1] == np.datetime64("2025-01-02T23")
    LOADS.assign(x=1.0).rename(columns={"x": ""}).assign(date=HOURS).to_csv(
        path := tmp_path / "b.csv", index=False
    )
    with pytest.raises(DataError, match=r"column 2 of .* has no name; name it"):
        read("series-csv", path)


def test_a_second_column_of_dates_is_no_channel(tmp_path):
    frame = pd.DataFrame({"date": HOURS, "received": HOURS, **LOADS})
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.to_parquet(tmp_path / "a.parquet")
    for suffix, where in ((".csv", "line 2"), (".parquet", "row 1")):
        with pytest.raises(
            DataError, match=rf"{where} of .* has '2025-01-01 00:00:00' in column 'received'|"
        ):
            read("series-csv", tmp_path / f"a{suffix}")
    assert np.isnan(to_numbers(frame["received"])).all()
    assert np.isnan(to_numbers(frame["received"] - HOURS[0])).all()


@pytest.mark.parametrize("cell", sorted(MISSING))
def test_one_rule_for_what_is_missing(tmp_path, cell):
    people = [f"p{i}" for i in range(4)]
    for suffix in (".csv", ".parquet"):
        path = tmp_path / f"t{suffix}"

        def table(path=path, **columns):
            frame = pd.DataFrame(
                {"patient": people, "label": list("abab"), "MI": ["0", "1", "1", "0"], **columns}
            )
            frame.to_csv(path, index=False) if path.suffix == ".csv" else frame.to_parquet(path)
            return path

        row = "row 3" if suffix == ".csv" else "row 2"
        for column in ("label", "patient"):
            cells = ["a", cell, "a", "b"]
            with pytest.raises(DataError, match=rf"{row} of .* has no {column}"):
                read_records(table(**{column: cells}), patient="patient", label="label")
        with pytest.raises(DataError, match=rf"{row} of .* has no CD; with several label columns"):
            read_records(table(CD=["1", cell, "0", "0"]), patient="patient", label=("MI", "CD"))
    assert is_missing(f" {cell} ")


def test_one_number_is_one_class(tmp_path):
    (tmp_path / "t.csv").write_text("patient,label\n1,1\n2,1.0\n3,2\n4,2.0\n")
    assert read_records(tmp_path / "t.csv", patient="patient", label="label").classes == ("1", "2")


def test_superscripts_are_sorted_as_names():
    assert sorted(["²", "10", "9", "①", "a", "1.5"], key=natural) == ["1.5", "9", "10", "a", "²", "①"]


@pytest.mark.parametrize("rate", [360, 250, 128])
def test_times_that_were_rounded_are_even(tmp_path, rate):
    times = [f"{t:.3f}" for t in np.arange(90) / rate]
    rows = [f"s{i},{t},p{i},{'ab'[i % 2]},{np.sin(k)}" for i in range(4) for k, t in enumerate(times)]
    table = tmp_path / "records.csv"
    table.write_text("\n".join(["sample,time,patient,label,lead", *rows]))
    panel = read("panel-csv", tmp_path)
    assert panel.sfreq == pytest.approx(rate, rel=1e-9)
    assert panel.take(np.arange(4)).shape == (4, 1, 90)
    del rows[40]
    table.write_text("\n".join(["sample,time,patient,label,lead", *rows]))
    with pytest.raises(DataError, match=r"row 42 of .* comes 0.0.* after the step before"):
        read("panel-csv", tmp_path)


def test_byte_order_marks_belong_to_no_label(tmp_path):
    for part in ("TRAIN", "TEST"):
        text = "".join(f"{1 + i % 2}\t{i}.5\t2.5\t{i}\n" for i in range(6))
        (tmp_path / f"Toy_{part}.tsv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert read("ucr-uea", tmp_path).classes == ("1", "2")


def test_settings_that_are_text_stay_text():
    assert parse_assignment("dataset.target=NO") == {"dataset": {"target": "NO"}}
    assert parse_assignment("dataset.session=01") == {"dataset": {"session": "01"}}
    assert parse_assignment("dataset.date=") == {"dataset": {"date": ""}}
    assert parse_assignment("training.lr=1e-4") == {"training": {"lr": 1e-4}}
    chosen = {"dataset": {"name": "series-csv"}, "objective": "autotcl"}
    assert configure(merged(chosen, parse_assignment("dataset.target=on"))).dataset.target == "on"
    with pytest.raises(ConfigError, match=r"dataset.target is 1, and text is wanted; put it in quotes"):
        configure(merged(chosen, parse_assignment("dataset.target=1")))


@pytest.mark.parametrize(
    ("name", "dataset", "settings", "message"),
    [
        ("csv_date_column_without_name", "series-csv", {}, ""),
        ("label_superscript_two", "arrays", {"sfreq": 50.0}, ""),
        ("missing_written_nan", "arrays", {"sfreq": 50.0}, "has no patient; every record needs one"),
        ("parquet_second_date_column", "series-csv", {"file": "load.parquet"}, "column 'received'"),
        ("table_times_rounded_to_ms", "panel-csv", {}, ""),
        ("ucr_text_with_byte_order_mark", "ucr-uea", {}, ""),
    ],
)
def test_the_reported_inputs(name, dataset, settings, message, tmp_path, shared_path):
    root = shared_path(f"cases/{name}") / "input"
    if not message:
        load(dataset, root, cache=tmp_path, progress=False, **settings)
        return
    with pytest.raises(TsrepError, match=message):
        load(dataset, root, cache=tmp_path, progress=False, **settings)


def test_a_list_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "RECORDS").write_bytes(b"100\n\x04\xe0\n")
    with pytest.raises(DataError, match=r"the list .*RECORDS cannot be read .*give a text file of names"):
        load("mitdb", tmp_path)


def test_text_settings_stay_text_and_numbers_of_studies_are_those_of_configurations(shared_path, tmp_path):
    root = shared_path("cases/text_settings_that_yaml_changes/input")
    given = [parse_assignment(f"dataset.{each}") for each in ("target=NO", "session=01")]
    assert [each["dataset"] for each in given] == [{"target": "NO"}, {"session": "01"}]
    series = read("series-csv", root / "air.csv", **given[0]["dataset"])
    assert series.channels[-1] == "NO"
    panel = load("bids", root / "bids", cache=tmp_path, progress=False, **given[1]["dataset"])
    assert len(set(panel.patient_names)) == len(list((root / "bids").glob("sub-*")))
    (lr,) = read_definition(root / "study.yaml").space.parameters.values()
    assert (lr.range.low, lr.range.high) == (1e-4, 1e-2)

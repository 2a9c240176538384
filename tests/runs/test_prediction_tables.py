"""Tables of predictions: their columns, their files, and what becomes of files when something fails."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tsrep.errors import ConfigError, RunError
from tsrep.evaluation.heads.classifier import Classifier
from tsrep.evaluation.heads.facts import FittedOn
from tsrep.evaluation.heads.head import Head
from tsrep.evaluation.heads.prediction_sets import PredictionSets
from tsrep.runs.predict.columns import Column, Layout, Outcome, Windows
from tsrep.runs.predict.output import Destination
from tsrep.runs.predict.table import PredictionTable

CLASSES = ("NORM", 'a, "b"')  # a name that CSV must quote
FITTED = FittedOn(
    protocol="probe", fraction=1.0, subsample_by="all", seed=0, labelled="", samples=9, records=9, patients=9,
    class_counts=(5, 4),
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Plain(Classifier):
    """Features are probabilities."""

    def predict(self, features: np.ndarray) -> np.ndarray:
        return features


def head(*, multilabel: bool = False, sets: bool = False) -> Head:
    told = PredictionSets(coverage=0.9, least=0.3, multilabel=multilabel, records=9, patients=9)
    return Head(
        name="probe-1-0", classifier=Plain(), classes=CLASSES, multilabel=multilabel, pool="max",
        fitted_on=FITTED, sets=told if sets else None,
    )  # fmt: skip


def outcome(name: str = "a/1", scores: object = ((0.1, 0.9), (0.6, 0.4)), **more: object) -> Outcome:
    prob = np.array(scores)
    start = 2.5 * np.arange(len(prob))
    return Outcome(name, windows=Windows(start, start + 2.5, prob), **more)  # type: ignore[arg-type]


FAILED = Outcome("b", reason="b.dat is missing")


def cells(layout: Layout, found: Outcome) -> dict[str, object]:
    return dict(zip([c.name for c in layout.records], layout.record_row(found), strict=True))


def test_a_row_says_what_became_of_a_recording() -> None:
    row = cells(Layout(head(sets=True)), outcome(patient="p", notes=("x", "y")))
    assert row == {
        "record": "a/1", "patient": "p", "status": "ok", "prediction": CLASSES[1],
        "set": f"NORM;{CLASSES[1]}", "p_NORM": 0.35, f"p_{CLASSES[1]}": 0.65, "windows": 2, "seconds": 5.0,
        "notes": "x; y", "reason": "",
    }  # fmt: skip
    row = cells(Layout(head()), outcome(reason="1 window left out"))
    assert (row["status"], "set" in row) == ("partial", False)
    row = cells(Layout(head(sets=True)), FAILED)
    assert (row["status"], row["prediction"], row["set"], row["p_NORM"]) == ("failed", "", "", None)
    assert (row["windows"], row["seconds"], row["reason"]) == (0, 0.0, "b.dat is missing")


def test_several_classes_none_and_targets() -> None:
    targets = tuple(Column(name, "count") for name in CLASSES)
    layout = Layout(head(multilabel=True), targets=targets)
    both = outcome(scores=[[0.7, 0.8]], targets={"NORM": 1, CLASSES[1]: None})
    assert cells(layout, both)["prediction"] == f"NORM;{CLASSES[1]}"
    assert (cells(layout, both)["NORM"], cells(layout, both)[CLASSES[1]]) == (1, None)
    assert cells(layout, outcome(scores=[[0.2, 0.1]]))["prediction"] == ""


def test_labels_without_probabilities_and_windows() -> None:
    layout = Layout(head(), probabilities=False)
    assert [c.name for c in layout.records if c.name.startswith("p_")] == []
    assert list(layout.window_rows(outcome())) == [
        ("a/1", 0, 0.0, 2.5, CLASSES[1]),
        ("a/1", 1, 2.5, 5.0, "NORM"),
    ]
    assert list(Layout(head()).window_rows(outcome()))[1] == ("a/1", 1, 2.5, 5.0, 0.6, 0.4)
    assert list(layout.window_rows(FAILED)) == []


def test_seconds_count_what_is_in_some_window_once() -> None:
    scores = np.zeros((4, 2))
    start = np.array([10.0, 0.0, 1.0, 0.0])
    assert Windows(start, start + 4.0, scores).seconds == 9.0
    assert Windows(start[:0], start[:0], scores[:0]).seconds == 0.0


def test_two_columns_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigError, match="two columns would be called patient"):
        Layout(head(), targets=(Column("patient", "count"),))


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_files_are_read_back_exactly(suffix: str, tmp_path: Path) -> None:
    pd = pytest.importorskip("pandas")
    place = Destination(tmp_path / f"p{suffix}", windows=True, embed=tmp_path / "x.npz")
    found = outcome(scores=[[1 / 3, 2 / 3], [0.1 + 0.2, 0.7]])
    x = np.random.default_rng(0).normal(size=(2, 5)).astype(np.float32)
    with place.opened(Layout(head())) as files:
        for each, features in ((found, x), (FAILED, None), (outcome("c"), x + 1)):
            files.write(each, features)
        files.close({"encoder": "µ"})
    read = {
        ".csv": partial(pd.read_csv, float_precision="round_trip"),
        ".jsonl": lambda p: pd.read_json(p, lines=True),
        ".parquet": pd.read_parquet,
    }
    if suffix == ".parquet":
        parquet = pytest.importorskip("pyarrow.parquet")
        assert json.loads(parquet.read_metadata(place.out).metadata[b"tsrep"]) == {"encoder": "µ"}
    windows, records = read[suffix](place.out), read[suffix](tmp_path / f"p.records{suffix}")
    assert list(windows["record"]) == ["a/1", "a/1", "c", "c"]
    assert list(records["status"]) == ["ok", "failed", "ok"]
    mean = (found.windows.scores[0] + found.windows.scores[1]) / 2  # type: ignore[union-attr]
    exact = 0 if suffix != ".jsonl" else 1e-14  # pandas rounds the last digit of JSON
    np.testing.assert_allclose(records.loc[0, ["p_NORM", f"p_{CLASSES[1]}"]].astype(float), mean, rtol=exact)
    assert np.isnan(records.loc[1, "p_NORM"])
    with np.load(tmp_path / "x.npz") as stored:
        np.testing.assert_array_equal(stored["x"], np.concatenate([x, x + 1]))
        assert list(stored["record"]) == ["a/1", "a/1", "c", "c"]
        assert list(stored["start_seconds"]) == [0, 2.5, 0, 2.5]
    assert not list(tmp_path.glob(".*"))


def test_csv_is_rfc_4180_with_shortest_exact_numbers(tmp_path: Path) -> None:
    place = Destination(tmp_path / "p.csv")
    with place.opened(Layout(head())) as files:
        files.write(outcome(scores=[[0.1 + 0.2, 1e-17]], patient="x\ny"))
        files.close({})
    text = (tmp_path / "p.csv").read_bytes().decode("utf-8")
    assert text.startswith(
        'record,patient,status,prediction,p_NORM,"p_a, ""b""",windows,seconds,notes,reason\n'
    )
    assert "0.30000000000000004,1e-17," in text
    assert len(list(csv.reader(text.splitlines(keepends=True)))) == 2


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, RunError, MemoryError])
def test_nothing_is_left_when_it_ends_early(suffix: str, error: type[BaseException], tmp_path: Path) -> None:
    place = Destination(tmp_path / f"p{suffix}", windows=True, embed=tmp_path / "x.npz")

    def ended_early() -> None:
        with place.opened(Layout(head())) as files:
            files.write(outcome(), np.zeros((2, 3), np.float32))
            raise error

    with pytest.raises(error):
        ended_early()
    assert list(tmp_path.iterdir()) == []


def test_existing_files_are_refused_before_anything_is_done(tmp_path: Path) -> None:
    for name, more in (
        ("p.csv", {}),
        ("p.json", {}),
        ("p.records.csv", {"windows": True}),
        ("x.npz", {"embed": tmp_path / "x.npz"}),
    ):
        (tmp_path / name).write_text("")
        with pytest.raises(RunError, match=rf"{name} exists; choose another name or --overwrite"):
            Destination(tmp_path / "p.csv", **more).check()  # type: ignore[arg-type]
        Destination(tmp_path / "p.csv", overwrite=True, **more).check()  # type: ignore[arg-type]
        (tmp_path / name).unlink()
    with pytest.raises(RunError, match="is a folder; give the name of a file"):
        Destination(tmp_path).check()
    with pytest.raises(ConfigError, match=r"does not end in the name of a format; .*: csv, jsonl, parquet"):
        Destination(tmp_path / "p.xlsx").check()
    Destination(tmp_path / "p.txt", format="csv").check()


def test_parquet_needs_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tsrep.runs.predict.writers.writer.find_spec", lambda name: None)
    with pytest.raises(
        ConfigError, match=r"Parquet files need the package pyarrow; install tsrep\[parquet\]"
    ):
        Destination(tmp_path / "p.parquet").check()


def test_a_table_in_memory(tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    layout = Layout(head())
    rows = [layout.record_row(each) for each in (outcome(), FAILED)]
    table = PredictionTable(layout.records, rows, {"encoder": "runs/a"})
    assert len(table) == 2
    np.testing.assert_array_equal(table.probabilities, [[0.35, 0.65], [np.nan, np.nan]])
    assert list(table["prediction"]) == [CLASSES[1], ""]
    assert list(table.to_frame()["windows"]) == [2, 0]
    with pytest.raises(KeyError, match="there is no column label; there are record, patient"):
        table["label"]
    table.save(tmp_path / "p.csv")
    assert json.loads((tmp_path / "p.json").read_text()) == {"encoder": "runs/a"}
    with pytest.raises(RunError, match="exists; choose another name"):
        table.save(tmp_path / "p.csv")
    table.save(tmp_path / "p.csv", overwrite=True)

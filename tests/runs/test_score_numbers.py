"""Numbers predicted by any tool: their errors by patients, matching, controls and refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import mean_absolute_error, r2_score

import tsrep
from tsrep.errors import ConfigError, DataError
from tsrep.report.scored_files import summarise_files, write_page

FAST: dict[str, Any] = {"n_bootstrap": 200, "target": "age"}


@pytest.fixture
def tables(tmp_path: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(0)
    age = rng.normal(60, 12, 90)
    truth = pd.DataFrame({"record": np.arange(90), "patient": np.arange(90) // 2, "age": age})
    predicted = pd.DataFrame({"record": np.arange(90), "prediction": age + rng.normal(0, 5, 90)})
    return truth, predicted


def written(folder: Path, name: str, frame: pd.DataFrame) -> Path:
    frame.to_csv(folder / name, index=False)
    return folder / name


def test_errors_are_those_of_their_definitions_with_intervals_over_patients(
    tmp_path: Path, tables: tuple[pd.DataFrame, pd.DataFrame]
) -> None:
    truth, predicted = tables
    shuffled = predicted.sample(frac=1, random_state=0)
    found = tsrep.score(written(tmp_path, "p.csv", shuffled), written(tmp_path, "t.csv", truth), **FAST)
    score = found.score
    mae = mean_absolute_error(truth["age"], predicted["prediction"])
    assert (score.metric, score.target, score.n, score.patients) == ("mae", "age", 90, 45)
    assert score.value == pytest.approx(mae)
    assert score.metrics["r2"].value == pytest.approx(r2_score(truth["age"], predicted["prediction"]))
    assert score.metrics["mae"].low < mae < score.metrics["mae"].high
    text = summarise_files(found)
    assert text.startswith("p reaches a mean absolute error of ")
    write_page(found, tmp_path / "page.html")
    assert "Predicted against true age" in (tmp_path / "page.html").read_text(encoding="utf-8")
    assert found.to_json() == tsrep.score(tmp_path / "p.csv", tmp_path / "t.csv", **FAST).to_json()


def test_windows_are_averaged_and_a_column_called_like_the_number_will_do(
    tmp_path: Path, tables: tuple[pd.DataFrame, pd.DataFrame]
) -> None:
    truth, predicted = tables
    truth = written(tmp_path, "t.csv", truth)
    windows = pd.concat([predicted.assign(window=k, prediction=predicted["prediction"] + s) for k, s in
                         enumerate((-2, 2))])  # fmt: skip
    own = tsrep.score(written(tmp_path, "p.csv", predicted), truth, **FAST).score.value
    named = written(tmp_path, "w.csv", windows.rename(columns={"prediction": "age"}))
    assert tsrep.score(named, truth, **FAST).score.value == pytest.approx(own)
    found = tsrep.score(named, truth, units="windows", **FAST).score
    assert (found.unit, found.n) == ("window", 180)
    assert found.value > own


def test_a_control_is_compared_on_the_same_patients(
    tmp_path: Path, tables: tuple[pd.DataFrame, pd.DataFrame]
) -> None:
    truth, predicted = tables
    mean = predicted.assign(prediction=truth["age"].mean())
    found = tsrep.score(
        written(tmp_path, "p.csv", predicted), written(tmp_path, "t.csv", truth),
        controls={"the mean": written(tmp_path, "m.csv", mean)}, **FAST,
    )  # fmt: skip
    (contrast,) = found.contrasts
    assert contrast.difference.high < 0
    assert "p is better than the mean" in summarise_files(found)


def test_records_without_a_prediction_or_a_number(
    tmp_path: Path, tables: tuple[pd.DataFrame, pd.DataFrame]
) -> None:
    truth, predicted = tables
    truth.loc[3, "age"] = np.nan
    truth_path = written(tmp_path, "t.csv", truth)
    path = written(tmp_path, "p.csv", predicted[5:])
    with pytest.raises(DataError, match="4 of 89 records of the truth have no prediction"):
        tsrep.score(path, truth_path, **FAST)
    dropped = tsrep.score(path, truth_path, missing="drop", **FAST)
    assert dropped.score.n == 85
    assert dropped.scores.notes[0] == "1 records of the truth lack the number and are left out."
    worst = tsrep.score(path, truth_path, missing="worst", **FAST)
    assert worst.score.n == 89
    assert worst.score.value > dropped.score.value
    assert "are scored as the mean of the truth" in worst.scores.notes[1]


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"classes": ["A"]}, ConfigError, "a number is scored, so --classes has no meaning"),
        ({"thresholds": "0.5"}, ConfigError, "--thresholds has no meaning"),
        ({"metric": "auroc"}, ConfigError, "no metric 'auroc' of such predictions"),
        ({"units": "windows"}, DataError, "has no column 'window'"),
        ({"target": "bmi"}, DataError, "'bmi'"),
        ({"patient": "who"}, DataError, "has no column 'who'; name the column with --patient"),
    ],
)
def test_what_does_not_go_together_is_refused(
    tmp_path: Path, tables: tuple[pd.DataFrame, pd.DataFrame], options: Any, error: Any, words: str
) -> None:
    truth, predicted = tables
    paths = written(tmp_path, "p.csv", predicted), written(tmp_path, "t.csv", truth)
    with pytest.raises(error, match=words):
        tsrep.score(*paths, **FAST | options)


def test_a_file_without_such_a_column_is_refused(
    tmp_path: Path, tables: tuple[pd.DataFrame, pd.DataFrame]
) -> None:
    truth, predicted = tables
    path = written(tmp_path, "p.csv", predicted.rename(columns={"prediction": "years"}))
    with pytest.raises(DataError, match="neither a column 'prediction' nor one called 'age'"):
        tsrep.score(path, written(tmp_path, "t.csv", truth), **FAST)

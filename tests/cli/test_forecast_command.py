"""Broken files on the way of `tsrep fit` and `tsrep forecast`: one sentence, or a repair when asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from tests.cli.conftest import Command
from tests.runs.test_forecast_own import LOOKBACK, NAMES, SMALL, STEPS, own_table, trained, written

Spoil = Callable[[pd.DataFrame], pd.DataFrame]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("runs")
    return trained(written(own_table(), place), place / "run").path


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(SMALL))
    return path


def gap(table: pd.DataFrame) -> pd.DataFrame:
    return table.drop(index=range(STEPS - 20, STEPS - 16))


def doubled(table: pd.DataFrame) -> pd.DataFrame:
    return table.loc[sorted([*table.index, STEPS - 30])]


def text(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(wind=table["wind"].astype(object).where(table.index != 590, "off"))


def holes(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(wind=table["wind"].where(table.index < STEPS - 10))


def test_a_forecast_is_a_table_a_plot_and_a_summary(run: Path, tmp_path: Path, command: Command) -> None:
    own = written(own_table().assign(note="text"), tmp_path)
    done = command("forecast", run, "--input", own, "--horizon", "6", "--level", "0.9", "--level", "0.5")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "6 steps of 1 h ahead" in done.stdout
    assert "note: columns left out, as the run was not trained on them: note" in done.stdout
    folder = run / "forecasts" / "own"
    table = pd.read_csv(folder / "forecast.csv")
    assert len(table) == 6
    assert {*NAMES, "sun lower 0.9", "sun upper 0.5"} < set(table.columns)
    assert sorted(path.name for path in folder.iterdir()) == ["forecast.csv", "forecast.png"]


def test_a_gap_doubled_rows_and_holes_are_repaired_when_that_is_asked_for(
    config: Path, tmp_path: Path, command: Command
) -> None:
    own, out = written(gap(doubled(holes(own_table()))), tmp_path), tmp_path / "run"
    repairs = ["--set", "dataset.gaps=missing", "--set", "dataset.duplicates=first"]
    command("fit", "--config", config, "--root", own, *repairs, "--out", out, "--no-evaluate")
    told = command("forecast", out, "--input", own, "--out", tmp_path / "ahead").stdout
    assert "22 of 144 values of the look-back are missing, most of them (14 of 48) in wind" in told
    assert np.isfinite(pd.read_csv(tmp_path / "ahead" / "forecast.csv")[NAMES].to_numpy()).all()


FAULTS = [
    (gap, "lacks 4 of 600 steps of 1 h; the first is 2024-01-25 04:00:00, after line 581"),
    (doubled, "line 573 of {file} has 2024-01-24 18:00:00 a second time"),
    (text, "line 592 of {file} has 'off' in column 'wind', which is not a number"),
]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [*FAULTS, (lambda t: t[:58], "fewer than the 61 of two windows of look-back and horizon")],
)
def test_fit_refuses_a_broken_file_in_one_sentence(
    spoil: Spoil, message: str, config: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:
    own = written(spoil(own_table()), tmp_path)
    said = refused(
        "fit",
        "--config",
        config,
        "-d",
        "series-csv",
        "-o",
        "forecast",
        "--root",
        own,
        "--out",
        tmp_path / "run",
    )
    assert message.format(file=own) in said
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [*FAULTS, (lambda t: t[-LOOKBACK + 1 :], "{file} has 47 steps of 1 h, fewer than the look-back of 48")],
)
def test_forecast_refuses_a_broken_file_in_one_sentence(
    spoil: Spoil, message: str, run: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:
    own = written(spoil(own_table()), tmp_path)
    said = refused("forecast", run, "--input", own, "--out", tmp_path / "ahead")
    assert message.format(file=own) in said
    assert sorted(tmp_path.iterdir()) == [own]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--input", "nothing.csv"], "there is no file nothing.csv"),
        (["--input", "own.csv", "--horizon", "13"], "was trained to forecast 12 steps, not 13"),
        (
            ["--input", "own.csv", "--set", "objective.horizon=13"],
            "is not about the data; forecast takes dataset.KEY=VALUE",
        ),
        (
            ["--input", "own.csv", "--set", "dataset.target=sun"],
            "does not say how a file to forecast is read",
        ),
    ],
)
def test_a_mistake_is_one_sentence(
    options: list[str], message: str, run: Path, tmp_path: Path, refused: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    written(own_table(), tmp_path)
    monkeypatch.chdir(tmp_path)
    assert message in refused("forecast", run, *options)
    assert [path.name for path in tmp_path.iterdir()] == ["own.csv"]


def test_a_name_of_a_file_in_the_place_of_the_folder_is_refused(
    run: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:
    own = written(own_table(), tmp_path)
    said = refused("forecast", run, "--input", own, "--out", tmp_path / "ahead.csv")
    assert f"give it as --out {tmp_path / 'ahead'}" in said
    assert not (tmp_path / "ahead.csv").exists()


def test_a_file_in_the_place_of_the_folder_is_kept(
    run: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:
    own, taken = written(own_table(), tmp_path), tmp_path / "taken"
    taken.write_text("mine", encoding="utf-8")
    assert "cannot be written" in refused("forecast", run, "--input", own, "--out", taken)
    assert taken.read_text(encoding="utf-8") == "mine"

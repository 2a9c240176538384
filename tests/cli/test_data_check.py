"""`tsrep data check`: the data, windows and split that a run with the same settings would have."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner, Result

from tests.datasets.recordings import write_csv
from tsrep.cli.app import app
from tsrep.errors import ConfigError, DataError, SplitError
from tsrep.runs.config import configure
from tsrep.runs.task import prepare


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Twelve patients with two records each of 10 s at 20 Hz; record 5 lacks a lead."""
    folder = tmp_path / "own"
    folder.mkdir()
    x = np.random.default_rng(0).normal(size=(24, 2, 200)).astype(np.float32)
    x[5, 1] = np.nan
    np.save(folder / "records.npy", x)
    rows = [{"patient": f"p{i // 2:02}", "label": "ab"[i // 2 % 2], "day": i % 2} for i in range(24)]
    write_csv(folder / "records.csv", rows)
    return folder


@pytest.fixture
def config(root: Path, tmp_path: Path) -> Path:
    path = tmp_path / "c.yaml"
    values = {
        "dataset": {"name": "arrays", "sfreq": 20},
        "root": str(root),
        "window": {"seconds": 4, "hop_seconds": 3},
        "split": {"name": "patients", "validation": ["p00", "p01"], "test": ["p02", "p03", "p04"]},
    }
    path.write_text(yaml.safe_dump(values))
    return path


def check(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["data", "check", *map(str, arguments)])


def test_a_configuration_file_is_checked_as_fit_would_use_it(config: Path) -> None:
    done = check("--config", config)
    assert done.exit_code == 0, done.output
    assert "23 records of 12 patients" in done.output
    assert "69 windows of 4 s" in done.output
    assert "split: listed patients; 7 train, 2 validation, 3 test patients" in done.output
    assert "5: channel 1 has no value" in done.output
    prepared = prepare(configure(yaml.safe_load(config.read_text())), progress=False)
    assert len(prepared.panel) == 69
    for part, patients in (("train", 7), ("validation", 2), ("test", 3)):
        assert prepared.split.counts[part]["patients"] == patients
        assert f"{len(getattr(prepared.split, part))} samples" in done.output


def test_options_win_over_the_file(config: Path, root: Path) -> None:
    done = check("arrays", "-c", config, "--set", "split.test=[p02]", "--set", "window.seconds=10")
    assert "23 windows of 10 s" in done.output
    assert "9 train, 2 validation, 1 test" in done.output
    moved = root.rename(root.with_name("moved"))
    assert "no folder" in str(check("-c", config).exception)
    assert check("-c", config, "--root", moved).exit_code == 0


def test_without_a_file_settings_have_full_paths(root: Path) -> None:
    done = check("arrays", "--root", root, "--set", "dataset.sfreq=20", "--set", "dataset.trial=day")
    assert isinstance(done.exception, DataError)
    done = check("arrays", "--root", root, "--set", "dataset.sfreq=20")
    assert "92 windows of 2.5 s" in done.output
    assert "stratified" in done.output
    done = check("arrays", "--root", root, "--set", "sfreq=20")
    assert isinstance(done.exception, ConfigError)


@pytest.mark.parametrize(
    ("assignment", "kind", "message"),
    [
        ("split.test=[p99]", SplitError, "patient p99 of the split is not in the data"),
        ("split.test=[p00]", SplitError, "p00"),
        ("split=official", SplitError, "no official folds"),
        ("window.seconds=11", DataError, "does not fit samples of 200 steps"),
        ("strict=true", DataError, "record 5 of"),
    ],
)
def test_what_fit_would_refuse_is_refused(
    config: Path, assignment: str, kind: type[Exception], message: str
) -> None:
    done = check("-c", config, "--set", assignment)
    assert isinstance(done.exception, kind)
    assert message in str(done.exception)
    if assignment != "strict=true":
        assert "left out as unreadable" in done.output  # what is wrong with the records is told all the same


def test_something_must_be_named() -> None:
    done = check()
    assert isinstance(done.exception, ConfigError)
    assert "NAME" in str(done.exception)


def test_info_tells_the_split_of_each_task() -> None:
    done = CliRunner().invoke(app, ["data", "info", "ptb-xl"])
    assert "split  official; per-class-order with task=medformer" in done.output


@pytest.fixture
def series(tmp_path: Path) -> Path:
    """Sixty days of hourly values of three channels, one of them constant."""
    x = np.random.default_rng(0).normal(size=(2, 1440))
    days = np.datetime64("2020-01-01T00") + np.arange(1440)
    rows = [
        {"date": str(day), "load": f"{a:.4f}", "valve": 1, "OT": f"{b:.4f}"}
        for day, a, b in zip(days, *x, strict=True)
    ]
    path = tmp_path / "plant.csv"
    write_csv(path, rows)
    return path


SHORT = ("--set", "evaluation.forecast.horizons=[24, 48]")


def test_a_series_is_checked_as_fit_would_use_it(series: Path) -> None:
    done = check("series-csv", "--root", series, *SHORT)
    assert done.exit_code == 0, done.output
    assert "plant (hourly, 2020-01-01 to 2020-02-29): 1,440 steps of 1 h" in done.output
    assert "3 channels, 7 covariates, a season of 24 steps" in done.output
    assert (
        "split in order of time, 0.7 / 0.1 / rest: 1,008 train, 144 validation, 288 test steps" in done.output
    )
    assert "16 windows of 72 steps to train and validate on" in done.output
    assert "long enough for horizons of 24, 48 steps" in done.output
    assert " warning  constant channel valve" in done.output
    prepared = prepare(configure({"dataset": {"name": "series-csv"}, "root": str(series)}), progress=False)
    assert len(prepared.panel) == 16
    assert prepared.panel.length == 72


@pytest.mark.parametrize(
    ("assignments", "kind", "message"),
    [
        ((), ConfigError, "the test part has 288 steps, too few for a horizon of 720"),
        ((*SHORT, "--set", "split=ett-months"), SplitError, "the series has 1440 steps"),
        ((*SHORT, "--set", "window.steps=200"), DataError, "fewer than a window of 200"),
        ((*SHORT, "--set", "dataset.target=Ot"), DataError, "did you mean 'OT'?"),
        (
            (*SHORT, "--set", "dataset.variables=target", "--set", "dataset.target=valve"),
            DataError,
            "throughout",
        ),
    ],
)
def test_what_fit_would_refuse_of_a_series_is_refused(
    series: Path, assignments: tuple[str, ...], kind: type[Exception], message: str
) -> None:
    done = check("series-csv", "--root", series, *assignments)
    assert isinstance(done.exception, kind), done.output
    assert message in str(done.exception)
    if kind is ConfigError:
        assert "channel load:" in done.output  # what the series is like is told all the same


def test_a_part_without_values_is_an_error(series: Path) -> None:
    lines = series.read_text().splitlines()
    for i in range(1009, 1153):
        lines[i] = lines[i].rsplit(",", 1)[0] + ","
    series.write_text("\n".join(lines))
    done = check("series-csv", "--root", series, *SHORT)
    assert isinstance(done.exception, DataError)
    assert "channel 'OT' of plant" in str(done.exception)
    assert "has no value in the validation part" in str(done.exception)
    assert "error  no value of channel OT  [validation part]" in done.output
    assert "10.00% of channel OT is missing" in done.output


def test_list_and_info_tell_what_a_series_holds() -> None:
    listed = CliRunner().invoke(app, ["data", "list"], env={"COLUMNS": "200"}).output
    assert "17,420 steps of 7 channels" in listed
    assert "21,799 records of 18,869 patients" in listed
    done = CliRunner().invoke(app, ["data", "info", "ettm1"])
    assert "69,680 steps of 7 channels" in done.output
    assert "split  ett-months" in done.output
    assert "CC BY-ND 4.0" in done.output


def test_numbers_to_predict_are_told_with_their_range(root: Path) -> None:
    doses = [999 if i == 3 else 30 + i for i in range(24)]
    rows = [
        {"patient": f"p{i // 2:02}", "label": "ab"[i // 2 % 2], "dose": dose if i else ""}
        for i, dose in enumerate(doses)
    ]
    write_csv(root / "records.csv", rows)
    settings = ["sfreq=20", "targets=[dose]", "target_units=[mg]"]
    given = [part for each in settings for part in ("--set", f"dataset.{each}")]
    found = CliRunner().invoke(app, ["data", "check", "arrays", "--root", str(root), *given])
    assert "target dose (mg): known of 22 of 23 records, 31 to 999" in " ".join(found.output.split())

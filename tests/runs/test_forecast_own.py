"""A user's own series goes through a run as by hand, in its own unit, with intervals that need no data."""

from __future__ import annotations

import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import tsrep
from tests.inspect.test_figures import collisions
from tsrep.errors import ConfigError, DataError, RunError, TsrepError
from tsrep.evaluation.forecasts.conformal import Conformal
from tsrep.inspect.figures import style
from tsrep.inspect.figures.forecasts import figure_own_forecast, write_own_forecast
from tsrep.runs.config import merged
from tsrep.runs.fit import fit
from tsrep.runs.forecast_own import forecast_series
from tsrep.runs.intervals import write_intervals
from tsrep.runs.prepare_series import PreparedSeries
from tsrep.runs.task import prepare
from tsrep.runs.trained import shared_scaler
from tsrep.signals.calendar import calendar_features

STEPS, LOOKBACK, HORIZON = 600, 48, 12
NAMES = ["load", "wind", "sun"]
OBJECTIVE = {"name": "forecast", "lookback": LOOKBACK, "horizon": HORIZON, "norm": "last", "calendar": True}
SMALL: dict[str, Any] = {
    "dataset": {"name": "series-csv"},
    "encoder": "identity",
    "objective": OBJECTIVE,
    "training": {"epochs": 1, "batch_size": 32},
    "device": "cpu",
}


def own_table(steps: int = STEPS, freq: str = "h", period: int = 24) -> pd.DataFrame:
    """Three seasonal channels of different size."""
    rng, t = np.random.default_rng(0), np.arange(steps)
    columns = {
        name: 100 * k + 10**k * (np.sin(2 * np.pi * t / period) + 0.3 * rng.normal(size=steps))
        for k, name in enumerate(NAMES)
    }
    return pd.DataFrame({"date": pd.date_range("2024-01-01", periods=steps, freq=freq)} | columns)


def written(table: pd.DataFrame, folder: Path, name: str = "own") -> Path:
    path = folder / f"{name}.csv"
    table.to_csv(path, index=False)
    return path


def trained(path: Path, out: Path, **changes: Any) -> tsrep.Run:
    return fit(merged(merged(SMALL, {"root": str(path)}), changes), out=out, progress=False)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return own_table()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("own")


@pytest.fixture(scope="module")
def path(table: pd.DataFrame, place: Path) -> Path:
    return written(table, place)


@pytest.fixture(scope="module")
def run(path: Path, place: Path) -> tsrep.Run:
    run = trained(path, place / "run")
    prepared = prepare(run.config, progress=False)
    assert isinstance(prepared, PreparedSeries)
    write_intervals(run, prepared)
    return run


def test_it_is_the_forecaster_called_by_hand(run: tsrep.Run, path: Path, table: pd.DataFrame) -> None:
    found = forecast_series(run, path)
    time = pd.date_range(table["date"].iloc[-LOOKBACK], periods=LOOKBACK + HORIZON, freq="h").to_numpy()
    calendar = calendar_features(time.astype("datetime64[s]"))
    scaler = shared_scaler(run)
    mean, std = scaler.mean[0][:, None], scaler.std[0][:, None]
    values = table[NAMES].to_numpy(np.float32).T[:, -LOOKBACK:]
    past = (np.concatenate([calendar[:, :LOOKBACK], values]) - mean) / std
    ahead = (calendar[:, LOOKBACK:] - mean[:7]) / std[:7]
    with torch.no_grad():
        y = run.forecaster()(torch.from_numpy(past)[None], torch.from_numpy(ahead)[None])[0].numpy()
    np.testing.assert_allclose(found.values, y * std[7:] + mean[7:], rtol=1e-4)
    np.testing.assert_array_equal(found.time, time[LOOKBACK:].astype("datetime64[s]"))
    np.testing.assert_array_equal(found.past, values)
    assert found.channels == tuple(NAMES)
    assert found.notes == ()


def test_order_and_further_columns_change_nothing(
    run: tsrep.Run, path: Path, table: pd.DataFrame, tmp_path: Path
) -> None:
    other = table[["sun", "load", "date", "wind"]].assign(note="text", more=1)
    found = forecast_series(run, written(other, tmp_path))
    np.testing.assert_array_equal(found.values, forecast_series(run, path).values)
    assert found.notes == ("columns left out, as the run was not trained on them: note, more",)


def test_a_series_is_forecast_as_its_file(run: tsrep.Run, path: Path) -> None:
    series = tsrep.load("series-csv", path)
    assert isinstance(series, tsrep.Series)
    turned = series.select(["wind", "sun", "load"])
    np.testing.assert_array_equal(forecast_series(run, turned).values, forecast_series(run, path).values)


def test_another_unit_gives_the_same_forecast_in_it(path: Path, table: pd.DataFrame, tmp_path: Path) -> None:
    scaled = table.assign(load=1000 * table["load"] - 7, sun=table["sun"] / 50)
    other = written(scaled, tmp_path)
    one = forecast_series(trained(path, tmp_path / "one"), path, levels=[])
    two = forecast_series(trained(other, tmp_path / "two"), other, levels=[])
    np.testing.assert_allclose(two.values[0], 1000 * one.values[0] - 7, rtol=1e-3, atol=1)
    np.testing.assert_allclose(two.values[1], one.values[1], rtol=1e-3)
    np.testing.assert_allclose(two.values[2], one.values[2] / 50, rtol=1e-3)


def test_only_the_look_back_counts_and_a_shorter_horizon_is_cut(
    run: tsrep.Run, path: Path, table: pd.DataFrame, tmp_path: Path
) -> None:
    whole = forecast_series(run, path)
    short = forecast_series(run, written(table.iloc[-LOOKBACK:], tmp_path), horizon=5, levels=[0.9])
    np.testing.assert_allclose(short.values, whole.values[:, :5], rtol=1e-5)
    np.testing.assert_array_equal(short.time, whole.time[:5])
    assert short.bounds[0.9][0].shape == (3, 5)


def test_missing_values_of_the_look_back_are_told_and_do_no_harm(
    run: tsrep.Run, table: pd.DataFrame, tmp_path: Path
) -> None:
    holes = table.copy()
    holes.loc[STEPS - 10 :, "wind"] = np.nan
    holes.loc[STEPS - 30 : STEPS - 28, "sun"] = np.nan
    found = forecast_series(run, written(holes, tmp_path))
    assert np.isfinite(found.values).all()
    assert found.notes == ("13 of 144 values of the look-back are missing, most of them (10 of 48) in wind",)


def test_gaps_are_filled_where_the_settings_say_so(
    run: tsrep.Run, table: pd.DataFrame, tmp_path: Path
) -> None:
    broken = written(table.drop(index=range(STEPS - 20, STEPS - 16)), tmp_path)
    with pytest.raises(DataError, match=r"lacks 4 of 600 steps .* dataset\.gaps=missing"):
        forecast_series(run, broken)
    found = forecast_series(run, broken, reading={"gaps": "missing"})
    assert np.flatnonzero(np.isnan(found.past[0])).tolist() == [28, 29, 30, 31]


def test_doubled_rows_are_dropped_where_the_settings_say_so(
    run: tsrep.Run, table: pd.DataFrame, path: Path, tmp_path: Path
) -> None:
    broken = written(table.loc[[*range(STEPS - 20), *[STEPS - 21] * 3, *range(STEPS - 20, STEPS)]], tmp_path)
    with pytest.raises(DataError, match=r"a second time .* dataset\.duplicates=first"):
        forecast_series(run, broken)
    found = forecast_series(run, broken, reading={"duplicates": "first"})
    np.testing.assert_array_equal(found.values, forecast_series(run, path).values)


def test_the_settings_of_the_run_hold_when_none_are_given(table: pd.DataFrame, tmp_path: Path) -> None:
    renamed = table.drop(index=range(590, 594)).rename(columns={"date": "hour"}).fillna(-9)
    own = written(renamed, tmp_path)
    changes = {"dataset": {"date": "hour", "gaps": "missing", "missing": [-9]}}
    found = forecast_series(trained(own, tmp_path / "run", **changes), own)
    assert np.isnan(found.past).sum() == 12
    assert found.table().startswith("hour,load,wind,sun,load lower 0.8,load upper 0.8")


def test_dates_with_an_offset_are_told_in_utc(run: tsrep.Run, table: pd.DataFrame, tmp_path: Path) -> None:
    local = pd.date_range("2024-01-01", periods=STEPS, freq="h", tz="Europe/Berlin")
    for name, dates in (("text", local.astype(str)), ("iso", local.map(lambda stamp: stamp.isoformat()))):
        found = forecast_series(run, written(table.assign(date=dates), tmp_path, name))
        assert found.time[0] == (local[-1].tz_convert("UTC").tz_localize(None) + pd.Timedelta("1h"))
        assert any("in UTC" in note for note in found.notes)
    assert not forecast_series(run, written(table, tmp_path)).notes


def test_months_go_on_as_months(tmp_path: Path) -> None:
    own = written(own_table(240, "ME", 12), tmp_path)
    run = trained(own, tmp_path / "run", objective={"lookback": 24, "horizon": 6})
    found = forecast_series(run, own)
    expected = pd.date_range("2044-01-31", periods=6, freq="ME").to_numpy().astype("datetime64[s]")
    np.testing.assert_array_equal(found.time, expected)


@pytest.mark.parametrize(
    ("dataset", "channels"),
    [({"variables": "each"}, NAMES), ({"variables": "target", "target": "wind"}, ["wind"])],
)
def test_channels_each_for_itself_and_the_target_alone(
    path: Path, table: pd.DataFrame, tmp_path: Path, dataset: dict[str, str], channels: list[str]
) -> None:
    run = trained(path, tmp_path / "run", dataset=dataset)
    found = forecast_series(run, written(table[["date", *reversed(channels)]], tmp_path))
    assert found.channels == tuple(channels)
    error = np.abs(found.values - table[channels].to_numpy().T[:, -HORIZON:]).mean(axis=1)
    assert (error < 2 * table[channels].std().to_numpy()).all()  # each in its own unit
    assert all((lower < upper).all() for lower, upper in found.bounds.values())


def test_intervals_are_those_of_validation_in_the_unit_and_nested(run: tsrep.Run, path: Path) -> None:
    found = forecast_series(run, path, levels=[0.95, 0.5, 0.8])
    kept, scaler = Conformal.load(run.path / "intervals.npz"), shared_scaler(run)
    assert list(found.bounds) == [0.5, 0.8, 0.95]
    for level, (lower, upper) in found.bounds.items():
        radius = kept.radius[kept.levels.index(level), 0].T * scaler.std[0][7:, None]
        np.testing.assert_allclose(upper - found.values, radius, rtol=1e-3)
        np.testing.assert_allclose(found.values - lower, radius, rtol=1e-3)
    widths = [upper - lower for lower, upper in found.bounds.values()]
    assert all((wide >= narrow).all() for narrow, wide in pairwise(widths))
    assert (widths[2] > widths[0]).all()


def test_intervals_need_no_data_once_they_are_kept(
    run: tsrep.Run, table: pd.DataFrame, tmp_path: Path
) -> None:
    data = written(table, tmp_path, "data")
    own = written(table, tmp_path)
    other = trained(data, tmp_path / "run")
    (other.path / "intervals.npz").unlink(missing_ok=True)
    first = forecast_series(other, own, levels=[0.93])  # calibrated now, and kept
    data.unlink()
    again = forecast_series(other, own, levels=[0.93])
    np.testing.assert_array_equal(first.bounds[0.93], again.bounds[0.93])
    with pytest.raises(RunError, match=r"has intervals of the levels 0\.5, .* only"):
        forecast_series(other, own, levels=[0.77])
    (other.path / "intervals.npz").unlink()
    bare = forecast_series(other, own, levels=[0.77])
    assert not bare.bounds
    assert "no intervals: " in bare.notes[0]
    np.testing.assert_array_equal(bare.values, first.values)


def test_the_table_has_all_that_was_said(run: tsrep.Run, path: Path, tmp_path: Path) -> None:
    found = forecast_series(run, path)
    write_own_forecast(found, tmp_path / "out")
    read = pd.read_csv(tmp_path / "out" / "forecast.csv", parse_dates=["date"])
    np.testing.assert_array_equal(read["date"].to_numpy().astype("datetime64[s]"), found.time)
    np.testing.assert_array_equal(read[NAMES].to_numpy(np.float32).T, found.values)
    lower, upper = found.bounds[0.95]
    np.testing.assert_array_equal(read["sun lower 0.95"].to_numpy(np.float32), lower[2])
    np.testing.assert_array_equal(read["load upper 0.95"].to_numpy(np.float32), upper[0])
    assert (tmp_path / "out" / "forecast.png").read_bytes().startswith(b"\x89PNG")


def test_nothing_is_written_when_the_figure_or_the_forecast_fails(
    run: tsrep.Run, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RunError):
        tsrep.forecast(run, path, horizon=99, out=tmp_path / "out")

    def fails(*_: object) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr(style, "rendered", fails)
    with pytest.raises(KeyboardInterrupt):
        tsrep.forecast(run, path, out=tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_the_figure_shows_known_values_forecast_and_bands(run: tsrep.Run, path: Path) -> None:
    for horizon, levels in ((12, [0.8, 0.95]), (1, [0.9]), (3, [])):
        found = forecast_series(run, path, horizon=horizon, levels=levels)
        figure = figure_own_forecast(found)
        assert [axes.get_title(loc="left") for axes in figure.axes] == NAMES
        for i, axes in enumerate(figure.axes):
            np.testing.assert_array_equal(axes.lines[1].get_ydata(), found.values[i])
            assert len(axes.collections) == len(levels)
        assert collisions(figure) == []


def test_a_run_that_forecasts_nothing_says_how_to_train_one(path: Path, tmp_path: Path) -> None:
    settings = {
        "dataset": "series-csv",
        "encoder": {"name": "dilated-conv", "hidden": 4, "dim": 4, "depth": 1},
        "objective": "ts2vec",
        "window": {"steps": 24},
        "training": {"epochs": 1},
        "evaluation": {"forecast": {"horizons": [6], "context": 12}},
        "root": str(path),
        "device": "cpu",
    }
    run = fit(settings, out=tmp_path / "run", progress=False)
    with pytest.raises(RunError, match="tsrep fit --objective forecast"):
        forecast_series(run, path)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda t: t.drop(columns=["sun", "load"]), r"no column 'load' \(nor 1 more of 3\)"),
        (lambda t: t.rename(columns={"sun": "Sun"}), "did you mean 'Sun'"),
        (lambda t: t.drop(columns="wind").assign(wund=1.0, loud=1.0), "did you mean 'wund'"),
        (lambda t: t.assign(sun=t["sun"].where(t.index < STEPS - 1, 3e38)), "sun by .* not finite at step"),
        (lambda t: t.iloc[: LOOKBACK - 1], "has 47 steps of 1 h, fewer than the look-back of 48"),
        (lambda t: t.assign(sun=t["sun"].where(t.index < 300)), "'sun' .* has no value in the last 48 steps"),
        (lambda t: t.iloc[::2], "has steps of 2 h, .* was trained on steps of 1 h"),
        (lambda t: t.assign(wind=t["wind"].astype(object).where(t.index != 9, "off")), "line 11 .* 'off'"),
        (lambda t: t.iloc[::-1], "earlier than the row before it"),
    ],
)
def test_each_fault_of_the_file_is_one_sentence(
    run: tsrep.Run, table: pd.DataFrame, tmp_path: Path, spoil: Any, message: str
) -> None:
    with pytest.raises(DataError, match=message) as caught:
        forecast_series(run, written(spoil(table), tmp_path))
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"horizon": 13}, RunError, r"trained to forecast 12 steps, not 13; .*objective\.horizon=13"),
        ({"horizon": 0}, ConfigError, "give 1 to 12"),
        ({"levels": [90]}, ConfigError, "no share between 0 and 1"),
        ({"reading": {"columns": ["a"]}}, ConfigError, "does not say how a file to forecast is read"),
        ({"reading": {"gaps": "fill"}}, ConfigError, "dataset.gaps is 'fill'"),
    ],
)
def test_each_wrong_wish_is_one_sentence(
    run: tsrep.Run, path: Path, options: dict[str, Any], error: type[TsrepError], message: str
) -> None:
    with pytest.raises(error, match=message):
        forecast_series(run, path, **options)


def test_the_run_may_be_given_by_its_path_anywhere(run: tsrep.Run, path: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(run.path, tmp_path / "elsewhere")
    np.testing.assert_array_equal(forecast_series(moved, path).values, forecast_series(run, path).values)

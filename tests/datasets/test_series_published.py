"""The usual forecasting benchmarks: real files where they are at hand, facts and places everywhere."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd
import pytest

from tests.datasets.test_fetch import Handler, serve
from tsrep.datasets import about, build, load
from tsrep.datasets.fetch import fetch
from tsrep.datasets.series.series_csv import SeriesFile
from tsrep.errors import DataError
from tsrep.registry import DATASETS, SPLITS
from tsrep.signals import Series

SERIES = [name for name in DATASETS.names() if issubclass(DATASETS.entry(name).cls, SeriesFile)]
ETT = ("etth1", "etth2", "ettm1", "ettm2")


def test_all_are_there():
    assert {*ETT, "exchange-rate", "ili", "weather", "electricity", "traffic", "series-csv"} <= set(SERIES)


@pytest.mark.parametrize("name", SERIES)
def test_every_series_says_how_it_is_split_and_scored(name):
    loader = build(name)
    assert getattr(SPLITS.entry(loader.default_split).cls, "task", "panel") == "series"
    forecast = loader.defaults.get("evaluation", {}).get("forecast", {})
    assert list(forecast.get("horizons", ())) == sorted(forecast.get("horizons", ()))
    assert (about(name).channels > 0) == (about(name).steps > 0) == (name != "series-csv")


@pytest.mark.parametrize(
    ("name", "file", "shape", "freq", "period"),
    [
        ("etth1", "ETT-small/ETTh1.csv", (7, 17420), "1 h", 24),
        ("etth2", "ETT-small/ETTh2.csv", (7, 17420), "1 h", 24),
        ("ettm1", "ETT-small/ETTm1.csv", (7, 69680), "15 min", 96),
        ("ettm2", "ETT-small/ETTm2.csv", (7, 69680), "15 min", 96),
        ("exchange-rate", "exchange_rate.csv", (8, 7588), "1 day", 1),
        ("ili", "national_illness.csv", (7, 966), "1 week", 52),
    ],
)
def test_real_files(shared_path, name, file, shape, freq, period):
    path = shared_path(f"data/ltsf/{file}")
    series = load(name, shared_path("data/ltsf"))
    frame = pd.read_csv(path)
    assert series.values.shape == shape == (about(name).channels, about(name).steps)
    assert (series.freq, series.period) == (freq, period)
    np.testing.assert_array_equal(series.values, frame.iloc[:, 1:].to_numpy(np.float32).T)
    np.testing.assert_array_equal(
        series.time, pd.to_datetime(frame["date"]).to_numpy().astype("datetime64[s]")
    )
    assert load(name, path).digest == series.digest
    assert load(name, path, variables="target").channels == ("OT",)
    assert bool(series.covariate_names) == (name != "exchange-rate")


@pytest.mark.parametrize(("name", "days"), [("etth1", 24), ("ettm1", 96)])
def test_ett_is_split_by_months(shared_path, name, days):
    series = load(name, shared_path("data/ltsf"))
    split = SPLITS.build({"name": build(name).default_split})(series)
    assert split.train == (0, 360 * days)
    assert split.validation == (360 * days, 480 * days)
    assert split.test == (480 * days, 600 * days)
    assert {part: n["steps"] for part, n in split.counts.items()} == {
        "train": 8640 * days // 24,
        "validation": 2880 * days // 24,
        "test": 2880 * days // 24,
    }
    assert split.counts["test"]["first"] == "2017-10-24T00:00:00"


def test_weather_is_mended_and_as_published_on_request(shared_path):
    root = shared_path("data/ltsf/weather/weather.csv").parents[1]
    series = load("weather", root)
    frame = pd.read_csv(root / "weather/weather.csv")
    assert series.values.shape == (21, 366 * 144)
    gap = np.flatnonzero(np.isnan(series.values).all(axis=0))
    assert (str(series.time[gap[0]]), len(gap)) == ("2020-05-29T09:40:00", 9)
    own = np.isnan(series.values).sum(axis=1) - len(gap)
    np.testing.assert_array_equal(own, (frame.iloc[:, 1:] == -9999).sum().to_numpy())
    assert own.sum() == 81
    first = frame.drop_duplicates("date").iloc[:, 1:].replace(-9999, np.nan).to_numpy(np.float32).T
    np.testing.assert_array_equal(np.delete(series.values, gap, axis=1), first)
    kept = load("weather", root, missing=())
    assert np.nanmin(kept.values) == -9999
    with pytest.raises(DataError, match="lacks 9 of 52704 steps of 10 min; the first is 2020-05-29 09:40"):
        load("weather", root, gaps="refuse")
    with pytest.raises(DataError, match=r"line 19046 of .* 2020-05-12 06:00:00 a second time"):
        load("weather", root, duplicates="refuse")


def test_a_slice_of_electricity_is_an_own_table(shared_path):
    series = load("series-csv", shared_path("data/ltsf/electricity_slice1000h.csv"))
    assert series.values.shape == (203, 1000)
    assert series.channels[-1] == "OT"
    assert str(series.time[0]) == "2016-07-01T02:00:00"


@pytest.mark.parametrize("name", [name for name in SERIES if name != "series-csv"])
def test_usual_places(tmp_path, monkeypatch, name):
    monkeypatch.setenv("TSREP_DATA", str(tmp_path))
    places = DATASETS.entry(name).cls.places
    with pytest.raises(DataError, match=r"give the file or its folder with `--root`") as caught:
        load(name)
    assert ("tsrep data fetch" in str(caught.value)) == (name in ETT)
    for place in places:
        path = tmp_path / name / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("date,a,OT\n2020-01-01,1,2\n2020-01-02,2,3\n")
        assert isinstance(load(name), Series)
        assert load(name, path).source.startswith(path.stem)
        path.unlink()


def test_the_settings_of_a_benchmark(tmp_path):
    path = tmp_path / "ETTh1.csv"
    path.write_text("date,a,OT\n2020-01-01 00:00,1,x\n2020-01-01 01:00,2,3\n")
    with pytest.raises(DataError, match=r"line 2 of .* has 'x' in column 'OT', .*; correct it$"):
        load("etth1", tmp_path)
    path.write_text("date,a\n2020-01-01 00:00,1\n2020-01-01 01:00,2\n")
    with pytest.raises(DataError, match="no target column 'OT'"):
        load("etth1", tmp_path)
    assert load("etth1", tmp_path, target="a").period == 24


def test_known_checksums_are_those_of_the_real_files(shared_path):
    for name in ETT:
        ((file, digest),) = about(name).files
        path = shared_path(f"data/ltsf/ETT-small/{file}")
        assert hashlib.sha256(path.read_bytes()).hexdigest() == digest
        assert about(name).size_mb == pytest.approx(path.stat().st_size / 1e6, abs=0.1)


def test_a_benchmark_is_fetched_and_checked(shared_path, tmp_path):
    body = shared_path("data/ltsf/ETT-small/ETTh2.csv").read_bytes()
    root = tmp_path / "server"
    root.mkdir()
    (root / "ETTh2.csv").write_bytes(body)
    with serve(type("Local", (Handler,), {"asked": []}), root) as server:
        folder = fetch(
            "etth2", tmp_path / "data", confirm=lambda _: True, base_url=server.url, progress=False
        )
        assert load("etth2", folder).values.shape == (7, 17420)
        assert [path for path, _ in server.asked] == ["/ETTh2.csv"]
        (root / "ETTh2.csv").write_bytes(body[:-1] + b"1")
        with pytest.raises(DataError, match="arrived damaged"):
            fetch("etth2", tmp_path / "new", confirm=lambda _: True, base_url=server.url, progress=False)


def test_what_cannot_be_fetched_says_where_it_is():
    with pytest.raises(DataError, match=r"nothing to fetch for traffic: .* get traffic.csv from .*Autof"):
        fetch("traffic", confirm=lambda _: True)
    with pytest.raises(DataError, match="it is your own data"):
        fetch("series-csv", confirm=lambda _: True)


def test_a_benchmark_is_not_read_under_the_name_of_another(tmp_path):
    frame = pd.DataFrame({"date": pd.date_range("2016-07-01", periods=4, freq="h"), "OT": [1, 2, 3, 5]})
    for name in ("ETTh2.csv", "mine.csv"):
        frame.to_csv(tmp_path / name, index=False)
    with pytest.raises(DataError, match=r"ETTh2\.csv is the file of the data set etth2; give that name"):
        load("etth1", tmp_path / "ETTh2.csv")
    assert len(load("etth2", tmp_path / "ETTh2.csv")) == len(load("series-csv", tmp_path / "ETTh2.csv")) == 4
    assert len(load("etth1", tmp_path / "mine.csv")) == 4

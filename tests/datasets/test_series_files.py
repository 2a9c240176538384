"""A series in a table of the user's: what is read, and what each fault in the file is told as."""

from __future__ import annotations

import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tsrep.datasets import build, load
from tsrep.datasets.series.time_axis import Step
from tsrep.errors import ConfigError, DataError
from tsrep.signals import Series


def hours(n: int, freq: str = "h", start: str = "2020-02-28 20:00:00") -> list[str]:
    return [str(stamp) for stamp in pd.date_range(start, periods=n, freq=freq)]


def table(n: int = 6, **columns) -> dict[str, list]:
    return {"date": hours(n), "a": list(range(n)), "b": [2.5 * i for i in range(n)]} | columns


def write(path: Path, columns: dict[str, list]) -> Path:
    rows = zip(*columns.values(), strict=True)
    lines = [",".join(columns), *(",".join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def csv(tmp_path: Path):
    """Series of a table written for the test."""

    def read(content: dict[str, list] | str, **settings) -> Series:
        path = tmp_path / "own.csv"
        if isinstance(content, str):
            path.write_text(content, encoding="utf-8")
        else:
            write(path, content)
        return load("series-csv", path, **settings)

    return read


def test_a_table_is_read_as_it_stands(csv, tmp_path):
    series = csv(table())
    np.testing.assert_array_equal(series.values, [range(6), np.arange(6) * 2.5])
    assert series.values.dtype == np.float32
    assert series.channels == ("a", "b")
    assert series.time[0] == np.datetime64("2020-02-28T20:00:00")
    assert (series.freq, series.period, series.step_seconds) == ("1 h", 24, 3600)
    assert series.source == "own (hourly, 2020-02-28 to 2020-02-29)"
    assert series.covariate_names[1:3] == ("hour", "day of week")
    assert series.covariates[1].tolist() == [20, 21, 22, 23, 0, 1]
    assert series.x.shape == (9, 6)


def test_settings_choose_channels_season_and_calendar(csv):
    assert csv(table(), variables="target").channels == ("b",)
    assert csv(table(), variables="target", target="a").channels == ("a",)
    assert csv(table(), variables="each", target="a").channels == ("a", "b")
    assert csv(table(), columns=("b", "a")).values[0, 1] == 2.5
    assert csv(table(), columns=("a",)).channels == ("a",)
    assert csv(table(), period=7).period == 7
    plain = csv(table(), calendar=False)
    assert plain.covariate_names == ()
    assert plain.x is plain.values
    renamed = {("when" if key == "date" else key): column for key, column in table().items()}
    assert csv(renamed, date="when").channels == ("a", "b")
    with pytest.raises(ConfigError, match="period"):
        csv(table(), period=0)


def test_the_digest_follows_bytes_and_settings(csv):
    one, same, other = csv(table()), csv(table()), csv(table(a=[0, 1, 2, 3, 4, 6]))
    assert one.digest == same.digest != other.digest
    assert csv(table(), calendar=False).digest != one.digest
    assert len(one.digest) == 16


def test_where_the_file_may_lie(tmp_path, monkeypatch):
    monkeypatch.setenv("TSREP_DATA", str(tmp_path))
    folder = tmp_path / "series-csv"
    with pytest.raises(DataError, match=r"no file or folder .*csv; give the file"):
        load("series-csv")
    folder.mkdir()
    with pytest.raises(DataError, match="there is no CSV or Parquet file in"):
        load("series-csv")
    write(folder / "one.csv", table())
    (folder / "notes.txt").write_text("x")
    assert load("series-csv").source.startswith("one")
    write(folder / "two.csv", table(7))
    with pytest.raises(DataError, match=r"2 tables \(one.csv, two.csv, ...\); choose one with dataset.file"):
        load("series-csv")
    assert len(load("series-csv", file="two.csv")) == len(load("series-csv", folder / "two.csv")) == 7
    with pytest.raises(DataError, match=r"there is no three.csv in"):
        load("series-csv", folder, file="three.csv")


@pytest.mark.parametrize(
    ("freq", "words", "season"),
    [
        ("30s", "30 s", 2880),
        ("10min", "10 min", 144),
        ("15min", "15 min", 96),
        ("h", "1 h", 24),
        ("D", "1 day", 7),
        ("7D", "1 week", 52),
        ("MS", "1 month", 12),
        ("ME", "1 month", 12),
        ("QS", "3 months", 4),
        ("YS", "1 year", 1),
        ("2D", "2 days", 1),
        ("7h", "7 h", 1),
    ],
)
def test_the_step_is_found_and_has_a_season(csv, freq, words, season):
    columns = table(40, date=hours(40, freq, "2019-01-01"))
    series = csv(columns)
    assert (series.freq, series.period) == (words, season)
    np.testing.assert_array_equal(series.time, np.array(columns["date"], "datetime64[s]"))
    holes = {key: [value for i, value in enumerate(v) if i not in (20, 21)] for key, v in columns.items()}
    filled = csv(holes, gaps="missing")
    np.testing.assert_array_equal(filled.time, series.time)
    assert np.flatnonzero(np.isnan(filled.values).all(axis=0)).tolist() == [20, 21]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("2016/7/1 2:00", "2016/7/1 3:00"),
        ("2016-07-01T02:00:00Z", "2016-07-01 03:00"),
        ("2016-07-01T04:00:00+02:00", "2016-07-01T04:00:00+01:00"),
        ("13.7.2016 02:00", "13.7.2016 03:00"),
        ("7/13/2016 02:00", "7/13/2016 03:00"),
        ("20160701T02", "20160701T03"),
    ],
)
def test_dates_may_be_written_in_several_ways(csv, first, second):
    series = csv({"date": [first, second], "a": [0, 1]})
    assert series.step_seconds == 3600
    assert str(series.time[0]) in ("2016-07-01T02:00:00", "2016-07-13T02:00:00")


def test_midnight_without_a_time_is_a_date_too(csv):
    dates = ["2020-01-01 22:00", "2020-01-01 23:00", "2020-01-02", "2020-01-02 01:00"]
    assert csv({"date": dates, "a": [0, 1, 2, 3]}).step_seconds == 3600


BAD = [
    ("", "is empty; it needs a header"),
    ("date,a\n", "has no row of data; a series needs two at least"),
    ("date,a\n2020-01-01,1\n\n\n", "has one row of data"),
    ("date\n2020-01-01\n2020-01-02\n", "needs a column of numbers beside its dates"),
    ("data,a\n2020-01-01,1\n", "has no column 'date'; did you mean 'data'?"),
    ("date;a\n2020-01-01;1\n", "separated by semicolons"),
    ("date,a\n2020-01-01,1,5\n2020-01-02,2\n", "cannot be read as a CSV file"),
    ("date,a,b\n2020-01-01,1,2\n2020-01-02,1\n", "line 3 of .* has 2 fields of 3; complete it"),
    ("PK\0\3,a\n1,2\n", "is not a text file"),
    ("\x89\x1b,a\n1,2\n", "is not a text file"),
    ("date\ta\n2020-01-01\t1\n", "separated by tabs; save it with commas"),
    ("date,a,a\n2020-01-01,1,2\n", "has 2 columns called 'a'; rename all but one"),
    ("date,date,a\n2020-01-01,1,2\n", "has 2 columns called 'date'"),
    (",date,a\n0,2020-01-01,2\n1,2020-01-02,2\n", "column 1 of .* has no name"),
    ("date,a\n2020-01-01,1\n2020-01-02,2,3\n", "line 3, saw 3.; correct it"),
    ("date,a\n2020-01-01,1,1\n2020-01-02,2,3\n", "cannot be read as a CSV file"),
]


@pytest.mark.parametrize(("content", "message"), BAD)
def test_a_file_that_is_no_table(csv, content, message):
    with pytest.raises(DataError, match=message):
        csv(content)


def changed(at: int, date: str) -> list[str]:
    dates = hours(6)
    dates[at] = date
    return dates


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"date": changed(3, "soon")}, r"line 5 of .*own.csv has 'soon', which is not a date"),
        ({"date": changed(3, "2020-02-30 20:00:00")}, "line 5 .* not a date"),
        ({"date": changed(0, "soon")}, "line 2 .* not a date"),
        ({"date": changed(2, "")}, "line 4 of .* has no date"),
        ({"date": changed(2, "2020-02-28 22:00:00.5")}, "line 4 .* finer than a second"),
        ({"date": range(6)}, r"line 2 of .* has '0', which is not a date such as .* in dataset\.date"),
        ({"date": [f"{h:02}:00" for h in range(6)]}, "line 2 of .* has '00:00', which is not a date"),
        ({"date": changed(3, "13:00")}, "line 5 of .* has '13:00', which is not a date of the form of"),
        ({"date": changed(4, hours(6)[3])}, r"line 6 of .* has 2020-02-28 23:00:00 a second time"),
        ({"date": changed(4, hours(6)[0])}, "line 6 of .* earlier than the row before it; sort"),
        ({"date": hours(6)[::-1]}, "line 3 of .* earlier than the row before it; sort"),
        (
            {"date": changed(5, "2020-02-29 05:00:00")},
            r"lacks 4 of 10 steps of 1 h; the first is 2020-02-29 01",
        ),
        ({"date": changed(3, "2020-02-28 22:30:00")}, "irregular: line 5 has 2020-02-28 22:30:00"),
        (
            {"date": [f"2020-01-01 00:{m:02}" for m in (0, 1, 3, 6, 10, 15)]},
            "irregular: line 4 has .* fit steps of 1 min",
        ),
        (
            {"date": [f"0{i}/02/2020" for i in range(1, 7)]},
            "'01/02/2020', whose day and month cannot be distinguished; write the year first",
        ),
        (
            {"a": [0, 1, 2, "x1", 4, 5]},
            r"line 5 of .* has 'x1' in column 'a', which is not a number; .*columns",
        ),
        ({"b": [0, 1, "inf", 3, 4, 5]}, "line 4 of .* has an infinite value in column 'b'"),
        (
            {"b": [0, 1, 2, 1e39, 4, 5]},
            "line 5 of .* has 1e[+]39, which is beyond single precision, in column 'b'",
        ),
        ({"b": [1e12 + i for i in range(6)]}, r"column 'b' of .* as large as 1e\+12 .* single precision"),
        ({"b": [""] * 6}, "column 'b' of .* has no value at all"),
        ({"a": [1] * 6, "b": [2] * 6}, "each of the 2 channels of .* has one and the same value throughout"),
    ],
)
def test_each_fault_is_one_sentence_with_its_line(csv, columns, message):
    with pytest.raises(DataError, match=message) as caught:
        csv(table() | columns)
    assert "\n" not in str(caught.value)
    assert "own.csv" in str(caught.value)


@pytest.mark.parametrize("gaps", ["refuse", "missing"])
def test_an_odd_date_far_off_makes_nothing_as_long_as_the_axis(csv, gaps):
    tracemalloc.start()
    with pytest.raises(DataError, match=r"lacks 699\d{5} of 699\d{5} steps of 1 h"):
        csv(table() | {"date": changed(5, "9999-12-31 23:00:00")}, gaps=gaps)
    assert tracemalloc.get_traced_memory()[1] < 2e7
    tracemalloc.stop()


def test_settings_that_do_not_fit_the_file(csv):
    with pytest.raises(DataError, match="no target column 'OT'; known: a, b"):
        csv(table(), target="OT")
    with pytest.raises(DataError, match=r"no column 'B'; .*dataset.columns"):
        csv(table(), columns=("B",))
    with pytest.raises(DataError, match=r"channel 'a' of .* one and the same value"):
        csv(table(a=[3] * 6), variables="target", target="a")
    assert csv(table(a=[3] * 6)).channels == ("a", "b")  # the others vary
    assert csv(table(c=list("uvwxyz")), columns=("a", "b")).channels == ("a", "b")


def test_gaps_and_doubled_rows_when_they_are_allowed(csv):
    columns = table(date=changed(5, "2020-02-29 05:00:00"))
    series = csv(columns, gaps="missing")
    assert len(series) == 10
    assert np.isnan(series.values[:, 5:9]).all()
    np.testing.assert_array_equal(series.values[0, [0, 4, 9]], [0, 4, 5])
    assert np.isfinite(series.covariates).all()
    double = csv(table(date=hours(5)[:3] + hours(5)[2:]), duplicates="first")
    np.testing.assert_array_equal(double.values[0], [0, 1, 2, 4, 5])
    with pytest.raises(DataError, match=r"too many to fill; check the date 2220.* in line 7"):
        csv(table(date=changed(5, "2220-02-29 01:00:00")), gaps="missing")


def test_missing_values_by_name_and_by_number(csv):
    series = csv(table(a=[-9999, 1, 2, "", "NaN", 5]), missing=(-9999,))
    np.testing.assert_array_equal(np.isnan(series.values[0]), [True, False, False, True, True, False])
    assert csv(table(a=[-9999, 1, 2, 3, 4, 5])).values[0, 0] == -9999


def test_a_byte_order_mark_and_other_encodings_do_no_harm(tmp_path):
    path = tmp_path / "w.csv"
    path.write_bytes(b"\xef\xbb\xbfdate,T (\xb0C)\r\n2020-01-01,1\r\n2020-01-02,2\r\n")
    series = load("series-csv", path)
    assert series.values.tolist() == [[1, 2]]
    assert series.channels[0].startswith("T (")


def test_parquet_needs_pyarrow_and_says_so(tmp_path, monkeypatch):
    frame = pd.DataFrame(table()).assign(date=pd.to_datetime(hours(6)))
    path = tmp_path / "t.parquet"
    frame.to_parquet(path)
    np.testing.assert_array_equal(load("series-csv", path).values[0], range(6))
    for engine in ("pyarrow", "fastparquet"):
        monkeypatch.setitem(sys.modules, engine, None)
    with pytest.raises(ConfigError, match=r"without pyarrow; install tsrep\[parquet\] or save"):
        load("series-csv", path)


def test_parquet_rows_are_counted_as_rows(tmp_path, monkeypatch):
    frame = pd.DataFrame(table()).assign(date=pd.to_datetime(hours(6)), a=np.arange(6.0))
    path = tmp_path / "t.parquet"
    path.write_bytes(b"as pandas would read it")
    monkeypatch.setattr(pd, "read_parquet", lambda _: frame)
    np.testing.assert_array_equal(load("series-csv", path).values[1], np.arange(6) * 2.5)
    monkeypatch.setattr(pd, "read_parquet", lambda _: frame.set_index("date"))
    assert load("series-csv", path).channels == ("a", "b")
    frame.loc[3, "a"] = np.inf
    with pytest.raises(DataError, match=r"row 4 of .*t.parquet has an infinite value"):
        load("series-csv", path)


def test_steps_in_words():
    assert [Step(s).words for s in (1, 90, 3600, 7200, 86400, 172800, 604800, 1209600)] == [
        "1 s",
        "90 s",
        "1 h",
        "2 h",
        "1 day",
        "2 days",
        "1 week",
        "2 weeks",
    ]
    assert [Step(n, "M").words for n in (1, 3, 12, 24)] == ["1 month", "3 months", "1 year", "2 years"]
    assert build("series-csv").default_split == "chronological"

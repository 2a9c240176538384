"""Series: windows and sections on the same memory, standardisation on the training part alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsrep.errors import DataError
from tsrep.signals import Series
from tsrep.signals.standardise import standardise_series


def make(n: int = 40, channels: int = 2, covariates: int = 3, seed: int = 0) -> Series:
    rng = np.random.default_rng(seed)
    return Series(
        values=rng.normal(3, 2, (channels, n)).astype(np.float32),
        time=np.datetime64("2016-07-01T00:00:00") + 900 * np.arange(n).astype("timedelta64[s]"),
        channels=tuple("abcdef"[:channels]),
        freq="15 min",
        period=96,
        covariates=rng.normal(-5, 4, (covariates, n)).astype(np.float32),
        covariate_names=tuple(f"c{i}" for i in range(covariates)),
    )


def test_covariates_come_first():
    series = make()
    assert series.inputs == ("c0", "c1", "c2", "a", "b")
    np.testing.assert_array_equal(series.x[:3], series.covariates)
    np.testing.assert_array_equal(series.x[3:], series.values)
    assert series.step_seconds == 900
    bare = replace(series, covariates=np.zeros((0, 0), np.float32), covariate_names=())
    assert bare.x is bare.values


def test_select_keeps_covariates():
    one = make().select(["b"])
    assert one.inputs == ("c0", "c1", "c2", "b")
    np.testing.assert_array_equal(one.values[0], make().values[1])
    with pytest.raises(DataError, match=r"no channel 'z'; it has a, b"):
        make().select(["z"])


@given(st.integers(1, 12), st.integers(1, 12))
def test_windows_are_what_slicing_gives(lookback, horizon):
    series = make(24)
    past, future = series.windows(lookback, horizon)
    assert len(past) == len(future) == 24 - lookback - horizon + 1
    for i in (0, len(past) - 1):
        np.testing.assert_array_equal(past[i], series.x[:, i : i + lookback])
        np.testing.assert_array_equal(future[i], series.values[:, i + lookback : i + lookback + horizon])


def test_windows_are_views():
    series = make()
    past, future = series.windows(8, 4)
    assert np.shares_memory(past, series.x)
    assert np.shares_memory(future, series.values)
    with pytest.raises(DataError, match=r"40 steps, fewer than a look-back of 30 and a horizon of 11"):
        series.windows(30, 11)


@given(st.integers(1, 9), st.integers(1, 9), st.integers(9, 18), st.integers(9, 20))
def test_sections_never_cross_a_span(length, hop, first, second):
    spans = ((2, 2 + first), (2 + first, 2 + first + second))
    panel = make().training_windows(length, hop, spans=spans)
    for start, part in zip(panel.start, panel.patient, strict=True):
        low, high = spans[part]
        assert low <= start
        assert start + length <= high
    assert len(panel) == sum((b - a - length) // hop + 1 for a, b in spans)
    assert len(set(panel.trial.tolist())) == len(panel)


def test_windows_share_memory_and_know_their_covariates():
    series = make()
    panel = series.training_windows(10, spans=[(0, 40)])
    assert np.shares_memory(panel.store, series.x)
    assert (panel.covariates, panel.channels) == (3, series.inputs)
    assert panel.start.tolist() == [0, 10, 20, 30]
    assert panel.sfreq == pytest.approx(1 / 900)
    np.testing.assert_array_equal(panel.x[1], series.x[:, 10:20])
    with pytest.raises(DataError, match=r"from step 20 to 29 has 9 steps, fewer than a window of 10"):
        series.training_windows(10, spans=[(0, 20), (20, 29)])


def test_standardised_training_part_has_mean_0_and_deviation_1():
    series = make(200)
    standard, scaler = standardise_series(series, (20, 120))
    for part in (standard.values, standard.covariates):
        np.testing.assert_allclose(part[:, 20:120].mean(axis=1), 0, atol=1e-6)
        np.testing.assert_allclose(part[:, 20:120].std(axis=1), 1, atol=1e-6)
    train = series.x[:, 20:120].astype(np.float64)
    np.testing.assert_allclose(scaler.mean[0], train.mean(axis=1), rtol=1e-6)
    np.testing.assert_allclose(scaler.std[0], train.std(axis=1), rtol=1e-6)
    back = standard.x * scaler.std.T + scaler.mean.T
    np.testing.assert_allclose(back, series.x, atol=1e-5)
    assert standard.values.dtype == standard.covariates.dtype == np.float32


def test_later_values_change_nothing_of_what_is_fitted():
    series = make(200)
    values, covariates = series.values.copy(), series.covariates.copy()
    values[:, 100:], covariates[:, 100:] = 1e6, np.nan
    one, scaler = standardise_series(series, (0, 100))
    other, same = standardise_series(replace(series, values=values, covariates=covariates), (0, 100))
    np.testing.assert_array_equal(one.x[:, :100], other.x[:, :100])
    np.testing.assert_array_equal(scaler.mean, same.mean)
    np.testing.assert_array_equal(scaler.std, same.std)


@pytest.mark.parametrize("constant", [0.0, 7.0, 1e6])
def test_constant_covariates_and_channels_stay_finite(constant):
    series = make(50)
    values, covariates = series.values.copy(), series.covariates.copy()
    values[0], covariates[1] = constant, constant
    standard, _ = standardise_series(replace(series, values=values, covariates=covariates), (0, 30))
    assert np.isfinite(standard.x).all()
    assert (standard.values[0] == 0).all()
    assert (standard.covariates[1] == 0).all()
    covariates[1, 30:] = constant + 1  # such as the year of a training part within one year
    standard, _ = standardise_series(replace(series, values=values, covariates=covariates), (0, 30))
    assert np.isfinite(standard.x).all()
    assert (np.abs(standard.covariates[1]) <= 1).all()


def test_runs_of_missing_values_stay_missing_and_do_not_count():
    series = make(80)
    values = series.values.copy()
    values[0, 10:25], values[1, :60] = np.nan, np.nan
    standard, scaler = standardise_series(replace(series, values=values), (0, 60))
    valid = np.delete(series.values[0, :60].astype(np.float64), np.s_[10:25])
    known = len(series.covariates)
    assert scaler.mean[0, known] == pytest.approx(valid.mean())
    assert scaler.std[0, known] == pytest.approx(valid.std())
    np.testing.assert_array_equal(np.isnan(standard.values), np.isnan(values))
    assert np.isfinite(standard.values[1, 60:]).all()  # a channel without a training value


TIMES = {
    "descending": ["2020-01-02", "2020-01-01"],
    "twice": ["2020-01-01", "2020-01-01"],
    "a gap": ["2020-01-01", "2020-01-02", "2020-01-04"],
    "late in the month": ["2020-01-30", "2020-02-28", "2020-03-30"],
    "a month missing": ["2020-01-01", "2020-02-01", "2020-04-01"],
}


@pytest.mark.parametrize("stamps", TIMES.values(), ids=TIMES)
def test_uneven_stamps_are_refused(stamps):
    with pytest.raises(DataError, match="not evenly spaced"):
        Series(
            values=np.zeros((1, len(stamps)), np.float32),
            time=np.array(stamps, "datetime64[s]"),
            channels=("a",),
        )


@pytest.mark.parametrize(
    "stamps",
    [
        ["2020-01-01", "2020-02-01", "2020-03-01"],
        ["2020-01-31", "2020-02-29", "2020-03-31"],
        ["2020-01-15T06:00:00", "2020-04-15T06:00:00", "2020-07-15T06:00:00"],
        ["2019-03-01", "2020-03-01", "2021-03-01"],
        ["2020-01-01"],
    ],
)
def test_months_and_years_are_even(stamps):
    time = np.array(stamps, "datetime64[s]")
    assert len(Series(values=np.zeros((1, len(time)), np.float32), time=time, channels=("a",))) == len(time)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"values": np.zeros((2, 39), np.float32)}, r"values of a series have shape \(channel, 40\)"),
        ({"values": np.zeros(40, np.float32)}, r"values of a series have shape"),
        ({"covariates": np.zeros((3, 41), np.float32)}, r"covariates of a series have shape"),
        ({"channels": ("a",)}, "1 channel names for 2 channels"),
        ({"covariate_names": ("c",)}, "1 names for 3 covariates"),
        ({"values": np.zeros((0, 40), np.float32), "channels": ()}, "0 channel names for 0 channels"),
    ],
)
def test_parts_that_do_not_belong_together(broken, message):
    with pytest.raises(DataError, match=message):
        replace(make(), **broken)

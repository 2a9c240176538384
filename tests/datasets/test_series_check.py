"""Each fault planted in a series is found, and nothing is found where there is none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tsrep.datasets.check_series import check_series, longest_gap
from tsrep.registry import SPLITS
from tsrep.signals import Series


def make(n: int = 100, **planted) -> Series:
    """Two channels of noise, some of their values replaced."""
    values = np.random.default_rng(0).normal(size=(2, n)).astype(np.float32)
    time = np.datetime64("2020-01-01T00:00:00") + 3600 * np.arange(n).astype("timedelta64[s]")
    for channel, (where, value) in planted.items():
        values["ab".index(channel), where] = value
    return Series(values=values, time=time, channels=("a", "b"), freq="1 h", period=24)


def serious(series: Series, split: bool = True) -> list[tuple[str, str, str]]:
    spans = SPLITS.build({"name": "chronological"})(series) if split else None
    return [(f.severity, f.what, f.where) for f in check_series(series, spans) if f.severity != "note"]


def test_a_clean_series():
    assert serious(make()) == []
    notes = [finding.what for finding in check_series(replace(make(), values=make().values * 0 + 2.5))]
    assert "channel a: 2.5 to 2.5, mean 2.5, deviation 0" in notes


def test_many_channels_are_not_all_described():
    wide = Series(
        values=np.random.default_rng(0).normal(size=(20, 9)).astype(np.float32),
        time=make(9).time,
        channels=tuple(map(str, range(20))),
    )
    notes = [finding.what for finding in check_series(wide)]
    assert len(notes) == 13
    assert notes[-1] == "and 8 more channels"


def test_missing_values_and_their_longest_run():
    series = make(a=([3, 10, 11, 12], np.nan), b=([10, 11], np.nan))
    assert serious(series) == [
        (
            "warning",
            "2 steps of 100 without a value in any channel",
            "longest run: 2 from 2020-01-01 10:00:00",
        ),
        ("warning", "4.00% of channel a is missing (NaN)", "longest run: 3 steps from 2020-01-01 10:00:00"),
    ]


def test_a_part_without_a_value():
    found = serious(make(b=(slice(70, 80), np.nan)))
    assert found[0] == ("error", "no value of channel b", "validation part")
    assert "no value" not in str(serious(make(b=(slice(70, 80), np.nan)), split=False))


def test_constant_channels():
    assert serious(make(a=(slice(None), 3))) == [("warning", "constant channel a", "becomes zero")]
    assert serious(make(a=(slice(0, 70), 3))) == [("warning", "constant channel a", "train part only")]
    assert serious(make(a=(slice(0, 70), 3)), split=False) == []


@pytest.mark.parametrize("value", [-9999, 1e6])
def test_a_code_for_missing_values_stands_out(value):
    ((severity, what, where),) = serious(make(a=([7, 9], value)))
    assert severity == "warning"
    assert f"{value:g} in channel a is far from all other values (2 steps)" in what
    assert f"dataset.missing=[{value:g}]" in what
    assert where == "first at 2020-01-01 07:00:00"


def test_longest_gap_of_channels_with_and_without():
    nan = np.nan
    assert longest_gap(np.array([1, 2, 3.0])) == (0, 0)
    assert longest_gap(np.array([nan, 2, nan, nan])) == (2, 2)
    assert longest_gap(np.array([nan, nan, nan])) == (0, 3)
    assert longest_gap(np.array([nan, nan, 1, nan, nan])) == (0, 2)

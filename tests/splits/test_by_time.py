"""Divisions in time: what the rules give, and what no rule may give."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsrep.errors import SplitError
from tsrep.registry import SPLITS
from tsrep.signals import Series
from tsrep.splits.by_time import Chronological, EttMonths, TimeSplit


def make(n: int, step: int = 3600) -> Series:
    time = np.datetime64("2016-07-01T00:00:00") + step * np.arange(n).astype("timedelta64[s]")
    return Series(values=np.zeros((1, n), np.float32), time=time, channels=("a",))


def test_the_parts_of_the_ett_benchmarks():
    hourly, quarters = EttMonths()(make(17420)), EttMonths()(make(69680, 900))
    assert (hourly.train, hourly.validation, hourly.test) == ((0, 8640), (8640, 11520), (11520, 14400))
    assert (quarters.train, quarters.validation, quarters.test) == (
        (0, 34560),
        (34560, 46080),
        (46080, 57600),
    )
    assert EttMonths(1, 2, 3)(make(5000)).test == (2160, 4320)
    with pytest.raises(SplitError, match=r"ends at step 14400, but the series has 14399 steps"):
        EttMonths()(make(14399))


def test_fractions_of_the_usual_benchmarks():
    split = Chronological()(make(52696, 600))
    assert (split.train, split.validation, split.test) == ((0, 36887), (36887, 42157), (42157, 52696))
    exact = Chronological()(make(1440))
    assert (exact.train, exact.validation, exact.test) == ((0, 1008), (1008, 1152), (1152, 1440))
    ts2vec = Chronological(0.6, 0.2)(make(1000))
    assert (ts2vec.train, ts2vec.validation, ts2vec.test) == ((0, 600), (600, 800), (800, 1000))


@given(st.integers(20, 5000), st.floats(0.1, 0.8), st.floats(0.1, 0.8))
def test_parts_follow_each_other_and_cover_the_series(n, train, validation):
    try:
        split = Chronological(train, validation)(make(n))
    except SplitError as error:
        assert train + validation > 1 - 1 / n - 1e-6, error  # noqa: PT017 - whether it raises depends on the draw
        return
    assert split.train[0] == 0
    assert split.test[1] == n
    assert split.train[1] == split.validation[0] < split.validation[1] == split.test[0] < n
    # train and test are rounded down, the validation part takes what is left
    assert -1e-5 < train * n - split.counts["train"]["steps"] < 1
    assert abs(split.counts["validation"]["steps"] - validation * n) < 2 + 1e-6


@pytest.mark.parametrize(
    ("spans", "message"),
    [
        (((0, 0), (0, 5), (5, 10)), "the train part of the split .* is empty"),
        (((0, 4), (4, 4), (5, 10)), "the validation part .* is empty"),
        (((0, 4), (4, 8), (8, 8)), "the test part .* is empty"),
        (((0, 4), (4, 8), (9, 8)), "the test part .* is empty"),
        (((0, 5), (4, 8), (8, 10)), "validation part .* starts at step 4, before step 5"),
        (((0, 4), (4, 9), (8, 10)), "test part .* starts at step 8, before step 9"),
        (((6, 10), (3, 6), (0, 3)), "validation part .* starts at step 3, before step 10"),
        (((-1, 4), (4, 8), (8, 10)), "train part .* starts at step -1"),
        (((0, 4), (4, 8), (8, 11)), "ends at step 11, but the series has 10 steps"),
    ],
)
def test_parts_that_overlap_are_empty_or_leave_the_series(spans, message):
    with pytest.raises(SplitError, match=message):
        TimeSplit.make(make(10), *spans, how="by hand")


def test_nothing_is_left_to_test_on():
    with pytest.raises(SplitError, match="the test part"):
        Chronological(0.6, 0.4)(make(100))
    with pytest.raises(SplitError):
        Chronological(0.9, 0.5)(make(100))


def test_the_digest_follows_spans_and_stamps():
    def digest(n: int = 100, step: int = 3600, train: float = 0.7) -> str:
        return Chronological(train)(make(n, step)).digest

    assert digest() == digest()
    assert len({digest(), digest(101), digest(step=60), digest(train=0.6)}) == 4


def test_parts_may_leave_room_between_them():
    split = TimeSplit.make(make(10), (1, 3), (4, 6), (7, 9), how="by hand")
    assert split.counts["validation"] == {
        "steps": 2,
        "first": "2016-07-01T04:00:00",
        "last": "2016-07-01T05:00:00",
    }


def test_rules_say_that_they_divide_a_series():
    for name in ("chronological", "ett-months"):
        assert SPLITS.entry(name).cls.task == "series"

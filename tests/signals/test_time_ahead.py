"""Stamps go on as pandas' date ranges do, whatever the calendar does in between."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tsrep.errors import DataError
from tsrep.signals.calendar import stamps_ahead


def stamps(*text: str) -> np.ndarray:
    return np.array(text, "datetime64[s]")


@pytest.mark.parametrize("freq", ["s", "15min", "h", "D", "W-TUE", "MS", "ME", "2MS", "QS", "QE", "YS", "YE"])
@pytest.mark.parametrize("first", ["2023-10-31 06:00", "2024-01-01"])
def test_stamps_are_those_of_a_longer_range(freq: str, first: str) -> None:
    whole = pd.date_range(first, periods=40, freq=freq).to_numpy().astype("datetime64[s]")
    np.testing.assert_array_equal(stamps_ahead(whole[:9], 31), whole[9:])


def test_a_day_that_a_month_lacks_is_its_last() -> None:
    ahead = stamps_ahead(stamps("2023-11-30 06:00", "2023-12-30 06:00", "2024-01-30 06:00"), 3)
    assert ahead.tolist() == stamps("2024-02-29 06:00", "2024-03-30 06:00", "2024-04-30 06:00").tolist()


def test_days_within_a_month_are_days() -> None:
    assert (
        stamps_ahead(stamps("2024-02-27", "2024-02-28"), 2).tolist()
        == stamps("2024-02-29", "2024-03-01").tolist()
    )


def test_one_stamp_has_no_rhythm() -> None:
    with pytest.raises(DataError, match="no rhythm"):
        stamps_ahead(stamps("2024-01-01"), 3)

"""The outline of a recording keeps its least and greatest values, whatever its length and gaps."""

from __future__ import annotations

import numpy as np
import pytest

from tsrep.runs.report_examples import OUTLINE_STEPS, outline


def test_a_spike_is_never_lost() -> None:
    x = np.zeros((2, 5000), np.float32)
    x[0, 1234], x[1, 4321] = 2.0, -1.0
    course, scale = outline(x, 500.0)
    assert course.shape == (2, OUTLINE_STEPS)
    assert scale == 2.0
    assert course[0].max() == 127
    assert abs(int(course[1].min()) + 64) <= 1
    assert int(course[0].argmax()) // 2 == 1234 * (OUTLINE_STEPS // 2) // 5000


def test_ten_seconds_are_shown_about_the_median() -> None:
    x = np.full((1, 3000), 5.0, np.float32)
    x[0, 1500] = 99.0  # after 15 s
    x[0, 100] = 6.0
    course, scale = outline(x, 100.0)
    assert scale == pytest.approx(1.0)
    assert set(course[0].tolist()) == {0, 127}


def test_short_silent_and_missing_signals() -> None:
    x = np.full((3, 7), np.nan, np.float32)
    x[1] = 3.0
    x[2] = [0, 1, np.nan, 1, 0, -1, 0]
    course, scale = outline(x, 100.0)
    assert course.shape == (3, 14)
    assert scale == 1.0
    assert not course[:2].any()
    assert course[2].tolist() == [0, 0, 127, 127, 0, 0, 127, 127, 0, 0, -127, -127, 0, 0]

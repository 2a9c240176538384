from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.estimators.signals import frame
from tsrep.errors import ConfigError, DataError
from tsrep.estimators.instances import instances_of, places, with_ids


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 6), min_size=1, max_size=5), st.integers(0, 99))
def test_frames_of_any_lengths_are_read_value_by_value(lengths: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    series = [rng.normal(size=(2, n)).astype(np.float32) for n in lengths]
    found = instances_of(frame(series))
    assert found.length.tolist() == lengths
    assert found.channels == ("a", "b")
    for i, x in enumerate(series):
        np.testing.assert_array_equal(found.values[i, :, : lengths[i]], x)
        assert np.isnan(found.values[i, :, lengths[i] :]).all()


def test_rows_of_an_instance_need_not_stand_together() -> None:
    whole = frame([np.arange(6.0).reshape(2, 3), np.arange(10.0, 14).reshape(2, 2)])
    instance, step = places(whole.iloc[[0, 3, 1, 4, 2]].index)
    assert instance.tolist() == [0, 1, 0, 1, 0]
    assert step.tolist() == [0, 0, 1, 1, 2]


def test_arrays_and_frames_with_equal_values_are_equal() -> None:
    x = np.random.default_rng(0).normal(size=(3, 2, 5))
    np.testing.assert_array_equal(instances_of(x).values, instances_of(frame(list(x))).values)


def test_the_first_levels_are_patient_and_trial() -> None:
    x = np.arange(6 * 2 * 3, dtype=float).reshape(6, 2, 3)
    hier = with_ids(x, patient=["b", "a", "a", "b", "a", "a"], trial=[1, 1, 2, 1, 2, 1])
    assert hier.index.names == ["patient", "trial", "sample", "time"]
    found = instances_of(hier)
    # sorted by patient, trial and order of appearance
    np.testing.assert_array_equal(found.values, x[[1, 5, 2, 4, 0, 3]])
    assert found.patient.tolist() == [0, 0, 0, 0, 1, 1]
    assert found.trial.tolist() == [0, 0, 1, 1, 2, 2]
    assert found.grouped
    three = instances_of(with_ids(x, patient=[1, 1, 0, 0, 2, 2]))
    assert three.patient.tolist() == [0, 0, 1, 1, 2, 2]
    assert three.trial.tolist() == list(range(6))
    assert not instances_of(x).grouped


def test_windows_cover_without_overlap_and_short_instances_are_whole() -> None:
    found = instances_of(frame([np.zeros((2, 7)), np.zeros((2, 2)), np.zeros((2, 3))]))
    windows = found.windows(3)
    assert list(zip(windows.row, windows.start, windows.length, strict=True)) == [
        (0, 0, 3),
        (0, 3, 3),
        (1, 0, 2),
        (2, 0, 3),
    ]
    whole = found.windows(None)
    assert whole.length.tolist() == [7, 2, 3]
    panel = found.panel(windows, 3)
    assert np.isnan(panel.x[2, :, 2]).all()
    assert not np.isnan(panel.x[[0, 1, 3]]).any()


def test_one_series_alone_gives_two_training_samples() -> None:
    assert instances_of(np.zeros((1, 1, 9))).training_length(None) == 4
    assert instances_of(np.zeros((1, 1, 9000))).training_length(None) == 256
    with pytest.raises(ConfigError, match="window is 10 steps, and the longest instance has 9"):
        instances_of(np.zeros((1, 1, 9))).training_length(10)


def test_infinite_values_are_named() -> None:
    x = np.zeros((3, 2, 4))
    x[1, 0, 2] = np.inf
    with pytest.raises(DataError, match="instance 1 has an infinite value in channel ch0 at step 2"):
        instances_of(x)


def test_nothing_is_refused() -> None:
    with pytest.raises(DataError, match="no time steps"):
        instances_of(np.zeros((0, 2, 4)))


def test_an_id_for_each_instance() -> None:
    with pytest.raises(DataError, match="2 values of patient for an array of shape"):
        with_ids(np.zeros((3, 1, 4)), patient=[0, 1])


def test_names_of_instances_are_kept() -> None:
    index = pd.MultiIndex.from_product([["x", "y"], [0, 1]], names=["who", "time"])
    found = instances_of(pd.DataFrame({"a": np.arange(4.0)}, index=index))
    assert found.index.tolist() == ["x", "y"]

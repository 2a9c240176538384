"""Panels: windows and selections share the store and keep the ids of their samples."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.panels import make_panel
from tsrep.errors import DataError
from tsrep.signals import Panel
from tsrep.signals.panel_checks import COLUMNS
from tsrep.signals.standardise import fit_scaler


@settings(max_examples=40, deadline=None)
@given(length=st.integers(1, 40), hop=st.integers(1, 45))
def test_windows_are_the_slices_a_loop_would_cut(length: int, hop: int) -> None:
    panel = make_panel()
    cut = panel.windows(length, hop)
    expected = [
        panel.x[r, :, s : s + length] for r in range(len(panel)) for s in range(0, 40 - length + 1, hop)
    ]
    np.testing.assert_array_equal(cut.x, np.stack(expected))
    assert cut.store is panel.store


def test_windows_of_windows_stay_inside_their_window() -> None:
    panel = make_panel()
    inner = panel.windows(20).windows(5)
    np.testing.assert_array_equal(inner.x, panel.windows(5).x)


def test_selection_keeps_rows_and_ids_together() -> None:
    panel = make_panel()
    picked = panel.select(np.array([7, 2]))
    np.testing.assert_array_equal(picked.x, panel.x[[7, 2]])
    assert picked.patient.tolist() == [3, 1]
    assert picked.label.tolist() == [1, 2]
    mask = panel.label == 0
    assert panel.select(mask).trial.tolist() == np.flatnonzero(mask).tolist()


def test_int16_counts_become_units() -> None:
    panel = make_panel()
    np.testing.assert_allclose(panel.x, panel.store * np.float32(1e-3), rtol=1e-6)
    assert panel.x.dtype == np.float32


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label": np.zeros(3)}, "3 values of label for 12 samples"),
        ({"trial": np.zeros(12)}, "trial 0 belongs to more than one patient"),
        ({"channels": ["a"]}, "1 channel names for 2 channels"),
        ({"sfreq": 0}, "sampling rate must be positive"),
        ({"label": np.full(12, 9), "classes": ["a", "b"]}, "class indices run from 9 to 9"),
        ({"label": np.zeros((12, 3)), "classes": ["a", "b"]}, "3 label columns for 2 classes"),
    ],
)
def test_contradictory_arrays_are_refused(change: dict[str, object], message: str) -> None:
    arguments = {"label": np.zeros(12, int), "patient": np.arange(12) // 2, "sfreq": 10} | change
    with pytest.raises(DataError, match=message):
        Panel.from_arrays(make_panel().store, **arguments)


def told(**change: object) -> Panel:
    """Six trials of two samples by three patients, with everything that a panel can say of them."""
    patient = np.arange(12) // 4
    fields: dict[str, Any] = {
        "fold": patient + 1,
        "patient_names": ("a", "b", "c"),
        "record_names": tuple(f"r{i}" for i in range(12)),
        "modality": "ecg",
        "history": ("notch 50 Hz",),
        "cohort": patient // 2,
        "cohort_names": ("one", "two"),
        "group": np.minimum(patient, 1),
        "meta": {
            "age": np.array([50, 51, np.nan, 53, 54, 55], np.float32),
            "sex": np.array(["F", "M", "F", "M", "F", ""]),
        },
        "target": np.stack([np.arange(12), -np.arange(12)], axis=1).astype(np.float32),
        "target_known": np.stack([np.arange(12) % 3 > 0, np.ones(12, bool)], axis=1),
        "target_names": ("heart rate", "QT"),
        "target_units": ("1/min", "ms"),
        "known": np.arange(12) % 4 > 0,
    }
    x = np.random.default_rng(0).normal(size=(12, 2, 40)).astype(np.float32)
    trial = np.arange(12) // 2 * 10
    return Panel.from_arrays(
        x, label=patient % 2, patient=patient, trial=trial, sfreq=10, **{**fields, **change}
    )


def test_everything_said_of_a_sample_goes_with_it() -> None:
    panel = told()
    index = np.array([11, 4, 5, 4])
    picked = panel.select(index)
    assert set(picked.per_sample()) == set(COLUMNS)
    for name, values in panel.per_sample().items():
        np.testing.assert_array_equal(getattr(picked, name), values[index])
    assert picked.trials.tolist() == [20, 50]
    assert picked.meta["sex"].tolist() == ["F", ""]
    np.testing.assert_array_equal(picked.meta["age"], np.array([np.nan, 55], np.float32))
    assert (picked.record_names, picked.history, picked.modality) == (
        panel.record_names,
        panel.history,
        "ecg",
    )


def test_windows_say_what_their_sample_says() -> None:
    panel = told()
    cut = panel.windows(10, 10)
    each = np.repeat(np.arange(12), 4)
    for name, values in panel.per_sample().items():
        if name != "start":
            np.testing.assert_array_equal(getattr(cut, name), values[each])
    for name, values in panel.meta.items():
        np.testing.assert_array_equal(cut.meta[name], values)


def test_what_is_not_said_stays_so() -> None:
    panel = make_panel()
    for one in (panel, panel.select(np.arange(3)), panel.windows(10)):
        assert (one.cohort, one.group, one.target, one.known, dict(one.meta)) == (None, None, None, None, {})
        assert (one.record_names, one.history, one.modality) == ((), (), "other")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"record_names": ("a",)}, "1 record names for 12 records"),
        ({"cohort": np.zeros(3, int)}, "3 values of cohort for 12 samples"),
        ({"cohort": np.full(12, 2)}, "cohort indices run from 2 to 2 but there are 2 cohorts"),
        ({"group": np.arange(12)}, "patient 0 belongs to more than one group"),
        ({"meta": {"age": np.zeros(12)}}, "meta 'age' has 12 values of type float64 for 6 trials"),
        ({"meta": {"sex": np.array(["F"] * 6, object)}}, "meta 'sex' has 6 values of type object"),
        ({"target_names": ("a",)}, "1 names and 2 units for 2 targets"),
        ({"target": None}, "2 names and 2 units for 0 targets"),
        ({"target_known": np.ones((12, 1), bool)}, r"target_known is bool of shape \(12, 1\)"),
        ({"target": np.full((12, 2), np.nan, np.float32)}, "called known has no finite value"),
        ({"known": np.ones((12, 2), bool)}, r"known is bool of shape \(12, 2\); .* mask of shape \(12,\)"),
        ({"known": np.ones(12, int)}, "known is int64"),
    ],
)
def test_contradictory_facts_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        told(**change)


OTHER: dict[str, Any] = {
    "row": np.arange(12)[::-1],
    "start": np.ones(12, int),
    "label": np.arange(12) % 2,
    "trial": np.arange(12) // 4,
    "patient": np.zeros(12, int),
    "fold": None,
    "cohort": np.ones(12, int),
    "group": np.arange(12) // 4,
    "target": np.zeros((12, 2), np.float32),
    "target_known": np.zeros((12, 2), bool),
    "known": None,
    "meta": {},
    "record_names": (),
    "history": (),
    "modality": "eeg",
    "classes": ("x", "y"),
    "sfreq": 11.0,
}


def test_the_digest_follows_everything_that_is_said() -> None:
    assert set(COLUMNS) <= set(OTHER)
    panel = told(group=None, meta={}).windows(30)
    first = panel.hashed("content").digest
    assert (
        first
        == told(group=None, meta={}).windows(30).hashed("content").digest
        != panel.hashed("other").digest
    )
    other = OTHER | {"meta": told().meta}
    changed = [replace(panel, **{name: value}).hashed("content").digest for name, value in other.items()]
    assert len({first, *changed}) == 1 + len(other)


def test_a_window_longer_than_a_record_is_refused() -> None:
    with pytest.raises(DataError, match="does not fit samples of 40 steps"):
        make_panel().windows(41)


@pytest.mark.parametrize("how", ["global", "channel", "record"])
def test_standardised_signals_have_no_mean_and_unit_deviation(how: str) -> None:
    panel = make_panel(time=50)
    x = fit_scaler(panel, how, chunk=5).apply(panel).x.astype(np.float64)  # type: ignore[arg-type]
    axis = {"global": None, "channel": (0, 2), "record": 2}[how]
    np.testing.assert_allclose(x.mean(axis=axis), 0, atol=1e-5)
    np.testing.assert_allclose(x.std(axis=axis), 1, atol=1e-5)


def test_statistics_of_one_part_are_applied_to_the_other() -> None:
    panel = make_panel()
    train, test = panel.select(np.arange(6)), panel.select(np.arange(6, 12))
    scaler = fit_scaler(train, "global")
    expected = (test.x - train.x.mean()) / train.x.std()
    np.testing.assert_allclose(scaler.apply(test).x, expected, rtol=1e-4, atol=1e-5)


def test_a_flat_lead_becomes_zero_and_missing_values_stay_missing() -> None:
    x = np.random.default_rng(0).normal(size=(3, 2, 30)).astype(np.float32)
    x[:, 0] = 0.25
    x[1, 1, 4] = np.nan
    panel = Panel.from_arrays(x, label=[0, 1, 0], patient=[0, 1, 2], sfreq=1)
    scaled = fit_scaler(panel, "record").apply(panel).x
    assert (scaled[:, 0] == 0).all()
    assert np.isnan(scaled[1, 1]).sum() == 1
    assert np.nanstd(scaled[1, 1]) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("how", ["global", "channel", "record"])
@pytest.mark.parametrize("scale", [1e-12, 1e-9, 1.0, 1e9])
def test_the_unit_does_not_matter_to_standardisation(how: str, scale: float) -> None:
    panel = make_panel(time=50)
    small = replace(panel, gain=(panel.gain * scale).astype(np.float32))
    got, want = (fit_scaler(p, how).apply(p).x for p in (small, panel))  # type: ignore[arg-type]
    np.testing.assert_allclose(got, want, atol=1e-4)
    assert want.std() > 0.5


@pytest.mark.parametrize("offset", [0.1, -3e4, 1e7, 1e-9])
def test_a_flat_lead_is_zero_whatever_its_offset(offset: float) -> None:
    x = np.random.default_rng(0).normal(size=(3, 2, 3001)).astype(np.float32)
    x[:, 0] = offset
    x[:, 0, ::2] = np.nextafter(np.float32(offset), np.float32(0))  # the last bit of a recorder that is off
    panel = Panel.from_arrays(x, label=[0, 1, 0], patient=[0, 1, 2], sfreq=1)
    for how in ("record", "channel"):
        scaled = fit_scaler(panel, how).apply(panel).x  # type: ignore[arg-type]
        assert np.abs(scaled[:, 0]).max() < 1e-6
        assert scaled[:, 1].std() == pytest.approx(1, abs=1e-3)


def test_a_large_offset_takes_nothing_from_a_live_lead() -> None:
    x = (3e4 + np.random.default_rng(0).normal(size=(4, 1, 500))).astype(np.float32)
    panel = Panel.from_arrays(x, label=[0, 1, 0, 1], patient=[0, 1, 2, 3], sfreq=1)
    for how in ("record", "channel", "global"):
        scaler = fit_scaler(panel, how)  # type: ignore[arg-type]
        np.testing.assert_allclose(
            scaler.std, x.astype(np.float64).std(axis=2 if how == "record" else None), rtol=0.1
        )

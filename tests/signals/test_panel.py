"""Panels: windows and selections share the store and keep the ids of their samples."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.panels import make_panel
from tsrep.errors import DataError
from tsrep.signals import Panel
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

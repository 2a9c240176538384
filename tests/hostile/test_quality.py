"""Faults of signals are told before training, with record and channel."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tsrep.datasets import load
from tsrep.datasets.check import check
from tsrep.datasets.dataset import Unreadable
from tsrep.datasets.quantisation import STEPS_IN_SPREAD, TooCoarseError, in_counts, in_float32
from tsrep.errors import DataError
from tsrep.runs.config import configure
from tsrep.runs.prepare_panel import prepare_panel
from tsrep.signals.panel import Panel
from tsrep.signals.quality import (
    ABSURD,
    CLIPPED,
    CONTRADICTORY,
    FLAT,
    INFINITE,
    MISSING,
    look_through,
    refuse_infinite,
    told,
)
from tsrep.signals.units import canonical, factor
from tsrep.signals.usable import usable

ONE = {"protocols": ["probe"]}


def panel_of(x, **more):
    n = len(x)
    return Panel.from_arrays(x, label=np.arange(n) % 2, patient=np.arange(n), sfreq=100, **more)


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(6, 2, 400)).astype(np.float32)


@pytest.mark.parametrize(
    ("what", "where", "values"),
    [
        (INFINITE, np.s_[3:4], np.inf),
        (MISSING, np.s_[3:9], np.nan),
        (FLAT, np.s_[:], 2.0),
        (ABSURD, np.s_[5:6], 1e9),
        (CLIPPED, np.s_[100:106], 9.0),
        (CLIPPED, np.s_[100:300], 9.0),
        (CLIPPED, np.s_[10:], -9.0),
    ],
)
def test_each_fault_is_found_in_its_lead_alone(x, what, where, values):
    x[4, 1, where] = values
    leads = {k: v for k, v in look_through(panel_of(x)).leads.items() if v}
    assert leads == {what: [(4, "ch1")]}


def test_sound_leads_have_no_fault():
    t = np.arange(1000) / 100
    steps = np.sign(np.sin(t))  # two levels: no rail, as nothing lies between
    coarse = np.rint(2 * np.sin(t))
    x = np.stack([np.sin(t), steps, coarse, np.random.default_rng(0).standard_t(3, 1000)])
    assert not any(look_through(panel_of(x[None].astype(np.float32))).leads.values())


def test_a_value_that_only_its_gain_makes_infinite(x):
    panel = panel_of(x, scale=3e38)
    with pytest.raises(DataError, match="record 0 has an infinite value in ch0"):
        refuse_infinite(panel)


def test_limb_leads_that_contradict_one_another(x):
    leads = np.stack([x[:, 0], x[:, 1], x[:, 1] - x[:, 0]], axis=1)
    leads[2] = leads[2, [1, 0, 2]]  # I and II swapped
    leads[3, 0] = 0  # a dead lead is told as such alone
    panel = panel_of(leads, channels=("I", "II", "III"), modality="ecg")
    assert look_through(panel).leads[CONTRADICTORY] == [(2, name) for name in panel.channels]
    assert look_through(panel).records == {FLAT: 1, CONTRADICTORY: 1}
    assert any("record 2 has limb leads that contradict" in sentence for sentence in told(panel))
    assert not look_through(panel_of(leads)).leads[CONTRADICTORY]


def test_faulty_recordings_are_left_out_with_the_reason(x):
    x[1, 0, 5], x[2], x[3, 1], x[4, 0, :9] = np.inf, 0, 0, np.nan
    panel = panel_of(x)
    marked, dropped = usable(panel, "mark"), usable(panel, "drop")
    assert dict(marked.skipped) == {"1": f"{INFINITE} (ch0)", "2": "no lead that moves"}
    assert dropped.trial.tolist() == [0, 4, 5]
    assert dict(dropped.skipped)["3"] == f"{FLAT} (ch1)"
    assert usable(dropped, "drop") is dropped
    for policy, strict in (("keep", False), ("mark", True)):
        with pytest.raises(DataError, match="record 1 has an infinite value"):
            usable(panel, policy, strict=strict)
    with pytest.raises(DataError, match="no record can be used: the first, 0 has no lead that moves"):
        usable(panel_of(x[2:3]), "mark")


def test_a_run_leaves_them_out_and_says_so(x):
    x = np.concatenate([x, x[::-1] + 1, 2 * x])
    x[3, 0, 0] = np.inf
    config = {"dataset": {"name": "arrays", "sfreq": 100}, "window": {"seconds": None}, "evaluation": ONE}
    prepared = prepare_panel(configure(config), panel_of(x))
    assert len(prepared.panel) == 17
    assert prepared.facts["skipped"] == [["3", f"{INFINITE} (ch0)"]]
    assert prepared.notes == (f"1 of 18 recordings are left out; the first is 3: {INFINITE} (ch0)",)
    with pytest.raises(DataError, match="record 3 has an infinite value"):
        prepare_panel(configure(config | {"quality": "keep"}), panel_of(x))


def test_recordings_are_looked_through_once(x, tmp_path):
    x[2, 1] = 0
    panel = replace(panel_of(x).hashed(), cache=tmp_path)
    first = look_through(panel)
    again = look_through(replace(panel, store=np.zeros_like(x)))  # from the file
    assert (again.leads, again.amplitude) == (first.leads, first.amplitude)
    assert not look_through(panel.select(np.array([0, 1]))).leads[FLAT]


def test_amplitudes_that_differ_by_a_thousand(x):
    x[2] *= 1e6
    assert "differ by a factor of 1,0" in next(f.what for f in check(panel_of(x)) if "differ" in f.what)
    assert any("record 2 against others" in sentence for sentence in told(panel_of(x, unit="nV")))
    assert look_through(panel_of(x[:2])).apart() == (1.0, [])


def test_a_volt_is_absurd_in_any_unit(x):
    for unit, volt in (("mV", 1e3), ("µV", 1e6)):
        x[:, :, :] = np.random.default_rng(0).normal(size=x.shape) * volt
        assert len(look_through(panel_of(x, unit=unit)).leads[ABSURD]) == 12


def test_reported_arrays(tmp_path, shared_path):
    infinite, rail = (
        load("arrays", shared_path(f"cases/{case}/input"), sfreq=100, cache=tmp_path, progress=False)
        for case in ("one_infinite_value", "lead_at_the_rail_half_the_time")
    )
    with pytest.raises(DataError, match=r"record 0 \(p00\) has an infinite value in ch0"):
        refuse_infinite(infinite)
    assert "ch0: 0 (p00)" in next(f.where for f in check(infinite) if f.severity == "error")
    assert next(f.where for f in check(rail) if "clipped" in f.what) == "ch0: 8 (p04), 9 (p04)"


def test_counts_are_fine_enough_or_refused():
    values = np.random.default_rng(0).normal(size=(5, 2, 300))
    counts, gain, offset = in_counts(values)
    assert (gain <= values.std(axis=2).min() / STEPS_IN_SPREAD).all()
    np.testing.assert_allclose(counts * gain[:, None] + offset[:, None], values, atol=gain.max())
    values[0, 1, 7] = 1000
    with pytest.raises(TooCoarseError):
        in_counts(values)


def test_float32_holds_the_values_or_they_are_refused():
    values = np.random.default_rng(0).normal(size=(5, 2, 300))
    np.testing.assert_array_equal(in_float32(values, ("a", "b")), values.astype(np.float32))
    with pytest.raises(Unreadable, match=r"channel b varies by .* a step too small for float32"):
        in_float32(values + np.array([0, 1e9])[:, None], ("a", "b"))
    values[0, 0, 0] = 1e39
    with pytest.raises(Unreadable, match=r"channel a has the value 1e\+39, which is beyond float32"):
        in_float32(values, ("a", "b"))


def test_units():
    assert {canonical(u) for u in ("uv", "UV", "µV", "\u03bcv", "microvolts", " uV ")} == {"µV"}
    assert (factor("V", "uV"), factor("uV", "mV"), factor("mmHg", "mmHg")) == (1e6, 1e-3, 1.0)
    for unit in ("MV", "", "mmHg"):
        with pytest.raises(DataError):
            factor(unit, "mV")

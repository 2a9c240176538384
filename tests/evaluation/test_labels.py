"""Label fractions: nested, stratified, covering, and only from the training part."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsrep.errors import ConfigError
from tsrep.evaluation.labels.label_fractions import subsample_labels
from tsrep.signals.panel import Panel


def panel(seed: int = 0, patients: int = 60, each: int = 4, classes: int = 5, multi: bool = False) -> Panel:
    rng = np.random.default_rng(seed)
    n = patients * each
    patient = np.repeat(np.arange(patients), each)
    label = rng.random((n, classes)) < 0.2 if multi else rng.choice(classes, size=n, p=_rates(classes))
    return Panel.from_arrays(
        np.zeros((n, 1, 2), np.float32),
        label=label,
        patient=patient,
        trial=patient * each + np.arange(n) % each // 2,
        sfreq=100,
        classes=[str(c) for c in range(classes)],
    )


def _rates(classes: int) -> np.ndarray:
    rates = 0.5 ** np.arange(classes)
    return rates / rates.sum()


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 1000),
    by=st.sampled_from(["sample", "record", "patient"]),
    multi=st.booleans(),
    patients=st.integers(3, 60),
)
def test_guarantees(seed, by, multi, patients):
    p = panel(seed, patients, multi=multi)
    train = np.flatnonzero(p.patient % 3 != 0)
    flags = p.label if multi else np.eye(5, dtype=bool)[p.label]
    unit = {"sample": np.arange(len(p)), "record": p.trial, "patient": p.patient}[by]
    larger = train
    for fraction in (1.0, 0.5, 0.1, 0.01):
        index = subsample_labels(p, train, fraction, by, seed=seed)
        assert np.isin(index, larger).all(), "a smaller fraction lies within a larger one"
        assert np.isin(unit[train], unit[index]).sum() == len(index), "units are drawn whole"
        for value in (flags, ~flags):
            assert np.array_equal(value[index].any(axis=0), value[train].any(axis=0)), (
                "each class has both values"
            )
        asked = round(fraction * len(np.unique(unit[train])))
        drawn = len(np.unique(unit[index]))
        assert asked <= drawn <= max(asked, 2 * 5, 1)
        larger = index
    assert np.array_equal(subsample_labels(p, train, 1.0, by, seed=seed), train)


@pytest.mark.parametrize("by", ["sample", "patient"])
def test_strata_keep_their_share(by):
    p = panel(1, patients=2000, each=1)
    index = subsample_labels(p, np.arange(len(p)), 0.1, by, seed=3)
    drawn, all_ = (np.bincount(p.label[i], minlength=5) for i in (index, np.arange(len(p))))
    assert np.abs(drawn - 0.1 * all_).max() <= 2


def test_another_seed_draws_other_labels():
    p = panel()
    one, two = (subsample_labels(p, np.arange(len(p)), 0.2, "sample", seed=s) for s in (0, 1))
    assert not np.array_equal(one, two)


@pytest.mark.parametrize("fraction", [0.0, -0.1, 1.5])
def test_refuses_a_fraction_out_of_range(fraction):
    with pytest.raises(ConfigError, match="fraction"):
        subsample_labels(panel(), np.arange(10), fraction)

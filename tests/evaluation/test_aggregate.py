"""Windows become records."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsrep.errors import DataError
from tsrep.evaluation.labels.aggregate import by_record
from tsrep.evaluation.predictions import Predictions


def windows(seed: int = 0, records: int = 12, multi: bool = False) -> Predictions:
    rng = np.random.default_rng(seed)
    trial = rng.permutation(np.repeat(np.arange(records) * 3, rng.integers(1, 5, size=records)))
    label = rng.random((records, 3)) < 0.5 if multi else rng.integers(3, size=records)
    prob = rng.random((len(trial), 3)) if multi else rng.dirichlet(np.ones(3), len(trial))
    return Predictions(prob, label[trial // 3], trial // 3 // 2, trial)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), multi=st.booleans(), how=st.sampled_from(["mean", "max"]))
def test_each_record_pools_its_own_windows(seed, multi, how):
    w = windows(seed, multi=multi)
    records = by_record(w, how)
    assert len(np.unique(records.trial)) == len(records)
    assert np.array_equal(records.trial, np.unique(w.trial))
    for i, trial in enumerate(records.trial):
        own = w.prob[w.trial == trial]
        expected = own.mean(axis=0) if how == "mean" else own.max(axis=0)
        if how == "max" and not multi:
            expected = expected / expected.sum()
        assert records.prob[i] == pytest.approx(expected, abs=1e-12)
        assert np.array_equal(records.target[i], w.target[w.trial == trial][0])
        assert records.patient[i] == trial // 3 // 2
    again = by_record(records, how)
    assert np.allclose(again.prob, records.prob)


def test_refuses_contradictions():
    w = windows()
    many = np.flatnonzero(w.trial == w.trial[np.argmax(np.bincount(w.trial)[w.trial])])
    target, patient = w.target.copy(), w.patient.copy()
    target[many[0]] = (target[many[0]] + 1) % 3
    patient[many[0]] += 1
    with pytest.raises(DataError, match=f"trial {w.trial[many[0]]} have more than one target"):
        by_record(Predictions(w.prob, target, w.patient, w.trial))
    with pytest.raises(DataError, match="more than one patient"):
        by_record(Predictions(w.prob, w.target, patient, w.trial))


def test_refuses_unequal_lengths_and_nothing():
    w = windows()
    with pytest.raises(DataError, match="values of trial"):
        Predictions(w.prob, w.target, w.patient, w.trial[:-1])
    with pytest.raises(DataError, match="empty"):
        Predictions(w.prob[:0], w.target[:0], w.patient[:0], w.trial[:0])

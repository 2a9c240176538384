"""The official train and test parts are never mixed, and every class that can validate does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.panels import cohort
from tsrep.errors import SplitError
from tsrep.registry import SPLITS
from tsrep.signals import Panel


def problem(label: list[int], test: int = 4) -> Panel:
    labels = label + [i % (max(label) + 1) for i in range(test)]
    fold = np.repeat([1, 2], [len(label), test])
    n = len(labels)
    return Panel.from_arrays(np.zeros((n, 1, 8)), label=labels, patient=np.arange(n), sfreq=1, fold=fold)


def rule(**settings):
    return SPLITS.build({"name": "train-test", "validation": 0.2, **settings})


@settings(max_examples=80, deadline=None)
@given(
    label=st.lists(st.integers(0, 3), min_size=4, max_size=60),
    share=st.sampled_from([0.05, 0.2, 0.5, 0.9]),
)
def test_parts_are_disjoint_complete_and_stratified(label, share):
    count = np.bincount(label)
    # at least one class divides, and something of two classes is left to train on
    if count.max() < 2 or (count > 0).sum() < 2:
        return
    panel = problem(label)
    split = rule(validation=share)(panel)
    assert split.test.tolist() == np.flatnonzero(panel.fold == 2).tolist()
    assert sorted([*split.train, *split.validation]) == np.flatnonzero(panel.fold == 1).tolist()
    held = np.bincount(panel.label[split.validation], minlength=len(count))
    want = np.where(count >= 2, np.minimum(np.maximum(1, np.round(share * count)), count - 1), 0)
    assert held.tolist() == want.tolist()
    assert (np.bincount(panel.label[split.train], minlength=len(count))[count > 0] >= 1).all()
    assert rule(validation=share)(panel).digest == split.digest


def test_validation_is_spread_over_the_file():
    split = rule()(problem([0] * 10 + [1] * 5))
    assert split.validation.tolist() == [2, 7, 12]


def test_all_windows_of_a_series_stay_together():
    windows = problem([0, 1] * 5).windows(4)
    split = rule()(windows)
    parts = [set(windows.patient[i].tolist()) for i in (split.train, split.validation, split.test)]
    assert len(set().union(*parts)) == sum(map(len, parts))
    assert len(split.validation) == 4


def test_refuses_what_has_no_official_parts():
    panel = problem([0, 0, 1, 1])
    with pytest.raises(SplitError, match="official train and test part"):
        rule()(replace(panel, fold=None))
    with pytest.raises(SplitError, match="official train and test part"):
        rule()(cohort())
    with pytest.raises(SplitError, match="no class of the train part has two series"):
        rule()(problem([0, 1, 2]))
    with pytest.raises(SplitError, match="several classes"):
        rule()(replace(panel, patient=np.array([0, 1, 0, 2, 3, 4, 5, 6]), trial=np.arange(8)))
    multi = replace(panel, label=np.eye(2, dtype=bool)[panel.label])
    with pytest.raises(SplitError, match="one class per sample"):
        rule()(multi)
    both = replace(panel, patient=np.array([0, 1, 2, 3, 0, 4, 5, 6]))
    with pytest.raises(SplitError, match="patient 0 would be in both"):
        rule()(both)

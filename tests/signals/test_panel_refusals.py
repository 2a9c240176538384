"""Panels take what can be meant in one way only, and say in one sentence what is wrong with the rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.panels import make_panel
from tests.signals.test_panel import told
from tsrep.errors import DataError
from tsrep.signals import Panel

TWELVE = np.arange(12)


def flags(bad: float) -> np.ndarray:
    """One flag a class, but for sample 4 and class 1."""
    out = np.zeros((12, 2))
    out[4, 1] = bad
    return out


def with_bad(bad: float) -> np.ndarray:
    out = np.zeros(12)
    out[3] = bad
    return out


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"patient": TWELVE / 2}, "patient of sample 1 is 0.5; give one whole number for each sample"),
        ({"patient": [0, None] * 6}, r"patient is object of shape \(12,\); give one whole number"),
        ({"patient": list("abcdefghijkl")}, r"patient is <U1 of shape \(12,\)"),
        ({"patient": with_bad(np.nan)}, "patient of sample 3 is nan; give one whole number"),
        ({"patient": TWELVE[:, None]}, r"patient has shape \(12, 1\) in place of 1 dimension"),
        ({"trial": with_bad(np.inf)}, "trial of sample 3 is inf"),
        ({"label": with_bad(0.7)}, "label of sample 3 is 0.7; give one class index .* in known"),
        ({"label": with_bad(np.nan)}, "label of sample 3 is nan"),
        ({"label": with_bad(-1)}, "class indices run from -1 to 0"),
        ({"label": flags(2)}, "label of sample 4, class 1 is 2.0; give True or False for each class"),
        ({"label": flags(np.nan)}, "label of sample 4, class 1 is nan"),
        ({"label": np.zeros((12, 2, 2))}, r"label has shape \(12, 2, 2\) in place of 1 or 2 dim"),
        ({"label": [[0], [0, 1]] * 6}, "label is no array"),
        ({"scale": np.nan}, "gain is nan; give finite numbers"),
        ({"scale": 0}, "a gain is 0, which leaves no signal"),
        ({"scale": "1"}, "gain is '1'; give finite numbers"),
        ({"offset": np.inf}, "offset is inf; give finite numbers$"),
        ({"scale": 1e300}, "gain is 1e[+]300, which single precision does not hold; choose another unit$"),
        ({"scale": 1e-60}, "gain is 1e-60, which single precision does not hold; choose another unit$"),
        ({"channels": "ab"}, "channels is 'ab'; give a sequence of texts"),
        ({"channels": ["a", "a"]}, "'a' is among channels twice"),
        ({"channels": ["a", 1]}, "1 is among channels and no text"),
        ({"classes": ["N", "N"]}, "'N' is among classes twice"),
        ({"classes": None, "sfreq": "10"}, "sampling rate must be positive and finite, got '10' Hz"),
        ({"sfreq": np.inf}, "sampling rate must be positive and finite"),
        ({"sfreq": np.nan}, "sampling rate must be positive and finite"),
        ({"x": np.full((12, 2, 40), "a")}, "a panel needs numbers, got <U1"),
        ({"x": [[[1.0], [1.0, 2.0]]]}, "x is no array"),
        ({"x": np.zeros((12, 0, 40), np.float32), "channels": []}, r"channels is \(\); give one at least"),
        ({"x": np.zeros((12, 2, 0), np.float32)}, "length is 0; give a whole number of steps"),
    ],
)
def test_arrays_that_would_be_altered_are_refused(change: dict[str, Any], message: str) -> None:
    arguments = {"x": make_panel().store, "label": np.zeros(12, int), "patient": TWELVE // 2, "sfreq": 10}
    with pytest.raises(DataError, match=message):
        Panel.from_arrays(**arguments | change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fold": with_bad(np.nan)}, "fold of sample 3 is nan"),
        ({"cohort": np.zeros((12, 1), int)}, r"cohort has shape \(12, 1\)"),
        ({"cohort": ["one"] * 12}, r"cohort is <U3 of shape \(12,\)"),
        ({"group": np.zeros((12, 2), int)}, r"group has shape \(12, 2\)"),
        ({"target": TWELVE.astype(np.float32)}, r"target has shape \(12,\) in place of 2 dimension"),
        ({"target": [["a", "b"]] * 12}, r"target is <U1 of shape \(12, 2\)"),
        ({"known": [1] * 12}, "known is int64 of shape"),
        ({"target_known": [True] * 12}, r"target_known has shape \(12,\)"),
        ({"meta": None}, "meta is None; give a mapping of names"),
        ({"meta": 3}, "meta is 3; give a mapping"),
        ({"meta": {"age": 50}}, "meta 'age' has no values of type int64 for 6 trials"),
        ({"meta": {"age": [50, None] * 3}}, "meta 'age' has 6 values of type object"),
        ({"patient_names": ("a", "b")}, "patient indices run from 0 to 2 but there are 2 patient names"),
        ({"history": "band"}, "history is 'band'; give a sequence of texts"),
        ({"record_names": None}, "record_names is None"),
        ({"modality": "ekg"}, "modality is 'ekg'; give one of ecg, eeg, series, other"),
        ({"modality": ["ecg"]}, r"modality is \[\'ecg\'\]"),
        ({"covariates": -1}, "covariates is -1; say how many of the 2 channels come first"),
        ({"covariates": 3}, "covariates is 3; say"),
        ({"covariates": 1.0}, "covariates is 1.0"),
        (
            {"gain": np.ones((5, 1), np.float32)},
            r"shape of gain is \(5, 1\); give one for each of 12 records",
        ),
        ({"offset": np.ones(2, np.float32)}, r"shape of offset is \(2,\)"),
        ({"row": TWELVE - 1}, "row of sample 0 is -1, outside .* give 0 to 11"),
        ({"row": TWELVE + 1}, "row of sample 11 is 12"),
        (
            {"start": np.ones(12, int)},
            "start of sample 0 is 1, outside .* of 40 steps; give 0 to 0 for samples of 40",
        ),
        ({"start": -TWELVE}, "start of sample 1 is -1"),
        ({"length": 0}, "length is 0; give"),
        ({"length": 20.0}, "length is 20.0; give a whole number"),
        ({"length": 41}, "length is 41; .* 1 to the 40 of a record"),
    ],
)
def test_fields_that_mean_nothing_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        replace(told(), **change)


def test_lists_are_taken_for_arrays_and_tuples() -> None:
    panel = told()
    lists = {name: values.tolist() for name, values in panel.per_sample().items()}
    lists |= {"meta": {"age": [50, 51, 52, 53, 54, 55]}, "channels": ["a", "b"], "history": ["notch 50 Hz"]}
    taken = replace(panel, **lists)
    for name, values in panel.per_sample().items():
        got = getattr(taken, name)
        assert got.dtype == values.dtype
        np.testing.assert_array_equal(got, values)
    assert (taken.channels, taken.history) == (("a", "b"), ("notch 50 Hz",))
    assert taken.select([2]).meta["age"].tolist() == [51]


def test_whole_floats_and_zero_one_flags_are_what_they_say() -> None:
    x = make_panel().store
    panel = Panel.from_arrays(x, label=flags(1.0), patient=TWELVE.astype(float), sfreq=10)
    assert panel.patient.dtype == np.int64
    assert panel.label.dtype == bool
    assert panel.label.sum() == 1
    empty = Panel.from_arrays(x[:0], label=[], patient=[], sfreq=10, classes=("a",))
    assert len(empty) == 0


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (
            lambda panel: panel.windows(1.5),
            "windows of 1.5 steps every 1.5 are asked for; give whole numbers",
        ),
        (lambda panel: panel.windows(10, 2.5), "windows of 10 steps every 2.5"),
        (
            lambda panel: panel.select(np.ones(5, bool)),
            r"a mask of shape \(12,\) or by whole .* bool of shape",
        ),
        (lambda panel: panel.select(np.array([0.0, 1.0])), "not by float64"),
        (lambda panel: panel.select(np.zeros((2, 2), int)), r"not by int64 of shape \(2, 2\)"),
        (lambda panel: panel.select([12]), "samples 12 to 12 are selected of a panel of 12"),
    ],
)
def test_cuts_and_selections_of_nothing_are_refused(ask: Callable[[Panel], Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        ask(make_panel())


def test_a_sample_is_labelled_when_all_its_labels_are_known() -> None:
    panel = make_panel()
    assert panel.labelled.all()
    assert replace(panel, known=TWELVE > 2).labelled.tolist() == (TWELVE > 2).tolist()
    several = Panel.from_arrays(panel.store, label=flags(1), patient=TWELVE, sfreq=10, known=flags(1) == 0)
    assert np.flatnonzero(~several.labelled).tolist() == [4]

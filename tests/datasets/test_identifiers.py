"""One person has one number however the table spells it, and spellings that are near are told."""

from __future__ import annotations

import numpy as np
import pytest

from tsrep.datasets import load
from tsrep.datasets.loading import build
from tsrep.datasets.tables.identifiers import look_alikes, spelled
from tsrep.datasets.tables.reading import codes


@pytest.mark.parametrize(
    ("values", "numbers", "names"),
    [
        (["3", "3.0", " 3 "], [3, 3, 3], ()),
        (["3", "3.0", "007"], [1, 1, 0], ("007", "3")),
        (["007.0", "007", "7"], [0, 0, 1], ("007", "7")),
        (["p3", "3.0", "3"], [1, 0, 0], ("3", "p3")),
        (["3.5", "3.50"], [0, 1], ("3.5", "3.50")),
        (["v1.0", "v1"], [1, 0], ("v1", "v1.0")),
        (["-2.", "-2"], [-2, -2], ()),
        (["12345678901234567890123", "12345678901234567890123.0"], [0, 0], ("12345678901234567890123",)),
    ],
)
def test_whole_numbers_have_one_spelling_before_names_are_chosen(values, numbers, names):
    index, found = codes(values)
    assert (index.tolist(), found) == (numbers, names)


def test_spellings():
    assert spelled([" a b ", "3.00", "+4.0", "1e3", ""]) == ["a b", "3", "+4", "1e3", ""]


def own(tmp_path, patients):
    x = np.random.default_rng(0).integers(-900, 900, (len(patients), 2, 50)).astype(np.int16)
    np.save(tmp_path / "records.npy", x)
    rows = "\n".join(f"{patient},{'ab'[n % 2]}" for n, patient in enumerate(patients))
    (tmp_path / "records.csv").write_text(f"patient,label\n{rows}\n")
    return load("arrays", tmp_path, sfreq=50, progress=False)


def test_a_padded_name_does_not_make_two_people_of_one(tmp_path):
    panel = own(tmp_path, ["3", "3.0", "004", "5"])
    assert [panel.patient_names[p] for p in panel.patient] == ["3", "3", "004", "5"]
    assert look_alikes(panel) == []


def test_names_equal_after_folding_are_told(tmp_path):
    panel = own(tmp_path, ["p1", "P1", "p 2", "p  2", "x", "ß", "SS"])
    assert look_alikes(panel) == ["'P1', 'p1'", "'SS', 'ß'", "'p  2', 'p 2'"]
    assert len(set(panel.patient.tolist())) == 7


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"name": "panel-csv"}, "patient"),
        ({"name": "panel-csv", "patient": "sample"}, "recording"),
        ({"name": "wfdb"}, "patient"),
        ({"name": "wfdb", "patient": "record"}, "recording"),
        ({"name": "arrays", "sfreq": 100}, "patient"),
        ({"name": "eeg", "patient": "file"}, "recording"),
        ({"name": "ucr-uea"}, "recording"),
        ({"name": "ptb-xl"}, "patient"),
    ],
)
def test_patients_are_not_known_where_a_column_says_both(settings, expected):
    assert build(settings).independence == expected

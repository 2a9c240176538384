"""Each fault planted in a panel is found, and nothing is found where there is none."""

from __future__ import annotations

import numpy as np
import pytest

from tests.signals.test_fingerprint import TWELVE, recordings
from tsrep.datasets import load
from tsrep.datasets.check import check
from tsrep.registry import SPLITS
from tsrep.signals import Panel
from tsrep.splits.split import Split


def make(x=None, patient=None, **more) -> Panel:
    rng = np.random.default_rng(0)
    x = rng.integers(-500, 500, (60, 2, 80)).astype(np.int16) if x is None else x
    patient = np.arange(60) // 2 if patient is None else patient
    return Panel.from_arrays(
        x,
        label=np.arange(60) // 20 if "label" not in more else more.pop("label"),
        patient=patient,
        sfreq=10,
        channels=("a", "b"),
        **more,
    )


def serious(findings):
    return [(f.severity, f.what, f.where) for f in findings if f.severity != "note"]


def test_a_clean_panel():
    findings = check(make())
    assert serious(findings) == []
    assert any("60 samples: 0 33%, 1 33%, 2 33%" in f.what for f in findings)


def test_flat_clipped_and_missing():
    x = make().store.astype(np.float32)
    x[3, 0] = 7
    x[5, 1] = 0
    x[9, 1, 30:40] = 4000
    x[9, 0, 30:33] = 4000
    x[11, 0, 5] = np.nan
    assert serious(check(make(x))) == [
        (
            "warning",
            "1 record with missing values (NaN), steps that encoders drop in all leads",
            "a: 11",
        ),
        ("warning", "2 records with a flat lead", "a: 3; b: 5"),
        ("warning", "1 record with a clipped lead", "b: 9"),
    ]


def test_copies_by_where_they_are():
    x = make().store.copy()
    x[1] = x[0]
    x[7] = x[10]
    panel = make(x)
    assert [f.severity for f in check(panel) if "copies of" in f.what] == ["warning", "note"]
    three, four, five, seven, late = (panel.patient == k for k in (3, 4, 5, 7, 20))

    def errors(*parts):
        split = Split(*(np.flatnonzero(part) for part in (*parts, three & ~three)[:3]), how="by hand")
        return [(f.what, f.where) for f in check(panel, split) if f.severity == "error"]

    where = "records 7, 10"
    assert errors(late, five, three) == [("copies of one signal in the validation and the test part", where)]
    assert errors(five | late, three) == [
        ("copies of one signal in the train and the validation part", where)
    ]
    assert errors(three | five | late, four, seven) == []


def test_copies_with_leads_interchanged_and_rounded_are_told():
    x = recordings(20).astype(np.float32)
    x[17] = (x[3, ::-1] / 3).astype(np.float16)
    panel = Panel.from_arrays(x, label=np.arange(20) % 2, patient=np.arange(20), sfreq=100, channels=TWELVE)
    found = {f.what: f.where for f in check(panel)}
    assert found["copies of one signal under different patients"] == "records 3, 17"


def test_shifted_copies_are_errors_between_parts_and_warnings_without_a_split():
    rng = np.random.default_rng(2)
    slow = rng.normal(size=(40, 2, 700)).cumsum(axis=2)
    x = (slow[:, :, 50:550] * 100).astype(np.float32)
    x[30] = slow[3, :, 90:590] * 7  # 0.8 s later, in another unit
    panel = Panel.from_arrays(x, label=np.arange(40) % 2, patient=np.arange(40), sfreq=50)
    shifted = [(f.severity, f.what, f.where) for f in check(panel) if "shifted" in f.what]
    what = "copies of one signal, shifted or cut,"
    assert shifted == [("warning", f"{what} under different patients", "records 3, 30")]
    split = Split(np.arange(25), np.arange(25, 32), np.arange(32, 40), how="by hand")
    shifted = [(f.severity, f.what, f.where) for f in check(panel, split) if "shifted" in f.what]
    assert shifted == [("error", f"{what} in the train and the validation part", "records 3, 30")]


def test_records_are_told_with_their_patients_where_these_have_names():
    x = make().store.copy()
    x[7] = x[10]
    x[3, 0] = 7
    panel = make(x, patient_names=tuple(f"p{n:02}" for n in range(30)), trial=np.arange(60) + 100)
    found = {f.what: f.where for f in check(panel)}
    assert found["1 record with a flat lead"] == "a: 103 (p01)"
    assert found["copies of one signal under different patients"] == "records 107 (p03), 110 (p05)"


def test_dead_records_are_not_copies_of_each_other():
    x = make().store.copy()
    x[[4, 40]] = 0
    assert not [f for f in check(make(x)) if "copies of" in f.what]


@pytest.mark.parametrize(
    ("channels", "steps", "told"),
    [(("I", "II"), 1000, False), (("I",), 1000, True), (("I", "II"), 700, True)],
)
def test_records_that_have_no_shape_to_compare_are_told(channels, steps, told):
    x = np.random.default_rng(0).integers(-500, 500, (6, len(channels), steps)).astype(np.int16)
    panel = Panel.from_arrays(x, label=np.arange(6) % 2, patient=np.arange(6), sfreq=100, channels=channels)
    assert any("copies were searched by their values alone" in f.what for f in check(panel)) is told


def test_balance_patients_and_skipped():
    label = np.zeros(60, int)
    label[:4] = 1
    panel = make(label=label, classes=("many", "few", "none"), skipped=(("r9", "it is broken"),))
    findings = check(panel, SPLITS.build({"name": "stratified"})(panel))
    text = {(f.severity, f.what) for f in findings}
    assert ("warning", "no sample of class none") in text
    assert ("note", "class few comes from 2 patients only") in text
    assert ("warning", "1 left out as unreadable") in text
    assert [f.where for f in findings if "left out" in f.what] == ["r9: it is broken"]
    assert [f.severity for f in findings] == sorted(
        (f.severity for f in findings), key=["error", "warning", "note"].index
    )
    alone = check(make(patient=np.r_[np.arange(30), np.arange(30)[:30]]))
    assert not [f for f in alone if "one record" in f.what]
    assert "60 of 60 patients have one record" in " ".join(f.what for f in check(make(patient=np.arange(60))))


def test_of_many_classes_some_are_named():
    panel = make(label=np.arange(60) % 20, classes=tuple(f"c{k}" for k in range(26)))
    found = {f.what: f.where for f in check(panel)}
    assert found["no sample of class c20, c21, c22, c23, c24, c25"] == "all data"
    assert found["20 classes come from fewer than 10 patients each"].startswith("c0: 3, c1: 3, ")
    assert found["20 classes come from fewer than 10 patients each"].endswith(" and 15 more")
    (shares,) = (what for what in found if what.startswith("60 samples: "))
    assert shares.endswith(", c11 5% and 8 more")


def test_samples_without_a_class_are_counted():
    label = np.eye(2, dtype=bool)[np.arange(60) % 2]
    label[:3] = False
    assert "3 samples of no class, as where a label is empty" in [f.what for f in check(make(label=label))]
    known = np.repeat(np.arange(60)[:, None] > 0, 2, axis=1)  # of the first it is not known that it has none
    assert "2 samples of no class" in " ".join(f.what for f in check(make(label=label, known=known)))


def test_copied_recordings_in_epochs_make_one_finding():
    x = make().store.copy()
    x[20:26] = x[40:46]
    x[2] = x[3] = x[0]
    patient = np.arange(60) // 20
    copies = [(f.severity, f.where) for f in check(make(x, patient)) if "copies of" in f.what]
    assert copies == [
        ("warning", "records 20, 40; 21, 41; 22, 42; 23, 43; 24, 44; 25, 45"),
        ("note", "records 0, 2, 3"),
    ]


def test_classes_are_counted_by_patient_in_each_part():
    label = np.zeros(60, int)
    label[:20:2] = 1
    panel = make(label=label, classes=("common", "rare"))
    assert "30 patients: common 30, rare 10; 10 have more than one class" in [f.what for f in check(panel)]
    first = panel.patient < 8
    split = Split.make(panel, first, panel.patient == 20, panel.patient > 20, how="")
    found = {f.where: f.what for f in check(panel, split) if "patient" in f.what and f.where.endswith("part")}
    assert found == {
        "train part": "8 patients: common 8, rare 8; 8 have more than one class",
        "validation part": "1 patient: common 1",
        "test part": "9 patients: common 9",
    }


def test_channels_that_are_left_out_are_told_apart_from_records():
    panel = make(skipped=(("r9", "it is broken"), ("channel Cz", "not in r3")))
    found = [(f.what, f.where) for f in check(panel) if "left out" in f.what]
    assert found == [
        ("1 left out as unreadable", "r9: it is broken"),
        ("1 channel left out of all records", "channel Cz: not in r3"),
    ]


def test_windows_are_checked_by_record():
    x = make().store.copy()
    x[3, 0] = 7
    assert [s[1] for s in serious(check(make(x).windows(20)))] == ["1 record with a flat lead"]


def test_known_copies_in_real_records(shared_path, tmp_path):
    panel = load("ptb-xl", shared_path("data/ptb-xl"), cache=tmp_path, progress=False)
    copies = [f for f in check(panel) if "copies of" in f.what]
    assert [(f.severity, f.where) for f in copies] == [
        ("warning", "records 00145, 00463"),
        ("note", "records 00137, 00138"),
        ("note", "records 00456, 00457"),
        ("note", "records 00459, 00460"),
    ]


def test_names_that_differ_in_spelling_only_are_told():
    names = ("p1", "P1", "p 1", "7", "007", *(f"q{n}" for n in range(25)))
    found = [f.what for f in check(make(patient_names=names)) if "spelling" in f.what]
    assert found == [
        "patients 'p1', 'P1', 'p 1' differ in spelling only",
        "patients '7', '007' differ in spelling only",
    ]


@pytest.mark.parametrize("steps", [1, 3, 6])
def test_short_records(steps):
    assert check(make(np.random.default_rng(0).integers(-9, 9, (60, 2, steps)).astype(np.int16)))


def test_a_patient_in_two_folds():
    fold = np.arange(60) // 2 % 10 + 1
    assert not [f for f in check(make(fold=fold)) if "folds" in f.what]
    fold[7] = 9
    assert serious(check(make(fold=fold))) == [("error", "patient 3 is in folds 4, 9", "")]

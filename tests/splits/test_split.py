"""Splits refuse every leak that is planted in them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.panels import cohort, make_panel
from tsrep.datasets import load
from tsrep.errors import SplitError
from tsrep.registry import SPLITS
from tsrep.signals import Panel
from tsrep.splits.by_patient import stratified
from tsrep.splits.split import Split
from tsrep.testing import check_split


def test_a_patient_in_two_parts_is_refused_by_name() -> None:
    panel = make_panel()
    with pytest.raises(SplitError, match="patient 2 would be in both the train and the test part"):
        Split.make(panel, np.arange(5), np.arange(6, 10), np.array([5]), how="by hand")


def test_a_group_in_two_parts_is_refused() -> None:
    panel = make_panel()
    grouped = replace(panel, group=np.where(panel.patient < 2, 0, panel.patient))
    apart = (np.flatnonzero(panel.patient != 1), np.flatnonzero(panel.patient == 1), [])
    Split.make(panel, *apart, how="by hand")
    with pytest.raises(SplitError, match="group 0 of 2 patients would be in both"):
        Split.make(grouped, *apart, how="by hand")


def test_stratified_parts_keep_groups_whole() -> None:
    panel = cohort(200)
    grouped = replace(panel, group=panel.patient // 4)
    split = SPLITS.build({"name": "stratified"})(grouped)
    for one, two in ((split.train, split.validation), (split.train, split.test)):
        assert not set(grouped.group[one]) & set(grouped.group[two])
    check_split(SPLITS.build({"name": "stratified"}), grouped)
    loose = SPLITS.build({"name": "stratified"})(panel)
    assert set(grouped.group[loose.train]) & set(grouped.group[loose.test])


def test_windows_that_share_raw_signal_are_refused() -> None:
    panel = make_panel().windows(10, 5)
    stranger = np.arange(len(panel))  # every window is a patient of its own, so only the signal leaks
    loose = type(panel)(**{**vars(panel), "patient": stranger, "trial": stranger})
    with pytest.raises(SplitError, match="share raw signal"):
        Split.make(loose, np.arange(0, len(panel), 2), np.arange(1, len(panel), 2), [], how="by hand")
    apart = np.flatnonzero(panel.start % 10 == 0)
    Split.make(loose, apart[::2], apart[1::2], [], how="by hand")


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_shared_signal_is_found_exactly_when_two_windows_overlap(data: st.DataObject) -> None:
    panel = make_panel(records=3).windows(7, 3)
    n = len(panel)
    part = np.array(data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)))
    part[:2] = [0, 1]
    ids = np.arange(n)
    loose = type(panel)(**{**vars(panel), "patient": ids, "trial": ids, "label": ids % 3})
    clash = any(
        part[i] != part[j]
        and max(part[i], part[j]) < 3
        and panel.row[i] == panel.row[j]
        and abs(panel.start[i] - panel.start[j]) < 7
        for i in range(n)
        for j in range(i)
    )
    masks = [part == k for k in range(3)]
    if len(set((ids % 3)[masks[0]].tolist())) < 2:
        return
    if clash:
        with pytest.raises(SplitError, match="share raw signal"):
            Split.make(loose, *masks, how="drawn")
    else:
        Split.make(loose, *masks, how="drawn")


def test_one_class_and_empty_parts_are_refused() -> None:
    panel = make_panel()
    one = np.flatnonzero(panel.label == 0)
    with pytest.raises(SplitError, match="only one class"):
        Split.make(panel, one[:1], np.arange(6, 9), [], how="by hand")
    with pytest.raises(SplitError, match="the validation part of the split"):
        Split.make(panel, np.arange(4), [], np.arange(6, 9), how="by hand")


def test_official_folds_are_taken_as_they_are() -> None:
    panel = cohort()
    split = SPLITS.build({"name": "official"})(panel)
    assert set(panel.fold[split.train]) == set(range(1, 9))
    assert set(panel.fold[split.validation]) == {9}
    assert set(panel.fold[split.test]) == {10}
    assert sum(split.counts[p]["samples"] for p in split.counts) == len(panel)


def test_a_patient_whose_records_are_in_two_folds_is_refused() -> None:
    panel = cohort()
    fold = panel.fold.copy()
    fold[np.flatnonzero(panel.patient == 0)[0]] = 10
    mixed = type(panel)(**{**vars(panel), "fold": fold})
    with pytest.raises(SplitError, match="patient 0 would be in both the train and the test part"):
        SPLITS.build({"name": "official"})(mixed)


@pytest.mark.parametrize("multilabel", [False, True])
@pytest.mark.parametrize("seed", [0, 1])
def test_stratified_parts_keep_the_mix_of_classes(multilabel: bool, seed: int) -> None:
    panel = cohort(600, multilabel)
    split = SPLITS.build({"name": "stratified", "seed": seed})(panel)
    assert not set(panel.patient[split.train]) & set(panel.patient[split.test])
    shares = [
        np.array(list(split.counts[p]["classes"].values())) / split.counts[p]["samples"] for p in split.counts
    ]
    np.testing.assert_allclose(shares[0], shares[2], atol=0.06)
    again = SPLITS.build({"name": "stratified", "seed": seed})(panel)
    other = SPLITS.build({"name": "stratified", "seed": seed + 1})(panel)
    assert split.digest == again.digest != other.digest


def of_classes(*counts: int) -> Panel:
    label = np.repeat(np.arange(len(counts)), counts)
    x = np.random.default_rng(0).integers(-900, 900, (len(label), 1, 20)).astype(np.int16)
    return Panel.from_arrays(x, label=label, patient=np.arange(len(label)), sfreq=10)


@pytest.mark.parametrize("counts", [(9, 9), (3, 30), (5, 5), (4, 4, 4)])
def test_a_class_with_a_patient_for_every_part_is_in_every_part(counts: tuple[int, ...]) -> None:
    panel = of_classes(*counts)
    for seed in range(50):
        split = SPLITS.build({"name": "stratified", "seed": seed})(panel)
        assert split.how == f"stratified by patient, seed {seed}"
        assert not split.notes
        assert all(min(part["classes"].values()) >= 1 for part in split.counts.values())


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_each_class_is_divided_as_asked(data: st.DataObject) -> None:
    units, classes = data.draw(st.integers(4, 90)), data.draw(st.integers(1, 5))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    has = rng.random((units, classes)) < rng.random(classes)
    shares = np.array(data.draw(st.sampled_from([(0.6, 0.2, 0.2), (0.7, 0.3, 0.0), (0.4, 0.3, 0.3)])))
    part = stratified(has, shares, np.random.default_rng(0))
    assert part.min() >= 0
    assert set(part.tolist()) <= set(np.flatnonzero(shares).tolist())
    got = np.array([has[part == number].sum(axis=0) for number in range(3)]).T
    if classes == 1:  # with several, the classes that come later find patients divided already
        assert np.abs(got - np.outer(has.sum(axis=0), shares)).max() <= 2
        assert np.abs(np.bincount(part, minlength=3) - units * shares).max() <= 4
    rarest = has.sum(axis=0).argmin()
    if has[:, rarest].sum() >= (shares > 0).sum():
        assert got[rarest][shares > 0].min() >= 1


def test_a_class_that_is_too_rare_for_every_part_is_told() -> None:
    split = SPLITS.build({"name": "stratified", "seed": 1})(of_classes(20, 2, 1))
    assert split.how == (
        "stratified by patient, seed 1, but 1 has 2 patients, 2 has 1 patient, too few for every part"
    )
    assert split.notes == (
        "The split is stratified as far as possible: 1 has 2 patients, 2 has 1 patient, "
        "too few for every part.",
    )


def test_patients_of_several_classes_are_exchanged_until_each_class_is_in_every_part() -> None:
    """Of the third class two patients are divided with rarer classes, to one part, before its turn comes."""
    has = np.array([[1, 0, 0, 1], [0, 1, 1, 0], [0, 0, 1, 1], [1, 0, 0, 1], [0, 0, 1, 1], [0, 0, 0, 1]], bool)
    shares = np.array([0.6, 0.2, 0.2])
    for seed in range(100):
        part = stratified(has, shares, np.random.default_rng(seed))
        assert all(has[part == number][:, 2:].any(axis=0).all() for number in range(3))
    lacking = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        has = rng.random((int(rng.integers(20, 200)), 20)) < np.exp(rng.uniform(-4, -1, 20))
        part = stratified(has, shares, np.random.default_rng(seed))
        enough = has.sum(axis=0) >= 3
        lacking += not all(has[part == number].any(axis=0)[enough].all() for number in range(3))
    assert lacking <= 6


def test_a_class_that_others_keep_out_of_a_part_is_told_as_such() -> None:
    """Patients 2 and 3 have to be in one part for the classes a and b, and in two for the class c."""
    label = np.zeros((6, 4), bool)
    for number, patients in enumerate(([0, 1, 2], [0, 1, 3], [2, 3, 4], [5])):
        label[patients, number] = True
    x = np.random.default_rng(0).integers(-900, 900, (6, 1, 20)).astype(np.int16)
    panel = Panel.from_arrays(x, label=label, patient=np.arange(6), sfreq=10, classes=("a", "b", "c", "d"))
    for seed in range(20):
        how = SPLITS.build({"name": "stratified", "seed": seed})(panel).how
        assert "d has 1 patient, too few for every part; " in how
        assert "3 patients, but no division was found that has them in every part" in how


@pytest.mark.parametrize("patients", [1, 2])
def test_classes_that_are_all_too_rare_leave_parts_as_large_as_asked(patients: int) -> None:
    has = np.arange(150 // patients) == (np.arange(150) // patients)[:, None]
    part = stratified(has, np.array([0.6, 0.2, 0.2]), np.random.default_rng(0))
    assert np.bincount(part).tolist() == [90, 30, 30]


def test_nine_and_nine_people_have_both_classes_in_every_part(shared_path) -> None:
    root = shared_path("cases/nine_and_nine_not_stratified/input")
    panel = load("arrays", root, sfreq=50, progress=False)
    for seed in range(200):
        split = SPLITS.build({"name": "stratified", "seed": seed})(panel)
        assert [min(part["classes"].values()) >= 1 for part in split.counts.values()] == [True] * 3
        assert [part["patients"] for part in split.counts.values()] == [10, 4, 4]


def test_listed_patients_are_found_by_name_and_missing_ones_named() -> None:
    panel = cohort(20)
    named = type(panel)(**{**vars(panel), "patient_names": tuple(f"sub-{i:02d}" for i in range(20))})
    split = SPLITS.build({"name": "patients", "validation": ("sub-03",), "test": ("sub-05", "sub-06")})(named)
    assert set(panel.patient[split.test]) == {5, 6}
    with pytest.raises(SplitError, match=r"patient sub-33 .* did you mean 'sub-[01]3'"):
        SPLITS.build({"name": "patients", "validation": ("sub-33",)})(named)


def test_per_class_order_takes_the_first_patients_of_each_class() -> None:
    panel = cohort()
    split = SPLITS.build({"name": "per-class-order"})(panel)
    for c in range(3):
        ids = np.unique(panel.patient[panel.label == c])
        trained = np.unique(panel.patient[split.train][panel.label[split.train] == c])
        np.testing.assert_array_equal(trained, ids[: int(0.6 * len(ids))])

"""One recording under two patients never lies in two parts, in every kind of split."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from tests.signals.test_fingerprint import panel_of, recordings
from tsrep.datasets import load
from tsrep.errors import SplitError
from tsrep.registry import SPLITS
from tsrep.signals import Panel
from tsrep.splits.copies import joined_units
from tsrep.splits.split import PARTS, Split

PEOPLE, ORIGINAL, COPY = 40, 3, 37


def planted(*, rounded: bool = False) -> Panel:
    """Forty people with a record each, one a copy of another in other units and with leads interchanged."""
    x = recordings(PEOPLE).astype(np.float32)
    leads = [7, 1, 0, *range(2, 7), *range(8, 12)]
    x[COPY] = x[ORIGINAL, leads] * np.float32(0.001) + np.float32(0.2)
    if rounded:
        x[COPY] = x[COPY].astype(np.float16)
    fold = np.arange(PEOPLE) // 4 + 1
    return panel_of(x, fold=fold, record_names=tuple(f"r{n}" for n in range(PEOPLE)))


def where(split: Split, sample: int) -> str | None:
    return next((name for name in PARTS if sample in getattr(split, name)), None)


def of(name: str, panel: Panel, **settings) -> Split:
    return SPLITS.build({"name": name, **settings})(panel)


@pytest.fixture(scope="module", params=[False, True], ids=["exact", "rounded"])
def panel(request: pytest.FixtureRequest) -> Panel:
    return planted(rounded=request.param)


@pytest.mark.parametrize("seed", range(8))
def test_drawn_splits_join_patients_who_share_a_recording(panel: Panel, seed: int) -> None:
    split = of("stratified", panel, seed=seed)
    assert where(split, ORIGINAL) == where(split, COPY) is not None
    assert split.copies == 1
    assert split.how == (
        f"stratified by patient, seed {seed}; 1 recording is stored again under another patient; "
        "such patients are in one part"
    )
    assert sum(len(getattr(split, name)) for name in PARTS) == PEOPLE


def test_splits_in_order_join_in_the_later_part(panel: Panel) -> None:
    split = of("per-class-order", panel)
    assert where(split, ORIGINAL) == where(split, COPY) == "test"
    assert split.copies == 1


def test_official_folds_lose_the_training_copy(panel: Panel) -> None:
    split = of("official", panel)
    assert (where(split, ORIGINAL), where(split, COPY)) == (None, "test")
    assert (split.copies, split.counts["train"]["patients"]) == (1, 31)
    assert split.how == (
        "official folds 1-8 / 9 / 10; 1 recording is left out of training, as a later part has the same one"
    )
    assert split.notes == ("1 recording is left out of training, as a later part has the same one.",)


def test_validation_gives_way_to_the_test_part(panel: Panel) -> None:
    split = of("official", panel, train=(2, 3, 4), validation=(1, 5), test=(10,))
    assert (where(split, ORIGINAL), where(split, COPY)) == (None, "test")
    assert "left out of training or validation" in split.how


def test_archive_parts_lose_the_training_copy(panel: Panel) -> None:
    split = of("train-test", replace(panel, fold=np.where(np.arange(PEOPLE) < 30, 1, 2)))
    assert (where(split, ORIGINAL), where(split, COPY)) == (None, "test")
    assert split.copies == 1


def test_lists_are_refused_with_the_names_of_the_records(panel: Panel) -> None:
    listed = {"validation": (5, 6), "test": (COPY,)}
    with pytest.raises(SplitError) as refusal:
        of("patients", panel, **listed)
    assert str(refusal.value) == (
        "the train and the test part share 1 recording under another name (r3 = r37); put copies into one "
        "part, or set split.same_signal to join or drop-train"
    )
    assert of("patients", panel, validation=(5, 6), test=(ORIGINAL, COPY)).copies == 0


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("official", {}),
        ("train-test", {}),
        ("per-class-order", {}),
        ("patients", {"validation": (5, 6), "test": (COPY,)}),
        ("stratified", {"seed": 2}),
    ],
)
def test_every_default_can_be_overridden(panel: Panel, name: str, settings: dict) -> None:
    if name == "train-test":
        panel = replace(panel, fold=np.where(np.arange(PEOPLE) < 30, 1, 2))
    joined = of(name, panel, **settings, same_signal="join")
    assert where(joined, ORIGINAL) == where(joined, COPY)
    dropped = of(name, panel, **settings, same_signal="drop-train")
    assert {where(dropped, ORIGINAL), where(dropped, COPY)} >= {None}
    with pytest.raises(SplitError, match="share 1 recording under another name"):
        of(name, panel, **settings, same_signal="refuse")


def test_a_division_by_hand_refuses_copies(panel: Panel) -> None:
    first = np.arange(PEOPLE) < 30
    with pytest.raises(SplitError, match="the train and the validation part share 1 recording"):
        Split.make(panel, first, ~first, [], how="by hand")


def test_windows_of_a_copy_go_where_the_copy_goes(panel: Panel) -> None:
    windows = panel.windows(250)
    split = of("official", windows)
    copies = np.isin(windows.patient, [ORIGINAL, COPY])
    assert set(windows.patient[copies & np.isin(np.arange(len(windows)), split.test)]) == {COPY}
    assert not (copies[split.train]).any()
    assert split.copies == 1  # recordings, not windows


def test_copies_of_one_patient_are_no_leak() -> None:
    x = recordings(12)
    x[1] = x[0]
    panel = panel_of(x)
    one = replace(panel, patient=np.maximum(panel.patient, 1))
    split = Split.make(one, np.arange(6), np.arange(6, 12), [], how="by hand")
    assert (split.copies, split.notes) == (0, ())


def test_chains_of_patients_and_recordings_are_one_unit() -> None:
    x = recordings(9)
    x[4], x[6], x[8] = x[0], x[1], x[7]
    panel = replace(panel_of(x), patient=np.array([0, 1, 2, 3, 4, 4, 5, 4, 6]))
    # 0 = 4 (record 0), 4 = 6 (record 7); 1 = 5 (record 1); 2 and 3 alone
    assert joined_units(panel, panel.patient).tolist() == [0, 1, 2, 3, 0, 0, 1, 0, 0]


def test_without_copies_units_are_the_patients_and_splits_say_nothing() -> None:
    panel = panel_of(recordings(12))
    assert joined_units(panel, panel.patient + 7).tolist() == list(range(12))
    split = of("stratified", panel)
    assert (split.copies, split.notes, split.how) == (0, (), "stratified by patient, seed 0")


def test_a_training_part_left_empty_is_refused() -> None:
    x = recordings(6)
    x[:2] = x[4:]
    with pytest.raises(SplitError, match=r"the train part of the split .* is empty"):
        Split.make(panel_of(x), [0, 1], [2, 3], [4, 5], how="by hand", same_signal="drop-train")


def test_real_copies_of_ptb_xl(shared_path, tmp_path) -> None:
    panel = load("ptb-xl", shared_path("data/ptb-xl"), cache=tmp_path, progress=False)
    names = np.array(panel.record_names)[panel.row]
    split = of("official", panel, train=(1, 2, 4, 5, 6, 7, 8), validation=(3,), test=(9,))
    here = {str(name): where(split, i) for i, name in enumerate(names) if name[-3:] in ("145", "463")}
    assert here == {"00145": "validation", "00463": None}  # folds 3 and 1, patients 16690 and 16723
    assert split.copies == 1
    for seed in range(3):
        drawn = of("stratified", panel, seed=seed)
        pair = [where(drawn, int(np.flatnonzero(names == name)[0])) for name in ("00145", "00463")]
        assert pair[0] == pair[1]
        assert drawn.copies == 1
        for one, other in (("00137", "00138"), ("00456", "00457"), ("00459", "00460")):
            both = [where(drawn, int(np.flatnonzero(names == name)[0])) for name in (one, other)]
            assert both[0] == both[1]
    patient = int(panel.patient[names == "00145"][0])
    with pytest.raises(SplitError, match=r"share 1 recording under another name \(00145 = 00463\)"):
        of("patients", panel, validation=(patient,), test=(int(panel.patient[0]),))


def test_what_is_kept_of_a_split_is_json(panel: Panel) -> None:
    facts = json.loads(json.dumps(of("official", panel).facts))
    assert (facts["copies"], len(facts["notes"]), facts["counts"]["test"]["samples"]) == (1, 1, 4)

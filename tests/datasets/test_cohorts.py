"""Several data sets as one: signals by one contract, one list of classes, ids apart, folds by use."""

from __future__ import annotations

import numpy as np
import pytest

from tests.datasets.ecg_folders import LEADS, beats, write_cinc
from tests.datasets.recordings import write_csv, write_ptb_xl
from tsrep.datasets import build, load
from tsrep.errors import ConfigError, DataError
from tsrep.registry import SPLITS
from tsrep.signals import chained
from tsrep.signals.resample import resample
from tsrep.signals.same_signal import same_signal
from tsrep.testing import check_dataset

XL = [{"AFIB": 0.0}, {"SBRAD": 0.0, "NORM": 100.0}, {"NORM": 100.0}, {"STACH": 0.0}] * 5
DX = ("164889003", "426177001", "164890007,270492004", "427084000")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """PTB-XL at 100 Hz with official folds, Georgia at 500 Hz, and own arrays in microvolts at 250 Hz."""
    root = tmp_path_factory.mktemp("cohorts")
    write_ptb_xl(root / "xl", XL)
    for k in range(12):
        counts = beats(k, 5000)
        write_cinc(root / "cinc" / f"E{k:05d}", counts, dx=DX[k % 4], age=str(40 + k))
    own = np.stack([beats(100 + k, 2500) for k in range(12)])[:, ::-1].copy()
    (root / "own").mkdir()
    np.save(root / "own/records.npy", own)
    flags = [{"SB": k % 2, "AF-or-AFL": (k + 1) % 2, "other": 0} for k in range(12)]
    write_csv(root / "own/records.csv", [{"patient": f"p{k // 2}", **row} for k, row in enumerate(flags)])
    return root


def of(root, **changes):
    every = {
        "xl": {"name": "ptb-xl", "root": str(root / "xl"), "task": "scored"},
        "georgia": {
            "name": "cinc2021",
            "root": str(root / "cinc"),
            "sources": ["georgia"],
            "merge": "harmonised",
            "rate": 500,
        },
        "own": {
            "name": "arrays",
            "root": str(root / "own"),
            "sfreq": 250,
            "unit": "µV",
            "scale": 1.0,
            "label": ["SB", "AF-or-AFL", "other"],
            "channel_names": list(LEADS[::-1]),
        },
    }
    return {
        name: {**values, **changes.get(name, {})}
        for name, values in every.items()
        if changes.get(name) != "no"
    }


def read(root, changes=None, **settings):
    return load("cohorts", cache=root / "cache", progress=False, of=of(root, **(changes or {})), **settings)


def alone(root, name):
    values = {key: v for key, v in of(root)[name].items() if key != "use"}
    return load(values.pop("name"), values.pop("root"), cache=root / "cache", progress=False, **values)


def test_signals_of_all_are_brought_to_one_form(folders):
    panel = read(folders)
    assert (panel.sfreq, panel.unit, panel.length) == (100, "mV", 1000)
    assert panel.channels == LEADS
    assert panel.cohort_names == ("xl", "georgia", "own")
    assert np.bincount(panel.cohort).tolist() == [20, 12, 12]
    own = alone(folders, "xl")
    np.testing.assert_allclose(panel.take(np.arange(20)), own.x, atol=1e-6)
    raw = alone(folders, "own").take(np.array([3]))[0]  # leads in reverse, microvolts at 250 Hz
    got = panel.take(np.array([35]))[0]
    np.testing.assert_allclose(got, resample(raw[::-1], 250, 100) / 1000, atol=2e-4)


def test_ids_are_apart_and_named_by_cohort(folders):
    panel = read(folders)
    assert len(np.unique(panel.patient)) == 20 + 12 + 6
    assert len(panel.trials) == len(panel) == 44
    for c, name in enumerate(panel.cohort_names):
        mine = panel.cohort == c
        assert {panel.patient_names[p].split(":")[0] for p in panel.patient[mine]} == {name}
        assert {panel.record_names[r].split("/")[0] for r in panel.row[mine]} == {name}
    assert "georgia/E00003" in panel.record_names
    assert panel.patient_names[-1] == "own:p5"
    age = panel.meta["age"]  # only one of the three says it
    assert np.isnan(age[panel.cohort != 1]).all()
    assert age[panel.cohort == 1].tolist() == [40 + k for k in range(12)]


def test_common_classes_and_the_union_with_masks(folders):
    common = read(folders)
    assert common.classes == ("AF-or-AFL", "SB")
    assert common.known is None
    assert common.label[:2].tolist() == [[True, False], [False, True]]
    assert common.label[20:24].tolist() == [[True, False], [False, True], [True, False], [False, False]]
    assert common.label[32:34].tolist() == [[True, False], [False, True]]
    union = read(folders, labels="union")
    assert set(common.classes) < set(union.classes)
    at = {name: i for i, name in enumerate(union.classes)}
    known = np.array([union.known[union.cohort == c].all(axis=0) for c in range(3)])
    assert known[:, at["SB"]].all()
    assert known[:, at["IAVB"]].tolist() == [True, True, False]
    assert known[:, at["other"]].tolist() == [False, False, True]
    assert not union.label[~union.known].any()
    assert union.label[22, at["IAVB"]]


def test_folds_follow_each_cohort_and_its_use(folders):
    panel = read(folders, {"georgia": {"use": "test"}, "own": {"use": "train"}})
    split = SPLITS.build({"name": build("cohorts", of=of(folders)).default_split})(panel)
    of_xl = panel.fold[:20]
    assert of_xl.tolist() == [{9: 9, 10: 10}.get(k % 10 + 1, 1) for k in range(20)]
    assert set(panel.fold[panel.cohort == 1]) == {10}
    assert set(panel.fold[panel.cohort == 2]) == {1, 9}
    assert set(panel.cohort[split.test]) == {0, 1}
    blind = read(folders, {"georgia": {"use": "pretrain"}})
    assert not blind.known[blind.cohort == 1].any()
    assert set(blind.fold[blind.cohort == 1]) == {1}
    assert blind.known[blind.cohort == 0].all()


def test_a_recording_of_two_cohorts_leaves_the_training_part(folders, tmp_path):
    xl = alone(folders, "xl")
    copy = np.repeat(np.rint(xl.take(np.array([2]))[0] * 1000).astype(np.int16), 5, axis=1)
    for k in range(12):
        write_cinc(tmp_path / f"E{k:05d}", copy if k == 5 else beats(50 + k, 5000), dx=DX[k % 2])
    panel = read(folders, {"georgia": {"root": str(tmp_path), "use": "test"}, "own": "no"}, rate=100)
    assert (np.bincount(same_signal(panel)) == 2).sum() == 1
    split = SPLITS.build({"name": "official"})(panel)
    assert split.copies == 1
    assert 2 not in split.train
    assert 25 in split.test


def test_large_stores_are_read_where_they_lie(folders, monkeypatch):
    small = read(folders)
    monkeypatch.setattr(chained, "IN_MEMORY", 0)
    large = read(folders)
    assert isinstance(large.store, chained.ChainedStore)
    assert large.digest == small.digest
    index = np.array([40, 3, 30, 3, 21])
    np.testing.assert_array_equal(large.take(index), small.take(index))
    cut = large.windows(300)
    np.testing.assert_array_equal(cut.take(np.array([7, 100])), small.windows(300).take(np.array([7, 100])))
    np.testing.assert_array_equal(large.store[5:7], small.store[5:7])
    assert not large.store.in_chunks


def test_what_it_promises(folders):
    check_dataset(lambda: build("cohorts", of=of(folders)))


@pytest.mark.parametrize(
    ("changes", "settings", "message"),
    [
        ({"own": {"label": ["a", "b"]}}, {}, "cohort own: .* has no columns 'a', 'b'"),
        ({"own": {"name": "etth1"}}, {}, "unknown setting sfreq"),
        ({"own": {"use": "tests"}}, {}, "own.use is 'tests'; did you mean 'test'"),
        (
            {"own": {"label": "patient"}},
            {},
            "samples of cohort xl have several classes at once",
        ),
        ({}, {"rate": 400}, "cohort xl is sampled at 100 Hz and dataset.rate asks 400 Hz; set it to 100"),
        ({}, {"channels": ("I", "V9")}, "cohort xl cannot be brought to the others: .*V9"),
        ({"own": {"channel_names": [f"c{k}" for k in range(12)]}}, {}, "no channel in common"),
        ({"own": {"unit": "mmHg"}}, {}, "cohort own cannot be brought"),
        ({"own": "no", "georgia": "no"}, {}, "fewer than two data sets"),
    ],
)
def test_cohorts_that_do_not_go_together(folders, changes, settings, message):
    with pytest.raises((DataError, ConfigError), match=message):
        read(folders, changes, **settings)


def test_no_class_in_common(folders):
    rows = [{"patient": f"p{k // 2}", "this": k % 2, "that": 1} for k in range(12)]
    write_csv(folders / "own/two.csv", rows)
    own = {"label": ["this", "that"], "table": "two.csv"}
    with pytest.raises(DataError, match=r"no class in common: xl has AF-or-AFL, .*; own has this, that"):
        read(folders, {"own": own, "georgia": "no"})


def test_the_same_recordings_twice_are_refused(folders):
    native = {"a": {"name": "ptb-xl"}, "b": {"name": "cinc2021", "sources": ["ptb-xl", "georgia"]}}
    with pytest.raises(ConfigError, match="cohorts a and b hold the same recordings, those of ptb-xl"):
        build("cohorts", of=native)
    again = {"a": {"name": "cohorts", "of": {}}, "b": {"name": "ptb-xl"}}
    with pytest.raises(ConfigError, match="a is cohorts again"):
        build("cohorts", of=again)
    with pytest.raises(ConfigError, match="'A B' cannot name a cohort"):
        build("cohorts", of={"A B": {"name": "ptb-xl"}, "b": {"name": "mitdb"}})
    with pytest.raises(DataError, match="cohorts have no root of their own"):
        load("cohorts", folders, of=of(folders))

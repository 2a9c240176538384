"""CPSC2021: values, units, episodes and persons against an independent reading, and what is skipped."""

from __future__ import annotations

import numpy as np
import pytest

from tests.datasets.ecg_folders import beats, write_annotations
from tsrep.datasets import build, load
from tsrep.datasets.ecg.cpsc2021 import in_fibrillation
from tsrep.datasets.formats.wfdb_annotations import Annotations
from tsrep.datasets.formats.wfdb_record import write_wfdb
from tsrep.errors import DataError
from tsrep.testing import check_dataset

KINDS = ("no fibrillation", "paroxysmal", "persistent")


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cpsc")


def test_real_recordings_against_an_independent_reading(shared_path, cache):
    wfdb = pytest.importorskip("wfdb")
    root = shared_path("data/cpsc2021")
    panel = load("cpsc2021", root, cache=cache, progress=False, rate=200, targets=("burden",))
    assert (panel.unit, panel.sfreq, panel.length, panel.channels) == ("mV", 200, 6000, ("I", "II"))
    names = np.array(panel.record_names)[panel.row]
    assert len(set(names)) == 18
    assert set(panel.patient.tolist()) == {8, 21, 35, 84, 92, 101}
    kinds = load("cpsc2021", root, cache=cache, progress=False, rate=200, task="record3")
    for name in sorted(set(names)):
        mine = np.flatnonzero(names == name)
        truth = wfdb.rdrecord(str(root / name))
        assert len(mine) == truth.sig_len // 6000
        assert set(panel.patient[mine]) == {int(name.split("_")[1])}
        for k in {0, len(mine) - 1}:
            x = panel.take(mine[k : k + 1])[0]
            np.testing.assert_allclose(x, truth.p_signal[k * 6000 : (k + 1) * 6000].T, atol=2e-3)
        called = {"non": 0, "paroxysmal": 1, "persistent": 2}[truth.comments[0].split()[0]]
        assert set(kinds.label[mine]) == {called}
        # episodes, mark by mark
        marks = wfdb.rdann(str(root / name), "atr")
        inside, now = np.zeros(truth.sig_len, bool), False
        changes = dict(zip(marks.sample.tolist(), marks.aux_note, strict=True))
        for step in range(truth.sig_len):
            text = changes.get(step, "")
            now = text.startswith(("(AFIB", "(AFL")) if text.startswith("(") else now
            inside[step] = now
        share = np.array([inside[k * 6000 : (k + 1) * 6000].mean() for k in range(len(mine))])
        known = np.ones(len(mine), bool) if panel.known is None else panel.known[mine]
        np.testing.assert_array_equal(panel.label[mine], share >= 0.5)
        np.testing.assert_array_equal(known, (share < 0.05) | (share >= 0.5))
        np.testing.assert_allclose(panel.target[mine, 0], inside.mean(), atol=1e-6)
    assert kinds.classes == KINDS


def test_episodes_between_marks():
    marks = Annotations(np.array([3, 6, 8]), ("+", "+", "+"), ("(AFL", "(N", "(AFIB"))
    assert in_fibrillation(marks, 10).tolist() == [False] * 3 + [True] * 3 + [False] * 2 + [True] * 2
    assert not in_fibrillation(Annotations(np.zeros(0, np.int64), (), ()), 4).any()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Six persons with two recordings each, in two folders as published."""
    root = tmp_path_factory.mktemp("made") / "data"
    for person in range(6):
        for piece in (1, 2):
            part = root / f"Training_set_{'I' * (1 + person // 3)}"
            part.mkdir(parents=True, exist_ok=True)
            stem = part / f"data_{person}_{piece}"
            ill = person % 2
            says = "persistent atrial fibrillation" if ill else "non atrial fibrillation"
            counts = beats(10 * person + piece, 200 * 9, 2)
            write_wfdb(stem, counts, sfreq=200, channels=("I", "II"), comments=(says,))
            episode = [(400, "+", "(AFIB")] * ill
            write_annotations(stem.with_suffix(".atr"), [(100, "N", ""), *episode])
    return root


def test_what_it_promises(folder):
    check_dataset(lambda: build("cpsc2021", seconds=3), folder)


def test_recordings_that_cannot_be_used(folder, tmp_path):
    def read(**settings):
        return load("cpsc2021", folder, cache=tmp_path, progress=False, **settings)

    panel = read(seconds=4)
    known = panel.known
    assert panel.label[np.array(panel.record_names)[panel.row] == "data_1_1"].tolist() == [1, 1]
    assert known is None  # from 2 s on it is half of the first segment
    assert not read(seconds=3).known.all()  # a third of the first
    (folder / "Training_set_I/data_1_1.atr").rename(tmp_path / "away.atr")
    try:
        assert dict(read(seconds=3).skipped) == {"data_1_1": "its annotations data_1_1.atr are missing"}
    finally:
        (tmp_path / "away.atr").rename(folder / "Training_set_I/data_1_1.atr")
    with pytest.raises(DataError, match=r"data_0_1: 9\.0 s, shorter than 30 s"):
        read()
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="has no recordings such as data_21_7"):
        load("cpsc2021", tmp_path / "empty", progress=False)

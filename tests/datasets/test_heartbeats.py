"""Annotations of WFDB records, MIT-BIH's heartbeats between patients, and those of own records."""

from __future__ import annotations

import numpy as np
import pytest

from tests.datasets.ecg_folders import mitdb_folder, write_annotations
from tests.datasets.recordings import write_csv
from tsrep.datasets import build, load
from tsrep.datasets.dataset import Unreadable
from tsrep.datasets.formats.wfdb_annotations import read_annotations
from tsrep.errors import DataError
from tsrep.registry import SPLITS
from tsrep.testing import check_dataset


def test_annotations_against_an_independent_reader(shared_path):
    wfdb = pytest.importorskip("wfdb")
    files = sorted(shared_path("data/cpsc2021").glob("*.atr"))
    assert len(files) == 18
    for file in files:
        stem = file.with_suffix("")
        header, truth = wfdb.rdheader(str(stem)), wfdb.rdann(str(stem), "atr")
        found = read_annotations(stem, "atr", header.fs, header.sig_len)
        np.testing.assert_array_equal(found.sample, truth.sample)
        assert list(found.symbol) == truth.symbol
        assert list(found.aux) == [text.rstrip("\0") for text in truth.aux_note]


def test_long_intervals_texts_and_the_stated_rate(tmp_path):
    wfdb = pytest.importorskip("wfdb")
    marks = [(5, "N", ""), (70000, "V", ""), (70001, "+", "(AFL"), (200000, "+", "(N")]
    write_annotations(tmp_path / "a.atr", marks, rate=250)
    found = read_annotations(tmp_path / "a", "atr", 250, 300000)
    assert list(zip(found.sample.tolist(), found.symbol, found.aux, strict=True)) == marks
    assert found.sfreq == 250
    assert wfdb.rdann(str(tmp_path / "a"), "atr").sample.tolist() == found.sample.tolist()
    with pytest.raises(Unreadable, match="counts steps at 250 Hz, but the record is at 360 Hz"):
        read_annotations(tmp_path / "a", "atr", 360, 300000)
    with pytest.raises(Unreadable, match="marks step 200000 of a record of 1000 steps"):
        read_annotations(tmp_path / "a", "atr", 250, 1000)
    (tmp_path / "a.atr").write_bytes((tmp_path / "a.atr").read_bytes()[:-2])
    with pytest.raises(Unreadable, match="ends in the middle"):
        read_annotations(tmp_path / "a", "atr", 250, 300000)
    with pytest.raises(Unreadable, match=r"a\.qrs are missing"):
        read_annotations(tmp_path / "a", "qrs", 250, 300000)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("mitdb")
    return root / "data", mitdb_folder(root / "data"), root / "cache"


def read(folder, **settings):
    return load("mitdb", folder[0], cache=folder[2], progress=False, **settings)


def test_beats_are_cut_around_their_marks(folder):
    panel = read(folder)
    assert panel.length == 252
    assert panel.classes == ("N", "S", "V", "F", "Q")
    assert {panel.record_names[r] for r in panel.row} == {"100", "103", "105", "114", "118", "201"}
    assert panel.excluded == (
        ("of the person of recording 201, who is in the other part", 1, "recording"),
        ("paced beats", 1, "recording"),
        ("nearer to an end than the window", 12, "beat"),
    )
    for name, lead in (("100", 0), ("114", 1)):  # the leads of 114 are the other way round
        counts, marks = folder[1][name]
        mine = np.flatnonzero([panel.record_names[row] == name for row in panel.row])
        inside = [mark for mark in marks if mark[1] not in "+~" and 90 <= mark[0] < 360 * 59]
        assert len(mine) == len(inside)
        for i, (at, symbol, _) in zip(mine[::7], inside[::7], strict=True):
            truth = counts[lead, at - 90 : at + 162] / 200
            np.testing.assert_allclose(panel.take(np.array([i]))[0, 0], truth, atol=1e-4)
            named = panel.classes[panel.label[i]]
            assert symbol in {"N": "NLRej", "S": "AaJS", "V": "VE", "F": "F", "Q": "/fQ"}[named]
    age = dict(
        zip(
            [panel.record_names[panel.row[panel.trial == t][0]] for t in panel.trials],
            panel.meta["age"],
            strict=True,
        )
    )
    assert age["100"] == 69
    assert np.isnan(age["103"])


def test_divisions_between_persons(folder):
    clean = read(folder)
    split = SPLITS.build({"name": build("mitdb").default_split})(clean)
    tape = np.array([clean.patient_names[p] for p in clean.patient])
    assert set(tape[split.train]) == {"tape 1003", "tape 1960"}
    assert set(tape[split.validation]) == {"tape 1456"}
    assert set(tape[split.test]) == {"tape 1085", "tape 742", "tape 1624"}
    published = read(folder, division="ds1-ds2")
    assert "201 and 202" in published.source
    names = {published.record_names[r] for r in published.row}
    assert {"201", "202"} <= names
    SPLITS.build({"name": "official"})(published)
    persons = read(folder, division="persons")
    assert persons.fold is None
    both = {persons.patient[persons.row == persons.record_names.index(name)][0] for name in ("201", "202")}
    assert len(both) == 1
    assert build("mitdb", division="persons").default_split == "stratified"


def test_leads_and_classes(folder):
    assert dict(read(folder, division="persons").skipped) == {}
    both = read(folder, lead="both", classes=("V", "N"))
    assert both.channels == ("upper", "lower")
    assert both.classes == ("N", "V")
    assert ("of class S", 24, "beat") in both.excluded


def test_what_it_promises(folder):
    check_dataset(lambda: build("mitdb"), folder[0])


def test_own_annotated_records(folder, tmp_path):
    names = ["100", "103", "105", "201", "202"]
    people = {"100": "a", "103": "b", "105": "c", "201": "d", "202": "d"}
    write_csv(folder[0] / "own.csv", [{"record": n, "patient": people[n]} for n in names])
    settings = {"leads": ("MLII",), "rate": 180, "table": "own.csv"}
    panel = load("wfdb-beats", folder[0], cache=tmp_path, progress=False, **settings)
    assert panel.patient_names == ("a", "b", "c", "d")
    assert panel.length == 126
    assert panel.history == ("resampled 360->180 Hz polyphase",)
    counts, marks = folder[1]["100"]
    mine = panel.take(np.flatnonzero(panel.row == panel.record_names.index("100"))[:1])[0, 0]
    at = marks[1][0]
    rough = (counts[0, at - 90 : at + 162] / 200)[::2]
    assert np.corrcoef(mine, rough)[0, 1] > 0.99
    (folder[0] / "105.atr").rename(folder[0] / "105.away")
    try:
        panel = load("wfdb-beats", folder[0], cache=tmp_path, progress=False, **settings)
    finally:
        (folder[0] / "105.away").rename(folder[0] / "105.atr")
    assert dict(panel.skipped) == {"105": "its annotations 105.atr are missing"}
    assert set(panel.patient.tolist()) == {0, 1, 3}


def test_folders_that_are_wrong(tmp_path):
    (tmp_path / "RECORDS").write_text("100\nS0001\n")
    with pytest.raises(DataError, match="lists S0001; it is not that of the MIT-BIH"):
        load("mitdb", tmp_path, progress=False)

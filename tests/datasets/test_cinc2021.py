"""The 2021 challenge's bundle: values, units, labels and ids, and the faults that it is known for."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tests.datasets.ecg_folders import beats, cinc_folder, write_cinc
from tsrep.datasets import build, load
from tsrep.datasets.ecg.cinc_labels import labels_of
from tsrep.datasets.ecg.scored_classes import OFFICIAL, SOURCES, known_by_source, scored_classes
from tsrep.errors import ConfigError, DataError
from tsrep.testing import check_dataset

EVERY = tuple(SOURCES)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    root = tmp_path_factory.mktemp("cinc")
    return root / "data", cinc_folder(root / "data"), root / "cache"


def read(bundle, **settings):
    settings = {"seconds": 5, "sources": EVERY, "rate": 500} | settings
    return load("cinc2021", bundle[0], cache=bundle[2], progress=False, **settings)


def sample_of(panel, name):
    row = panel.record_names.index(name)
    return int(np.flatnonzero(panel.row == row)[0])


def test_real_records_against_an_independent_reading(shared_path, tmp_path):
    wfdb = pytest.importorskip("wfdb")
    root = shared_path("data/cinc2021")
    settings = {"sources": ("ptb-xl", "georgia", "ningbo"), "rate": 500, "cache": tmp_path}
    panel = load("cinc2021", root, progress=False, **settings)
    headers = sorted(root.glob("*.hea"))
    assert len(panel) == len(headers) == 22
    for header in headers:
        i = sample_of(panel, header.stem)
        truth = wfdb.rdrecord(str(header.with_suffix("")))
        assert [name.lower() for name in truth.sig_name] == [name.lower() for name in panel.channels]
        np.testing.assert_allclose(panel.take(np.array([i]))[0], truth.p_signal.T, atol=1e-6)
        text = header.read_text()
        codes = set(re.search(r"Dx: (\S+)", text)[1].split(","))
        stated = {one.name for one in OFFICIAL if codes & set(map(str, one.codes))}
        assert {c for c, flag in zip(panel.classes, panel.label[i], strict=True) if flag} == stated
        trial = int(np.searchsorted(panel.trials, panel.trial[i]))
        assert panel.meta["age"][trial] == float(re.search(r"Age: (\S+)", text)[1])
        assert panel.meta["sex"][trial] == re.search(r"Sex: (\S)", text)[1]
        source = {"H": "ptb-xl", "E": "georgia", "J": "ningbo"}[header.stem[0]]
        assert panel.cohort_names[panel.cohort[i]] == source
        assert panel.patient_names[panel.patient[i]] == f"record:{header.stem}"
    assert panel.unit == "mV"
    assert 0.3 < np.median(np.abs(panel.x).max(axis=(1, 2))) < 5


def test_the_official_table_is_whole():
    assert len(OFFICIAL) == 26
    codes = [code for one in OFFICIAL for code in one.codes]
    assert len(codes) == len(set(codes)) == 30
    total = {one.name: sum(one.stated) for one in OFFICIAL}
    assert (total["AF"], total["NSR"], total["PVC"], total["TInv"]) == (5255, 28971, 1938, 3989)
    harmonised = [code for one in scored_classes("harmonised") for code in one.codes]
    assert len(harmonised) == len(set(harmonised))
    assert len(scored_classes("harmonised")) == 25


def test_a_class_that_a_source_never_states_is_unknown_there():
    known = known_by_source(OFFICIAL, "official")
    at = {one.name: i for i, one in enumerate(OFFICIAL)}
    assert np.flatnonzero(known[:, at["PRWP"]]).tolist() == [SOURCES.index("ningbo")]
    assert not known[SOURCES.index("ningbo"), [at["AF"], at["AFL"]]].any()
    assert not known[SOURCES.index("cpsc_2018"), at["PVC"]]
    merged = scored_classes("harmonised")
    names = [one.name for one in merged]
    wide = known_by_source(merged, "harmonised")
    assert wide[SOURCES.index("cpsc_2018"), names.index("PVC")]
    assert wide[:, names.index("AF-or-AFL")].all()


def test_what_no_chosen_source_states_is_no_class():
    codes = [frozenset({164889003}), frozenset({426783006})]
    source, every = np.full(2, SOURCES.index("georgia")), np.arange(2)
    found = labels_of("scored", codes, source, every, "official", 1)
    assert {one.name for one in OFFICIAL} - set(found.classes) == {"LPR", "PR", "PRWP"}
    assert found.known.all()
    assert labels_of("scored-published", codes, source, every, "official", 1).classes == tuple(
        one.name for one in OFFICIAL
    )


def test_faults_of_the_published_bundle(bundle):
    panel = read(bundle)
    names = {panel.record_names[row] for row in panel.row}
    assert len(names) == 21
    assert dict(panel.skipped) == {
        "E04603": "missing values (NaN) in lead aVL",
        "Q0400": "all leads are flat",
    }
    assert panel.excluded == (("no label of the task scored", 1, "recording"),)  # JS13118 has no Dx
    assert "JS23074" in names  # of the header S23074
    assert "JS00003" in names  # its chest leads are flat, the others are not
    age = dict(
        zip(
            (panel.record_names[panel.row[panel.trial == t][0]] for t in panel.trials),
            panel.meta["age"],
            strict=True,
        )
    )
    assert np.isnan(age["A0608"])
    assert np.isnan(age["Q0002"])
    assert age["A0001"] == 60
    label = {name: panel.label[sample_of(panel, name)] for name in ("E00001", "JS00344", "JS20001")}
    stated = {n: [c for c, f in zip(panel.classes, row, strict=True) if f] for n, row in label.items()}
    assert stated == {"E00001": ["AF"], "JS00344": ["SB", "TAb"], "JS20001": ["AFL"]}
    assert not panel.known[sample_of(panel, "JS20001")][panel.classes.index("AFL")]


def test_values_whatever_the_spelling_of_the_unit(bundle):
    panel, counts = read(bundle), bundle[1]
    for name in ("HR00001", "E00001", "JS23074"):
        x = panel.take(np.array([sample_of(panel, name)]))[0]
        np.testing.assert_allclose(x, counts[name][:, :2500] / 1000, atol=2e-6)


def test_lengths_and_rates(bundle):
    padded = read(bundle, rate=250, seconds=8)
    x = padded.take(np.array([sample_of(padded, "E00001")]))[0]
    assert padded.length == 2000
    assert np.abs(x[:, 1250:]).max() < 1e-5
    assert np.abs(x[:, :1250]).max() > 0.5
    seconds = padded.meta["seconds"]
    assert set(np.round(seconds, 1)) == {5, 6, 12}
    dropped = read(bundle, seconds=6, short="drop", sources=("cpsc_2018",))
    assert {dropped.record_names[row] for row in dropped.row} == {"A0001", "A0608"}
    assert dict(dropped.skipped)["A0002"] == "5 s, shorter than 6 s"
    windows = read(bundle, seconds=5, long="windows", sources=("cpsc_2018",))
    assert len(windows) == 4  # 12 s are two samples
    assert len(np.unique(windows.trial)) == 3


def test_native_label_sets(bundle):
    nine = read(bundle, task="cpsc9", sources=("cpsc_2018",))
    assert {
        nine.record_names[r]: nine.classes[int(row.argmax())]
        for r, row in zip(nine.row, nine.label, strict=True)
    } == {
        "A0001": "RBBB",
        "A0002": "NSR",
        "A0608": "PVC",
    }
    rhythm = read(bundle, task="rhythm4", sources=("chapman_shaoxing",))
    assert not rhythm.multilabel
    assert [rhythm.classes[c] for c in rhythm.label] == ["SR", "SR", "SB"]
    every = read(bundle, task="all", min_count=2)
    assert every.classes == ("426783006",)
    with pytest.raises(ConfigError, match="rhythm4 is defined on chapman_shaoxing"):
        build("cinc2021", task="rhythm4", sources=("georgia",))


def test_default_sources_and_a_table_of_patients(bundle, tmp_path):
    panel = load("cinc2021", bundle[0], cache=bundle[2], progress=False, seconds=5)
    assert ("source ptb-xl is not asked for", 3, "recording") in panel.excluded
    assert panel.source.startswith("CinC-2021 (CPSC2018, CPSC-Extra, Georgia")
    cinc = build("cinc2021")
    assert cinc.independence == "recording"
    assert cinc.holds == tuple(f"cinc2021:{s}" for s in cinc.sources)
    assert build("cinc2021", sources=("ptb-xl",)).holds == ("ptb-xl",)
    table = bundle[0] / "people.csv"
    table.write_text("record,patient\nE00001,x\nE00003,x\nE04603,y\n")
    own = read(bundle, sources=("georgia",), patients="people.csv")
    assert own.patient_names == ("x", "y")
    assert build("cinc2021", patients="people.csv").independence == "patient"
    with pytest.raises(DataError, match="does not say whose A0001 is"):
        read(bundle, sources=("cpsc_2018",), patients="people.csv")


def test_what_it_promises(bundle):
    check_dataset(lambda: build("cinc2021", seconds=5, sources=EVERY), bundle[0])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda p: p.with_suffix(".mat").write_bytes(b"MATLAB 7.3 MAT-file" + bytes(99)), "MATLAB 7.3 file"),
        (
            lambda p: p.with_suffix(".mat").write_bytes(bytes(60024)),
            "60,024 bytes, its header says 24,024",
        ),
        (lambda p: p.with_suffix(".mat").unlink(), "no signal file"),
    ],
)
def test_a_signal_file_that_is_wrong(tmp_path, spoil, message):
    for k in range(2):
        write_cinc(tmp_path / "d" / f"E0000{k}", beats(k, 1000))
    spoil(tmp_path / "d/E00000")
    panel = load("cinc2021", tmp_path / "d", cache=tmp_path / "c", progress=False)
    assert [name for name, _ in panel.skipped] == ["E00000"]
    assert message in panel.skipped[0][1]


def test_folders_that_are_wrong(tmp_path):
    def of(folder, **settings):
        return load("cinc2021", tmp_path / folder, cache=tmp_path / "c", progress=False, **settings)

    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no records of the 2021 challenge"):
        of("empty")
    write_cinc(tmp_path / "old/E00001", beats(0, 1000), gain="4880.0(0)")
    with pytest.raises(DataError, match=r"headers of the 2020 release.*gain 4880 instead of 1000"):
        of("old")
    write_cinc(tmp_path / "hr/HR00001", beats(0, 1000))
    with pytest.raises(DataError, match=r"it has ptb-xl \(1\): set dataset.sources"):
        of("hr")
    for place in "ab":
        write_cinc(tmp_path / "two" / place / "E00001", beats(0, 1000))
    with pytest.raises(DataError, match="record E00001 lies in"):
        of("two")

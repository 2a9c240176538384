"""PTB-XL: labels as in its benchmarks, signals as wfdb reads them, and every kind of broken folder."""

from __future__ import annotations

import ast
import csv
import os
import sys
from collections import Counter

import numpy as np
import pytest

from tests.datasets.recordings import LEADS, write_ptb_xl
from tsrep.datasets import load
from tsrep.datasets.ecg.ptb_xl import PtbXl
from tsrep.datasets.ecg.ptb_xl_labels import aggregate, medformer
from tsrep.datasets.formats.wfdb_record import write_wfdb
from tsrep.errors import ConfigError, DataError

wfdb = pytest.importorskip("wfdb")
COUNTS = {"all": 71, "diagnostic": 44, "subdiagnostic": 23, "superdiagnostic": 5, "form": 19, "rhythm": 12}


@pytest.fixture
def folder(tmp_path):
    codes = [{"NORM": 100.0, "SR": 0.0}, {"IMI": 50.0, "LVH": 0.0}, {"NDT": 100.0}, {"SR": 0.0}]
    write_ptb_xl(tmp_path / "data", codes)
    return tmp_path / "data"


def read(folder, **settings):
    return load("ptb-xl", folder, cache=folder.parent / "cache", progress=False, **settings)


def sample(shared_path, tmp_path, **settings):
    return load("ptb-xl", shared_path("data/ptb-xl"), cache=tmp_path, progress=False, **settings)


def test_a_record_is_read_in_millivolts_with_its_ids(folder):
    panel = read(folder)
    truth = wfdb.rdrecord(str(folder / "records100/00000/00002_lr")).p_signal.T
    np.testing.assert_allclose(panel.take(np.array([1]))[0], truth, atol=1e-6)
    assert panel.store.dtype == np.int16
    assert isinstance(panel.store, np.memmap)
    assert panel.trial.tolist() == [1, 2, 3]
    assert panel.fold.tolist() == [1, 2, 3]
    assert (panel.sfreq, panel.unit, panel.length, panel.synthetic) == (100, "mV", 1000, False)
    assert [c.upper() for c in panel.channels] == list(LEADS)


def test_labels_ignore_likelihood_and_records_without_any_are_left_out(folder):
    panel = read(folder)
    assert panel.classes == ("CD", "HYP", "MI", "NORM", "STTC")
    np.testing.assert_array_equal(
        panel.label, np.array([[0, 0, 0, 1, 0], [0, 1, 1, 0, 0], [0, 0, 0, 0, 1]], bool)
    )
    assert read(folder, task="rhythm").trial.tolist() == [1, 4]
    assert read(folder, task="form").classes == ("NDT", "QWAVE")


@pytest.mark.parametrize("task", COUNTS)
def test_every_task_of_the_benchmark_on_real_records(shared_path, tmp_path, task):
    panel = sample(shared_path, tmp_path, task=task)
    assert len(panel.classes) == COUNTS[task]
    assert list(panel.classes) == sorted(panel.classes)
    # the slow literal reading of the benchmark
    root = shared_path("data/ptb-xl")
    with (root / "scp_statements.csv").open() as stream:
        table = {row[""]: row for row in csv.DictReader(stream)}
    column = {"subdiagnostic": "diagnostic_subclass", "superdiagnostic": "diagnostic_class"}.get(task)
    want, ids = Counter(), []
    with (root / "ptbxl_database.csv").open() as stream:
        for row in csv.DictReader(stream):
            found = set()
            for code in ast.literal_eval(row["scp_codes"]):
                if task == "all" or table[code][task if column is None else "diagnostic"] == "1.0":
                    found.add(code if column is None else table[code][column])
            want.update(found)
            ids += [int(row["ecg_id"])] * bool(found)
    assert panel.trial.tolist() == ids
    assert {c: n for c, n in zip(panel.classes, panel.label.sum(axis=0), strict=True) if n} == want


def test_real_signals_folds_and_the_record_at_500_hz(shared_path, tmp_path):
    panel = sample(shared_path, tmp_path, task="all")
    root = shared_path("data/ptb-xl")
    assert len(panel) == 500
    assert len(np.unique(panel.patient)) == 466
    for i in (0, 77, 499):
        truth = wfdb.rdrecord(str(root / f"records100/00000/{i + 1:05d}_lr")).p_signal.T
        np.testing.assert_allclose(panel.take(np.array([i]))[0], truth, atol=1e-6)
    fast = sample(shared_path, tmp_path, task="all", rate=500)
    truth = wfdb.rdrecord(str(root / "records500/00000/00012_hr")).p_signal.T
    np.testing.assert_allclose(fast.take(np.array([11]))[0], truth, atol=1e-6)
    assert len(fast) == 12
    assert len(fast.skipped) == 488
    assert fast.skipped[0] == ("records500/00000/00013_hr", "00013_hr.hea is missing")


def test_labels_agree_with_an_independent_copy(shared_path, tmp_path):
    panel = sample(shared_path, tmp_path)
    with shared_path("data/ptb-xl-panel/records.csv").open() as stream:
        other = {int(r["ecg_id"]): [r[c] == "1" for c in panel.classes] for r in csv.DictReader(stream)}
    both = [i for i, trial in enumerate(panel.trial) if trial in other]
    assert len(both) > 20
    for i in both:
        assert panel.label[i].tolist() == other[int(panel.trial[i])]


def test_medformer_keeps_patients_of_one_class():
    statements = {"NORM": "NORM", "IMI": "MI", "AMI": "MI", "LVH": "HYP"}
    codes = [
        {"NORM": 80.0, "LVH": 80.0},  # a tie goes to the first
        {"IMI": 50.0, "LVH": 15.0},
        {"AMI": 100.0},
        {"NORM": 100.0},
        {"LVH": 100.0},  # the same patient with another class
        {"NORM": 50.0, "SR": 100.0},  # the likeliest is no diagnosis
        {},
    ]
    labels = medformer(codes, np.array([9, 4, 4, 7, 7, 2, 1]), statements)
    assert labels.keep.tolist() == [0, 1, 2]
    assert [labels.classes[c] for c in labels.label] == ["NORM", "MI", "MI"]


def test_medformer_on_real_records(shared_path, tmp_path):
    panel = sample(shared_path, tmp_path, task="medformer")
    assert panel.classes == ("NORM", "MI", "STTC", "CD", "HYP")
    assert not panel.multilabel
    pairs = {(p, c) for p, c in zip(panel.patient.tolist(), panel.label.tolist(), strict=True)}
    assert len(pairs) == len(np.unique(panel.patient))
    assert PtbXl("medformer").default_split == "per-class-order"
    assert PtbXl().default_split == "official"


def test_aggregate_takes_classes_from_the_table():
    labels = aggregate([{"A": 0.0}, {"X": 100.0}], {"A": "one", "B": "two", "C": "one"})
    assert labels.classes == ("one", "two")
    assert labels.keep.tolist() == [0]


def test_another_task_decodes_nothing_again(folder, monkeypatch):
    read(folder)
    monkeypatch.setattr("tsrep.datasets.ecg.ptb_xl.read_wfdb", lambda stem: pytest.fail("decoded again"))
    assert len(read(folder, task="all")) == 4
    (folder / "scp_statements.csv").write_text(
        (folder / "scp_statements.csv").read_text().replace("HYP", "MI")
    )
    assert read(folder).classes == ("CD", "MI", "NORM", "STTC")


def test_the_digest_follows_content_and_labels_not_time_or_place(folder, tmp_path):
    first = read(folder)
    again = load("ptb-xl", folder, cache=tmp_path / "elsewhere", progress=False)
    assert again.digest == first.digest
    assert read(folder, task="all").digest != first.digest
    path = folder / "records100/00000/00001_lr.dat"
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    times = path.stat()
    path.write_bytes(data)
    # same size, and the time put back: noticed all the same
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    changed = read(folder)
    assert changed.digest != first.digest
    assert changed.store[0, 2, 4] != first.store[0, 2, 4]


def without(suffix):
    return lambda stem: stem.with_name(stem.name + suffix).unlink()


def cut_off(stem):
    path = stem.with_name(stem.name + ".dat")
    path.write_bytes(path.read_bytes()[: 24 * 400])


def rewritten(counts, channels=LEADS, sfreq=100, unit="mV"):
    return lambda stem: write_wfdb(stem, counts, sfreq=sfreq, channels=channels, unit=unit)


ONES = np.ones((12, 1000), np.int16)
GAP = ONES.copy()
GAP[7, 3] = -32768
DAMAGE = {
    "truncated": (cut_off, "00002_lr.dat is truncated: 400 of 1000 time steps"),
    "no dat": (without(".dat"), "00002_lr.dat is missing"),
    "no header": (without(".hea"), "00002_lr.hea is missing"),
    "nan": (rewritten(GAP), "missing values (NaN) in lead V2"),
    "few leads": (rewritten(ONES[:11], LEADS[:11]), "11 leads instead of 12"),
    "order": (rewritten(ONES, LEADS[::-1]), "leads are V6 V5"),
    "short": (rewritten(ONES[:, :900]), "900 time steps instead of 1000"),
    "rate": (rewritten(ONES, sfreq=250), "sampled at 250 Hz instead of 100 Hz"),
    "unit": (rewritten(ONES, unit="mmHg"), "unit is mmHg, not mV"),
    "garbled": (lambda stem: stem.with_name(stem.name + ".hea").write_text("what?\n"), "wfdb cannot read it"),
}


def damage(folder, kind: str) -> str:
    spoil, reason = DAMAGE[kind]
    spoil(folder / "records100/00000/00002_lr")
    return reason


@pytest.mark.parametrize("kind", DAMAGE)
def test_an_unreadable_record_is_skipped_with_the_reason_or_refused(folder, kind):
    reason = damage(folder, kind)
    panel = read(folder)
    assert panel.trial.tolist() == [1, 3]
    assert [panel.record_names[row] for row in panel.row] == ["00001", "00003"]
    assert [name for name, _ in panel.skipped] == ["records100/00000/00002_lr"]
    assert reason in panel.skipped[0][1]
    with pytest.raises(DataError, match="00002_lr cannot be used") as caught:
        read(folder, strict=True)
    assert reason in str(caught.value)


def test_strict_counts_the_others_and_writes_no_cache(folder):
    damage(folder, "truncated")
    (folder / "records100/00000/00003_lr.dat").unlink()
    with pytest.raises(DataError, match=r"\(and 1 more\)"):
        read(folder, strict=True)
    assert not list((folder.parent / "cache").iterdir())


def test_nothing_readable(folder):
    for path in folder.glob("records100/*/*.dat"):
        path.unlink()
    with pytest.raises(DataError, match="none of the 4 records"):
        read(folder)


def edit(folder, old: str, new: str, name: str = "ptbxl_database.csv") -> None:
    path = folder / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("strat_fold", "fold", "no column 'strat_fold'"),
        ("scp_codes", "codes", "no column 'scp_codes'"),
        ("2,2.0", "1,2.0", "ecg_id 1 in more than one row"),
        ("2,2.0", "2,Smith", "row 3 of .* has 'Smith' as patient_id"),
        ("2,2.0", "2,", "row 3 of .* has '' as patient_id"),
        ("\"{'NDT': 100.0}\"", "NDT", "row 4 of .* has 'NDT' as scp_codes"),
        ("{'NDT': 100.0}", "['NDT']", "as scp_codes"),
    ],
)
def test_tables_that_are_wrong(folder, old, new, message):
    text = (folder / "ptbxl_database.csv").read_text()
    if old not in text:
        old = old.strip('"')
    edit(folder, old, new)
    with pytest.raises(DataError, match=message):
        read(folder)


def test_codes_that_are_python_but_not_json(folder):
    edit(folder, "{'NDT': 100.0}", "{'NDT': 1_00.0}")
    assert len(read(folder)) == 3


def test_folders_that_are_wrong(tmp_path, monkeypatch):
    with pytest.raises(DataError, match="tsrep data fetch ptb-xl"):
        read(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"ptbxl_database\.csv is missing"):
        read(tmp_path)
    monkeypatch.setenv("TSREP_DATA", str(tmp_path / "data"))
    with pytest.raises(DataError, match="--root DIR") as caught:
        load("ptb-xl", cache=tmp_path)
    assert str(tmp_path / "data" / "ptb-xl") in str(caught.value)


def test_rate_that_is_not_there(folder):
    with pytest.raises(DataError, match="no records500; fetch it, or set rate to 100"):
        read(folder, rate=500)


def test_settings_that_are_wrong():
    with pytest.raises(ConfigError, match="did you mean 'rate'"):
        load("ptb-xl", rates=100)
    with pytest.raises(ConfigError, match="task is 'super'"):
        load("ptb-xl", task="super")
    with pytest.raises(ConfigError, match="did you mean 'ptb-xl'"):
        load("ptbxl")


def test_disk_without_space_says_so_before_and_during(folder, monkeypatch):
    full = type("usage", (), {"free": 1000})
    with monkeypatch.context() as patch:
        patch.setattr("shutil.disk_usage", lambda path: full)
        with pytest.raises(DataError, match="MB are free there"):
            read(folder)

    def fail(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tsrep.datasets.conversion._write_header", fail)
    with pytest.raises(DataError, match="the disk is full"):
        read(folder)
    assert not list((folder.parent / "cache").iterdir())


def test_a_cache_that_cannot_be_made(folder):
    (folder.parent / "cache").write_text("a file")
    with pytest.raises(DataError, match="cannot be written"):
        read(folder)


def test_an_interrupt_leaves_nothing_half_written(folder, monkeypatch):
    def stop(stem):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("tsrep.datasets.ecg.ptb_xl.read_wfdb", stop)
        with pytest.raises(KeyboardInterrupt):
            read(folder)
    assert not list((folder.parent / "cache").iterdir())
    assert len(read(folder)) == 3


def test_nothing_is_written_to_stdout(folder, capsys):
    load("ptb-xl", folder, cache=folder.parent / "cache")
    assert capsys.readouterr().out == ""
    assert sys.stdout is not None

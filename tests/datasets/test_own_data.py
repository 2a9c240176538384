"""Own recordings: a NumPy array or WFDB files, beside a CSV."""

from __future__ import annotations

import os
import shutil
import time
from functools import partial

import numpy as np
import pytest

from tests.datasets.recordings import write_csv
from tsrep.datasets import load
from tsrep.datasets.check import check
from tsrep.datasets.formats import arrays as array_module
from tsrep.datasets.formats.arrays import Arrays
from tsrep.datasets.formats.wfdb_record import write_wfdb
from tsrep.errors import ConfigError, DataError


@pytest.fixture
def arrays(tmp_path):
    root = tmp_path / "own"
    root.mkdir()
    x = np.random.default_rng(0).integers(-99, 99, (6, 2, 50)).astype(np.int16)
    np.save(root / "records.npy", x)
    rows = [
        {
            "who": f"p{i // 2}",
            "label": "ab"[i % 2],
            "a": i % 2,
            "b": 1,
            "run": i // 2,
            "part": i % 3,
            "many": "x;y" if i else "y",
        }
        for i in range(6)
    ]
    write_csv(root / "records.csv", rows)
    return root


def own(root, **settings):
    return load("arrays", root, **({"sfreq": 50, "patient": "who"} | settings))


def test_an_array_is_mapped_where_it_lies(arrays):
    panel = own(arrays, scale=0.5, unit="uV", channels=("left", "right"), trial="run", fold="part")
    assert isinstance(panel.store, np.memmap)
    assert panel.store.filename == arrays / "records.npy"
    np.testing.assert_array_equal(panel.x, np.load(arrays / "records.npy") * np.float32(0.5))
    assert panel.patient_names == ("p0", "p1", "p2")
    assert panel.patient.tolist() == panel.trial.tolist() == [0, 0, 1, 1, 2, 2]
    assert panel.fold.tolist() == [0, 1, 2, 0, 1, 2]
    assert (panel.classes, panel.label.tolist()) == (("a", "b"), [0, 1, 0, 1, 0, 1])
    assert panel.channels == ("left", "right")


def test_the_map_is_private(arrays):
    before = (arrays / "records.npy").read_bytes()
    own(arrays).store[:] = 0
    assert (arrays / "records.npy").read_bytes() == before


def test_kinds_of_labels(arrays):
    several = own(arrays, label=("a", "b"))
    assert several.classes == ("a", "b")
    np.testing.assert_array_equal(several.label, [[i % 2 == 1, True] for i in range(6)])
    listed = own(arrays, label="many")
    assert listed.classes == ("x", "y")
    np.testing.assert_array_equal(listed.label, [[i > 0, True] for i in range(6)])
    assert own(arrays, label="part").classes == ("0", "1", "2")


def test_the_digest_follows_array_and_table(arrays):
    first = own(arrays).digest
    assert own(arrays).digest == first
    assert own(arrays, label="part").digest != first
    x = np.load(arrays / "records.npy")
    x[0, 0, 0] += 1
    np.save(arrays / "records.npy", x)
    assert own(arrays).digest != first


def test_an_array_that_has_not_changed_is_not_read_again(arrays, tmp_path, monkeypatch):
    cache = tmp_path / "cache"
    path = arrays / "records.npy"
    np.save(path, x := np.load(path).astype(np.float32))
    time.sleep(0.05)
    reads = []
    whole = Arrays.look
    monkeypatch.setattr(Arrays, "look", lambda *given: reads.append(1) or whole(*given))
    load_it = partial(load, "arrays", arrays, cache=cache, sfreq=50, patient="who")
    first = load_it().digest
    assert (load_it().digest, load_it(label="part").digest != first, len(reads)) == (first, True, 1)
    times = path.stat()
    x[0, 0, 0] += 1
    np.save(path, x)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    time.sleep(0.05)
    changed = load_it().digest
    assert (changed != first, len(reads)) == (True, 2)
    for remembered in cache.iterdir():
        remembered.write_text("{")
    assert (load_it().digest, load_it().digest, len(reads)) == (changed, changed, 3)


def test_a_fresh_array_is_not_remembered(arrays, tmp_path, monkeypatch):
    monkeypatch.setattr(array_module, "SETTLED_NS", 10**12)
    load("arrays", arrays, cache=tmp_path / "cache", sfreq=50, patient="who")
    assert not (tmp_path / "cache").exists()


def test_a_cache_that_cannot_be_written_does_no_harm(arrays, tmp_path):
    (tmp_path / "cache").write_text("a file where the folder should be")
    time.sleep(0.05)
    assert len(load("arrays", arrays, cache=tmp_path / "cache", sfreq=50, patient="who")) == 6


def test_a_record_with_a_silent_lead_is_skipped(arrays):
    x = np.load(arrays / "records.npy").astype(np.float32)
    x[2, 1] = np.nan
    x[4, 0, 3] = np.nan
    np.save(arrays / "records.npy", x)
    panel = own(arrays)
    assert panel.skipped == (("2", "channel 1 has no value (NaN throughout)"),)
    assert panel.row.tolist() == panel.trial.tolist() == [0, 1, 3, 4, 5]
    np.testing.assert_array_equal(panel.x, x[[0, 1, 3, 4, 5]])
    findings = {f.what: f.where for f in check(panel)}
    assert findings["1 left out as unreadable"] == "2: channel 1 has no value (NaN throughout)"
    assert (
        findings["1 record with missing values (NaN), steps that encoders drop in all leads"] == "ch0: 4 (p2)"
    )
    with pytest.raises(DataError, match=r"record 2 of .* missing values in channel 1"):
        own(arrays, strict=True)
    x[:, 0] = np.nan
    np.save(arrays / "records.npy", x)
    with pytest.raises(DataError, match=r"every record of .* the first is channel 0 of record 0; remove"):
        own(arrays)


def test_missing_values_are_kept_or_refused(arrays):
    x = np.load(arrays / "records.npy").astype(np.float32)
    x[4, 1, 7] = np.nan
    np.save(arrays / "records.npy", x)
    assert np.isnan(own(arrays).x).sum() == 1
    with pytest.raises(DataError, match=r"record 4 of .* missing values in channel 1"):
        own(arrays, strict=True)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"label": "lable"}, DataError, "no column 'lable'; did you mean 'label'"),
        ({"label": ("a", "who")}, DataError, "has 'p0' as who"),
        ({"fold": "who"}, DataError, "must be a whole number"),
        ({"channels": ("one",)}, ConfigError, "names 'one', but the 2 channels of records.npy"),
        ({"array": "other.npy"}, DataError, "other.npy is missing"),
        ({"array": "records.csv"}, DataError, "cannot be opened as a NumPy array"),
        ({"sfreq": -1}, ConfigError, "data set 'arrays': sfreq is -1: .*greater than 0"),
        ({"sfrequ": 1}, ConfigError, "data set 'arrays': unknown setting sfrequ; did you mean 'sfreq'"),
    ],
)
def test_settings_that_do_not_fit(arrays, settings, error, message):
    with pytest.raises(error, match=message):
        own(arrays, **settings)


def test_files_that_do_not_fit(arrays):
    with pytest.raises(ConfigError, match="data set 'arrays': sfreq is missing"):
        load("arrays", arrays)
    np.save(arrays / "records.npy", np.zeros((5, 2, 50), np.int16))
    with pytest.raises(DataError, match=r"6 rows but records\.npy 5 records"):
        own(arrays)
    np.save(arrays / "records.npy", np.zeros((5, 50), np.int16))
    with pytest.raises(DataError, match="shape"):
        own(arrays)
    text = (arrays / "records.csv").read_text()
    (arrays / "records.csv").write_text(text.replace("p1", "", 1))
    np.save(arrays / "records.npy", np.zeros((6, 2, 50), np.int16))
    with pytest.raises(DataError, match=r"row 4 of .* has no who"):
        own(arrays)
    (arrays / "records.csv").write_text(text.splitlines()[0] + "\n")
    with pytest.raises(DataError, match="no rows"):
        own(arrays)


def test_two_thousand_real_records(shared_path):
    panel = load(
        "arrays",
        shared_path("data/ptb-xl-panel"),
        array="ecg_100hz_int16_uV.npy",
        patient="patient_id",
        trial="ecg_id",
        label=("NORM", "MI", "STTC", "CD", "HYP"),
        sfreq=100,
        scale=1e-3,
        unit="mV",
    )
    assert panel.store.shape == (2010, 12, 1000)
    assert len(np.unique(panel.patient)) == 1964
    assert panel.label.sum(axis=0).tolist() == [919, 474, 489, 408, 249]
    assert 0.1 < panel.take(np.arange(50)).std() < 0.5


def wave(hertz: float, rate: float, seconds: float) -> np.ndarray:
    when = np.arange(round(rate * seconds)) / rate
    return np.rint(
        1000 * np.stack([np.sin(2 * np.pi * hertz * when), np.cos(2 * np.pi * hertz * when)])
    ).astype(np.int16)


@pytest.fixture
def records(tmp_path):
    root = tmp_path / "wfdb"
    (root / "sub").mkdir(parents=True)
    rows = []
    for i, (rate, seconds) in enumerate([(100, 10), (100, 10), (250, 10), (100, 25)]):
        names = ("I", "II") if i != 1 else ("II", "I")
        write_wfdb(
            root / f"sub/r{i}",
            wave(2, rate, seconds),
            sfreq=rate,
            channels=names,
            gain=1000.0 if i else 500.0,
        )
        rows.append(
            {"record": f"sub/r{i}", "patient": f"x{i // 2}", "label": "yes" if i % 2 else "no", "fold": i}
        )
    write_csv(root / "records.csv", rows)
    return root


def folder(root, rows=None, **settings):
    if rows is not None:
        lines = (root / "records.csv").read_text().splitlines()
        (root / "records.csv").write_text("\n".join([lines[0], *(lines[i + 1] for i in rows)]) + "\n")
    return load("wfdb", root, cache=root.parent / "cache", progress=False, **settings)


def test_whatever_differs_is_named_with_what_to_set(records):
    with pytest.raises(DataError, match="different channels: sub/r1 has II I, most have I II; set channels"):
        folder(records)
    with pytest.raises(DataError, match="different sampling rates: sub/r2 has 250, most have 100; set rate"):
        folder(records, channels=("I", "II"))
    with pytest.raises(
        DataError, match="different lengths: sub/r3 has 2500, most have 1000; set segment_seconds"
    ):
        folder(records, channels=("I", "II"), rate=100)


def test_a_table_of_another_name_with_other_columns(records):
    rows = [{"file": f"sub/r0{suffix}", "pid": "x", "dx": "no"} for suffix in (".hea", ".dat")]
    (records / "records.csv").unlink()
    write_csv(records / "labels.csv", rows[1:])
    with pytest.raises(
        DataError, match=r"records.csv is missing; if labels.csv is the table, say so with --set"
    ):
        folder(records)
    with pytest.raises(
        DataError, match="has no columns 'patient', 'record', 'label'; known: dx, file, pid; name"
    ):
        folder(records, table="labels.csv")
    names = {"table": "labels.csv", "patient": "pid", "label": "dx"}
    with pytest.raises(
        DataError, match=r"no column 'record'; .*; name yours with --set dataset.record=COLUMN$"
    ):
        folder(records, **names)
    assert folder(records, record="file", **names).record_names == ("sub/r0",)
    write_csv(records / "labels.csv", rows)
    with pytest.raises(DataError, match="sub/r0"):  # twice, by two names
        folder(records, record="file", **names)


def test_records_brought_to_one_form(records):
    panel = folder(records, channels=("II", "I"), rate=100, segment_seconds=10, fold="fold")
    assert panel.store.shape == (5, 2, 1000)
    assert panel.store.dtype == np.int16
    assert panel.trial.tolist() == [0, 1, 2, 3, 3]
    assert panel.fold.tolist() == [0, 1, 2, 3, 3]
    assert panel.patient_names == ("x0", "x1")
    assert panel.label.tolist() == [0, 1, 0, 1, 1]
    assert panel.unit == "mV"
    want = wave(2, 100, 10)[::-1] / 1000
    np.testing.assert_allclose(panel.x[0], 2 * want, atol=1e-6)
    np.testing.assert_allclose(panel.x[1], want[::-1], atol=1e-6)
    np.testing.assert_allclose(panel.x[2][:, 50:-50], want[:, 50:-50], atol=0.01)
    np.testing.assert_allclose(panel.x[4], panel.x[3], atol=2e-3)


def test_a_record_of_the_table_without_files_is_skipped(records):
    (records / "sub/r0.dat").unlink()
    panel = folder(records, rows=[0, 3], segment_seconds=5)
    assert panel.skipped == (("sub/r0", "r0.dat is missing"),)
    assert panel.trial.tolist() == [1] * 5
    with pytest.raises(DataError, match="sub/r0 cannot be used"):
        folder(records, segment_seconds=5, strict=True)


@pytest.mark.parametrize("rate", [None, 80, 250])
def test_a_gap_costs_its_segment_only(records, rate):
    whole = folder(records, rows=[0, 3], segment_seconds=5, rate=rate).x
    path = records / "sub/r3.dat"
    counts = np.fromfile(path, "<i2").reshape(-1, 2)
    counts[1150:1200, 1] = -32768
    counts[2499, 0] = -32768
    counts.tofile(path)
    panel = folder(records, segment_seconds=5, rate=rate)
    assert panel.skipped == (
        ("sub/r3, segment 2", "missing values (NaN) in channel II within 10-15 s"),
        ("sub/r3, segment 4", "missing values (NaN) in channel I within 20-25 s"),
    )
    assert panel.trial.tolist() == [0, 0, 1, 1, 1]
    # all but the ends, where the filter of the resampling reaches the gap
    np.testing.assert_allclose(panel.x[..., 50:-50], whole[[0, 1, 2, 3, 5]][..., 50:-50], atol=2e-3)
    with pytest.raises(DataError, match="sub/r3, segment 2 cannot be used: missing values"):
        folder(records, segment_seconds=5, rate=rate, strict=True)


def test_a_gap_behind_the_last_segment_costs_nothing(records):
    path = records / "sub/r3.dat"
    counts = np.fromfile(path, "<i2").reshape(-1, 2)
    counts[2100:] = -32768
    counts.tofile(path)
    assert folder(records, rows=[0, 3], segment_seconds=10).skipped == ()
    counts[[5, 1500], 1] = -32768
    counts.tofile(path)
    panel = folder(records, segment_seconds=10)
    reason = "every segment touches a bad span, the first: missing values (NaN) in channel II within 0-10 s"
    assert panel.skipped == (("sub/r3", reason),)


def test_a_gap_costs_a_record_that_is_not_cut(records):
    path = records / "sub/r0.dat"
    counts = np.fromfile(path, "<i2").reshape(-1, 2)
    counts[5, 1] = -32768
    counts.tofile(path)
    assert folder(records, rows=[0, 1], channels=("I", "II")).skipped == (
        (
            "sub/r0",
            "missing values (NaN) in channel II within 0-10 s; set segment_seconds to lose only the segments "
            "that it touches",
        ),
    )


def test_a_changed_file_is_decoded_again(records):
    first = folder(records, rows=[0, 3], segment_seconds=5)
    write_wfdb(records / "sub/r3", wave(3, 100, 25), sfreq=100, channels=("I", "II"))
    second = folder(records, segment_seconds=5)
    assert second.digest != first.digest
    assert not np.array_equal(first.x, second.x)


def test_tables_that_are_wrong(records):
    with pytest.raises(DataError, match="in more than one row"):
        folder(records, rows=[0, 0])
    folder(records, rows=[0], segment_seconds=5)
    shutil.rmtree(records / "sub")
    with pytest.raises(DataError, match="readable header"):
        folder(records)


def test_matlab_backed_records(shared_path, tmp_path):
    source = shared_path("data/cinc2021")
    root = tmp_path / "data"
    root.mkdir()
    rows = []
    for header in sorted(source.glob("*.hea")):
        for path in (header, header.with_suffix(".mat")):
            (root / path.name).symlink_to(path)
        diagnosis = next(line.split(":")[1] for line in header.read_text().splitlines() if "Dx" in line)
        rows.append(
            {"record": header.stem, "patient": header.stem, "label": diagnosis.strip().replace(",", ";")}
        )
    write_csv(root / "records.csv", rows)
    panel = folder(root)
    wfdb = pytest.importorskip("wfdb")
    np.testing.assert_allclose(panel.x[3], wfdb.rdrecord(str(root / rows[3]["record"])).p_signal.T, atol=1e-6)
    assert (len(panel), panel.multilabel, panel.sfreq) == (22, True, 500)


def test_records_of_unequal_length(shared_path, tmp_path):
    source = shared_path("data/cpsc2021")
    root = tmp_path / "data"
    root.mkdir()
    stems = sorted(path.stem for path in source.glob("*.hea"))
    for stem in stems:
        for suffix in (".hea", ".dat"):
            (root / f"{stem}{suffix}").symlink_to(source / f"{stem}{suffix}")
    write_csv(
        root / "records.csv",
        [{"record": s, "patient": s.split("_")[1], "label": s.split("_")[1]} for s in stems],
    )
    panel = folder(root, segment_seconds=30, rate=100)
    assert panel.store.shape[1:] == (2, 3000)
    assert len(np.unique(panel.patient)) == 6
    assert len(np.unique(panel.trial)) == 18
    assert len(panel.gain) == len(panel.store)
    assert np.abs(panel.x).mean() < 10

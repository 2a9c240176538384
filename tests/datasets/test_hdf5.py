"""Arrays in HDF5 files: the user's own, and CODE-15 % with the faults that it is known for."""

from __future__ import annotations

import numpy as np
import pytest

from tests.datasets.ecg_folders import LEADS, beats
from tests.datasets.recordings import write_csv
from tsrep.datasets import build, load
from tsrep.errors import ConfigError, DataError
from tsrep.testing import check_dataset

h5py = pytest.importorskip("h5py", reason="h5py is not installed")
SIX = ("1dAVb", "RBBB", "LBBB", "SB", "ST", "AF")


def write_h5(path, **arrays):
    with h5py.File(path, "w") as file:
        for name, values in arrays.items():
            file.create_dataset(name, data=values)


@pytest.fixture
def own(tmp_path):
    root = tmp_path / "own"
    root.mkdir()
    x = np.random.default_rng(0).normal(size=(24, 50, 3)).astype(np.float32)
    numbers = np.arange(24) * 7 % 100
    write_h5(root / "records.h5", tracings=x, ids=numbers, names=[f"r{n}".encode() for n in numbers])
    rows = [{"ids": n, "patient": f"p{n % 12}", "label": "ab"[n % 2]} for n in sorted(numbers.tolist())]
    write_csv(root / "records.csv", rows[1:])  # record 0 has no row
    return root, x, numbers


SETTINGS = {"signal": "tracings", "axes": "record,time,channel", "sfreq": 50, "ids": "ids"}


def read(root, **settings):
    return load("hdf5", root, cache=root.parent / "cache", progress=False, **SETTINGS | settings)


def test_rows_are_joined_by_number(own):
    root, x, numbers = own
    panel = read(root)
    assert panel.skipped == (("0", "no row of the table has its number"),)
    assert len(panel) == 23
    for i, row in enumerate(panel.row.tolist()):
        np.testing.assert_array_equal(panel.take(np.array([i]))[0], x[row].T)
        n = int(panel.record_names[row])
        assert n == numbers[row]
        assert panel.patient_names[panel.patient[i]] == f"p{n % 12}"
        assert panel.classes[panel.label[i]] == "ab"[n % 2]


def test_what_it_promises(own):
    check_dataset(lambda: build("hdf5", **SETTINGS), own[0])


def test_rows_in_the_order_of_records(own):
    root, x, _ = own
    write_csv(root / "records.csv", [{"patient": k // 2, "label": "ab"[k // 2 % 2]} for k in range(24)])
    panel = read(root, ids=None)
    np.testing.assert_array_equal(panel.x, x.transpose(0, 2, 1))
    with pytest.raises(ConfigError, match=r"has 3 names, but records\.h5 has 50 channels"):
        read(root, ids=None, axes="record,channel,time", channel_names=("I", "II", "III"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"signal": "ecg"}, r"no dataset 'ecg' in .*; it has: .*tracings \(24, 50, 3\)"),
        ({"signal": "ids"}, r"must be one array of shape \(record, channel, time\)"),
        ({"ids": "tracings"}, "records.csv has no column 'tracings'"),
        ({"array": "records.csv"}, "cannot be read as HDF5"),
    ],
)
def test_settings_that_do_not_fit(own, settings, message):
    with pytest.raises(DataError, match=message):
        read(own[0], **settings)


def test_links_to_other_files_and_numbers_that_are_twice(own):
    root, x, _ = own
    with h5py.File(root / "records.h5", "a") as file:
        file["elsewhere"] = h5py.ExternalLink("/etc/passwd", "/x")
    with pytest.raises(DataError, match="is a link to /etc/passwd"):
        read(root, signal="elsewhere")
    write_h5(root / "records.h5", tracings=x[:3], ids=[7, 7, 14])
    write_csv(root / "records.csv", [{"ids": n, "patient": n, "label": "a"} for n in (7, 14)])
    with pytest.raises(DataError, match="ids 7 is twice"):
        read(root)
    write_h5(root / "records.h5", tracings=x[:2], ids=[7, 8])
    with pytest.raises(DataError, match=r"has ids 14, which records.h5 has not"):
        read(root)


def test_without_the_package(own, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    with pytest.raises(ConfigError, match=r"needs the package h5py, .* install tsrep\[hdf5\]"):
        read(own[0])


def exam(number, part, patient, **flags):
    row = {"exam_id": number, "age": 40 + number % 9, "is_male": number % 2 == 0, "patient_id": patient}
    row |= {name: flags.get(name, False) for name in (*SIX, "normal_ecg")}
    return row | {"death": "", "timey": "", "trace_file": f"exams_part{part}.hdf5"}


@pytest.fixture
def code15(tmp_path):
    """Two parts of eight exams and the empty tracing at the end; a third part is not here."""
    root = tmp_path / "code"
    root.mkdir()
    x = np.zeros((2, 9, 4096, 12), np.float32)
    for k in range(16):
        steps = 2800 if k == 3 else 4000
        start = (4096 - steps) // 2
        x[k // 8, k % 8, start : start + steps] = beats(k, steps).T / 450
    x[1, 0] = x[0, 0]  # the same recording under another patient
    x[0, 5] = 0
    for part in range(2):
        ids = [*range(100 + 8 * part, 108 + 8 * part), 0]
        write_h5(root / f"exams_part{part}.hdf5", tracings=x[part], exam_id=np.array(ids))
    rows = [exam(100 + k, k // 8, 1000 + k % 7, normal_ecg=k % 2 == 0) for k in range(16) if k != 6]
    rows[1] |= {"AF": True, "normal_ecg": False}
    rows[4] |= {"normal_ecg": False}
    rows += [exam(115 + 85, 1, 9), exam(300, 2, 9)]  # one is not in its part, one in a part not here
    order = np.random.default_rng(1).permutation(len(rows))
    write_csv(root / "exams.csv", [rows[i] for i in order])
    return root, x


def of(root, **settings):
    return load("code15", root, cache=root.parent / "cache", progress=False, **settings)


def test_exams_are_joined_by_number(code15):
    root, x = code15
    panel = of(root, rate=400)
    assert panel.channels == LEADS
    assert dict(panel.skipped) == {
        "exam 106": "it is in exams_part0.hdf5 but not in exams.csv",
        "exam 105": "all leads are flat",
    }
    assert panel.excluded == (
        ("in a part that is not here (2 of 3 parts are)", 1, "recording"),
        ("listed in exams.csv but not in its part", 1, "recording"),
    )
    assert panel.trial.tolist() == [100, 101, 102, 103, 104, *range(107, 116)]
    for i in (0, 3, 13):
        n = int(panel.trial[i])
        raw = x[(n - 100) // 8, (n - 100) % 8]
        raw = raw[raw.any(axis=1)].T
        got = panel.take(np.array([i]))[0]
        np.testing.assert_allclose(got[:, : raw.shape[1]], raw, atol=2e-4)
        assert np.abs(got[:, raw.shape[1] :]).max() < 2e-4
        assert panel.patient[i] == 1000 + (n - 100) % 7
        assert panel.meta["age"][i] == 40 + n % 9
        assert panel.meta["sex"][i] == ("M" if n % 2 == 0 else "F")
    assert panel.label[1].tolist() == [False] * 5 + [True]
    assert panel.unit == "mV"


def test_tasks_and_what_absence_means(code15):
    root, _ = code15
    clean = of(root, task="six-clean")
    unsure = clean.trial[~clean.known.all(axis=1)].tolist()
    assert unsure == [103, 104, 107, 109, 111, 113, 115]
    normal = of(root, task="normal")
    assert normal.classes == ("normal", "not normal")
    assert normal.label[:3].tolist() == [0, 1, 0]
    aged = of(root, targets=("age",))
    assert aged.target_units == ("years",)
    np.testing.assert_array_equal(aged.target[:, 0], 40 + aged.trial % 9)


def test_one_recording_under_two_patients_stays_in_one_part(code15):
    from tsrep.signals.same_signal import same_signal

    panel = of(code15[0])
    signal = dict(zip(panel.trial.tolist(), same_signal(panel)[panel.row].tolist(), strict=True))
    assert signal[100] == signal[108]
    assert panel.patient[panel.trial == 100] != panel.patient[panel.trial == 108]


def test_folders_that_are_wrong(code15):
    root, x = code15
    write_h5(root / "exams_part0.hdf5", tracings=x[0] / 10000, exam_id=np.arange(100, 109))
    with pytest.raises(DataError, match="these are no mV"):
        of(root)
    write_h5(root / "exams_part0.hdf5", tracings=x[0].transpose(0, 2, 1), exam_id=np.arange(100, 109))
    with pytest.raises(DataError, match=r"tracings is \(9, 12, 4096\), expected"):
        of(root)
    write_h5(root / "exams_part0.hdf5", tracings=x[0], exam_id=np.array([100] * 9))
    with pytest.raises(DataError, match="exam 100 is twice"):
        of(root)
    (root / "exams_part2.zip").write_bytes(b"")
    with pytest.raises(DataError, match=r"exams_part2.zip is not unpacked"):
        of(root)
    for path in root.glob("exams_part*"):
        path.unlink()
    with pytest.raises(DataError, match="has none of the 3 parts"):
        of(root)

"""Recordings found by folder, file, pattern and list, and read wholly or in parts."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from tests.hostile.signal_files import eeg_signal, write_edf
from tsrep.datasets.dataset import Unreadable
from tsrep.datasets.formats.wfdb_record import MISSING, read_wfdb, write_wfdb
from tsrep.datasets.unlabelled.found import find
from tsrep.datasets.unlabelled.recording import Signal, Wanted
from tsrep.errors import ConfigError, DataError

ECG = Wanted("ecg", "mV")
COUNTS = np.random.default_rng(0).integers(-900, 900, (2, 500)).astype(np.int16)


def wfdb_at(path: Path, counts: np.ndarray = COUNTS, **more: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_wfdb(path, counts, **{"sfreq": 250.0, "channels": ["I", "II"], **more})  # type: ignore[arg-type]
    return path


def names(where: object, wanted: Wanted = ECG) -> list[str]:
    return [each.name for each in find(where).recordings(wanted)]  # type: ignore[arg-type]


def only(where: object, wanted: Wanted = ECG) -> Signal:
    (recording,) = find(where).recordings(wanted)  # type: ignore[arg-type]
    return recording.open()


def values(signal: Signal, start: int = 0, stop: int | None = None) -> np.ndarray:
    panel = signal.panel(start, signal.steps if stop is None else stop)
    return panel.take(np.arange(1))[0]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b/2", "b/10", "a/z", "c"):
        wfdb_at(tmp_path / name)
    write_edf(tmp_path / "b" / "night.EDF", eeg_signal(0))
    wfdb_at(tmp_path / ".hidden" / "x")
    (tmp_path / "notes.txt").write_text("no recording")
    return tmp_path


def test_a_folder_is_searched_in_the_order_of_paths(folder: Path) -> None:
    assert names(folder) == ["a/z", "b/10", "b/2", "b/night", "c"]
    assert names(str(folder / "b")) == ["10", "2", "night"]


def test_a_file_a_pattern_and_a_list(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert names(folder / "b" / "2.hea") == ["2"]
    assert names(f"{folder}/b/*.hea") == ["10", "2"]
    assert names(f"{folder}/**/*.hea")[:2] == [".hidden/x", "a/z"]
    (folder / "list.txt").write_text("# some\nc\n\nb/night.EDF\na/z.hea\n")
    assert names(f"@{folder / 'list.txt'}") == ["c", "b/night", "a/z"]
    monkeypatch.chdir(folder)
    assert names(["c.hea", Path("a/z")]) == ["c", "a/z"]


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("empty", r"no recordings in .*empty \(looked for .bdf, .edf, .fif, .fif.gz, .hea, .set, .vhdr\)"),
        ("nowhere", r"nowhere is no folder, file, pattern, @list nor data set"),
        ("b/*.bdf", r"no recordings in .*b/\*.bdf"),
        ("notes.txt", r"notes.txt is no folder, file"),
        ("@nowhere.txt", r"the list .*nowhere.txt cannot be read"),
        ("@bad.txt", r"b/2.dat is in no format that is read here \(.bdf .edf"),
    ],
)
def test_what_cannot_be_found_is_said(folder: Path, where: str, said: str) -> None:
    (folder / "empty").mkdir()
    (folder / "bad.txt").write_text("b/2.dat\n")
    spelt = f"@{folder / where[1:]}" if where.startswith("@") else str(folder / where)
    with pytest.raises(DataError, match=said):
        find(spelt)


def test_two_recordings_of_one_name_are_refused(tmp_path: Path) -> None:
    wfdb_at(tmp_path / "a")
    write_edf(tmp_path / "a.edf", eeg_signal(0))
    with pytest.raises(
        DataError, match=r"two recordings are called a \(a.edf, a.hea\); name the files apart"
    ):
        find(tmp_path)


def test_a_part_of_a_record_is_that_part_of_the_whole(tmp_path: Path) -> None:
    counts = COUNTS.copy()
    counts[1, 100:110] = MISSING
    signal = only(
        wfdb_at(tmp_path / "r", counts, unit="uV", comments=["Patient ID: 17 b"]).with_suffix(".hea")
    )
    assert (signal.steps, signal.sfreq, signal.patient) == (500, 250.0, "17 b")
    whole = values(signal)
    expected = np.where(counts == MISSING, np.nan, counts / 1000 / 1000)
    np.testing.assert_allclose(whole, expected, rtol=1e-6)
    for start, stop in ((0, 90), (90, 130), (400, 500)):
        np.testing.assert_array_equal(values(signal, start, stop), whole[:, start:stop])
    panel = signal.panel(0, 500)
    assert (panel.unit, panel.modality, panel.record_names, panel.classes) == ("mV", "ecg", ("r",), ())


def test_a_part_of_a_record_in_another_format_is_read_through_wfdb(tmp_path: Path) -> None:
    wfdb = pytest.importorskip("wfdb")
    wfdb.wrsamp(
        "r", fs=250, units=["mV", "mV"], sig_name=["I", "II"], p_signal=COUNTS.T / 1000.0, fmt=["212", "212"],
        write_dir=str(tmp_path),
    )  # fmt: skip
    whole = read_wfdb(tmp_path / "r")
    part = read_wfdb(tmp_path / "r", 100, 350)
    assert part.counts.shape == (2, 250)
    np.testing.assert_allclose(part.counts, whole.counts[:, 100:350], atol=1e-6)
    signal = only(tmp_path)
    np.testing.assert_allclose(values(signal, 100, 350), values(signal)[:, 100:350], atol=1e-6)


def test_segments_of_a_record_are_no_recordings_of_their_own(tmp_path: Path) -> None:
    pytest.importorskip("wfdb")
    for part in ("r_0001", "r_0002"):
        wfdb_at(tmp_path / part)
    wfdb_at(tmp_path / "s_0001")
    (tmp_path / "r.hea").write_text("r/2 2 250 1000\nr_0001 500\nr_0002 500\n")
    assert names(tmp_path) == ["r", "s_0001"]
    signal = next(iter(find(tmp_path).recordings(ECG))).open()
    np.testing.assert_allclose(values(signal), np.tile(COUNTS / 1000, 2), atol=1e-6)
    np.testing.assert_allclose(values(signal, 450, 550), np.tile(COUNTS / 1000, 2)[:, 450:550], atol=1e-6)


def test_a_truncated_or_missing_file_is_a_reason(tmp_path: Path) -> None:
    stem = wfdb_at(tmp_path / "r")
    os.truncate(stem.with_suffix(".dat"), 400)
    signal = only(tmp_path)
    with pytest.raises(Unreadable, match=r"r.dat is truncated: 100 of 500 time steps"):
        values(signal)
    with pytest.raises(Unreadable, match=r"r.dat is truncated: 100 of 500"):
        values(signal, 50, 200)
    stem.with_suffix(".hea").unlink()
    (recording,) = find([tmp_path / "r.hea"]).recordings(ECG)
    with pytest.raises(Unreadable, match=r"r.hea is missing"):
        recording.open()


def test_channels_of_the_unit_and_kind_wanted_are_taken(tmp_path: Path) -> None:
    header = (
        "r 3 250 500\nr.dat 16 1000(0)/mV 16 0 0 0 0 II\nr.dat 16 10(0)/mmHg 16 0 0 0 0 ABP\n"
        "r.dat 16 1000000(0)/V 16 0 0 0 0 I\n"
    )
    (tmp_path / "r.hea").write_text(header)
    counts = np.concatenate([COUNTS, COUNTS[:1]])
    np.ascontiguousarray(counts.T, "<i2").tofile(tmp_path / "r.dat")
    signal = only(tmp_path)
    panel = signal.panel(0, 500)
    assert (panel.channels, panel.unit) == (("II", "I"), "mV")
    np.testing.assert_allclose(values(signal), np.stack([counts[0], counts[2]]) / 1000, rtol=1e-6)
    assert signal.notes == ("channels of another kind or unit are left out: ABP",)
    pressure = only(tmp_path, Wanted("other", "mmHg")).panel(0, 500)
    assert (pressure.channels, pressure.unit) == (("ABP",), "mmHg")


def test_names_and_rate_that_are_given_stand_for_those_of_the_file(tmp_path: Path) -> None:
    wfdb_at(tmp_path / "r")
    signal = only(tmp_path, Wanted("ecg", "mV", 300.0, ("V1", "V2")))
    assert (signal.sfreq, signal.panel(0, 10).channels) == (300.0, ("V1", "V2"))
    (recording,) = find(tmp_path).recordings(Wanted("ecg", "mV", None, ("V1",)))
    with pytest.raises(Unreadable, match="it has 2 channels, and 1 names are given with --channels"):
        recording.open()


def test_edf_in_parts_with_its_pauses_and_bad_spans(tmp_path: Path) -> None:
    pytest.importorskip("mne")
    x = eeg_signal(0)
    labels = ("EEG Fp1", "ECG II")
    write_edf(tmp_path / "n.edf", x, labels=labels, notes=[b"", b"+3\x152\x14BAD move\x14\x00"])
    signal = only(tmp_path, Wanted("eeg", "µV"))
    assert (signal.steps, signal.sfreq, signal.panel(0, 9).channels) == (x.shape[1], 64.0, ("Fp1",))
    np.testing.assert_allclose(values(signal)[0], x[0], atol=0.06)
    np.testing.assert_array_equal(values(signal, 100, 333), values(signal)[:, 100:333])
    assert [(span.start, span.stop, span.name) for span in signal.spans] == [(3.0, 5.0, "BAD move")]
    heart = only(tmp_path, Wanted("ecg", "mV")).panel(0, 100)
    assert (heart.channels, heart.modality, heart.unit) == (("II",), "ecg", "mV")
    np.testing.assert_allclose(heart.take(np.arange(1))[0][0], x[1, :100] / 1000, atol=6e-5)


def test_leads_of_an_edf_without_types_are_ecg(tmp_path: Path) -> None:
    pytest.importorskip("mne")
    write_edf(tmp_path / "e.edf", eeg_signal(0), labels=("I", "aVR"), unit=b"mV")
    assert only(tmp_path).panel(0, 10).modality == "ecg"


def test_a_unit_that_edf_does_not_state_stays_open(tmp_path: Path) -> None:
    pytest.importorskip("mne")
    write_edf(tmp_path / "e.edf", eeg_signal(0), unit=b"")
    signal = only(tmp_path, Wanted("eeg", "µV"))
    assert signal.panel(0, 10).unit == ""
    np.testing.assert_allclose(values(signal), eeg_signal(0), atol=0.06)


def test_bad_channels_are_left_out_and_a_bids_subject_is_known(tmp_path: Path) -> None:
    mne = pytest.importorskip("mne")
    raw = mne.io.RawArray(1e-6 * eeg_signal(0), mne.create_info(["Fp1", "Fp2"], 64, "eeg"), verbose="ERROR")
    raw.info["bads"] = ["Fp1"]
    path = tmp_path / "sub-07" / "eeg" / "sub-07_task-rest_eeg.fif"
    path.parent.mkdir(parents=True)
    raw.save(path, verbose="ERROR")
    assert only(tmp_path, Wanted("eeg", "µV")).patient == ""
    (tmp_path / "dataset_description.json").write_text("{}")
    signal = only(tmp_path, Wanted("eeg", "µV"))
    assert (signal.patient, signal.panel(0, 5).channels) == ("07", ("Fp2",))
    assert signal.notes == ("channels marked as bad are left out: Fp1",)


def test_arrays_by_row(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(3, 2, 50))
    told = Wanted("ecg", "mV", 100.0, ("I", "II"))
    np.save(tmp_path / "x.npy", x)
    np.savez(tmp_path / "x.npz", x=x.astype(np.float32), record=["a", "b", "c"], patient=[4, 5, 4])
    assert names(tmp_path / "x.npy", told) == ["0", "1", "2"]
    assert names([tmp_path / "x.npy", tmp_path / "x.npz"][:1], told) == ["0", "1", "2"]
    for row, recording in enumerate(find(tmp_path / "x.npy").recordings(told)):
        signal = recording.open()
        assert (signal.sfreq, signal.panel(0, 9).modality, signal.panel(0, 9).unit) == (100.0, "ecg", "")
        np.testing.assert_allclose(values(signal, 10, 30), x[row, :, 10:30], rtol=1e-6)
    found = list(find(tmp_path / "x.npz").recordings(told))
    assert [(each.name, each.open().patient) for each in found] == [("a", "4"), ("b", "5"), ("c", "4")]
    with pytest.raises(DataError, match="no recordings in"):
        find(tmp_path)


def test_a_zarr_array_by_row(tmp_path: Path) -> None:
    zarr = pytest.importorskip("zarr")
    x = np.random.default_rng(0).normal(size=(5, 2, 50)).astype(np.float32)
    array = zarr.create_array(str(tmp_path / "x.zarr"), shape=x.shape, chunks=(2, 2, 50), dtype="f4")
    array[:] = x
    told = Wanted("ecg", "mV", 100.0, ("I", "II"))
    found = [values(each.open(), 5, 20) for each in find(tmp_path / "x.zarr").recordings(told)]
    np.testing.assert_array_equal(found, x[:, :, 5:20])


@pytest.mark.parametrize(
    ("wanted", "kind", "said"),
    [
        (Wanted("ecg", "mV"), ConfigError, "x.npy does not say its sampling rate; give it with --rate"),
        (Wanted("ecg", "mV", 100.0), ConfigError, "does not say what its 2 channels are; give .* --channels"),
    ],
)
def test_an_array_needs_its_rate_and_names(
    tmp_path: Path, wanted: Wanted, kind: type[Exception], said: str
) -> None:
    np.save(tmp_path / "x.npy", np.zeros((3, 2, 50), np.float32))
    with pytest.raises(kind, match=said):
        names(tmp_path / "x.npy", wanted)


def test_an_array_that_does_not_serve_is_refused(tmp_path: Path) -> None:
    told = Wanted("ecg", "mV", 100.0, ("I", "II"))
    np.save(tmp_path / "x.npy", np.zeros((3, 2), np.float32))
    with pytest.raises(DataError, match=r"must be one array of shape \(record, channel, time\)"):
        names(tmp_path / "x.npy", told)
    (tmp_path / "y.npy").write_bytes(b"no array")
    with pytest.raises(DataError, match="cannot be opened as a NumPy array"):
        names(tmp_path / "y.npy", told)
    np.savez(tmp_path / "z.npz", signals=np.zeros((3, 2, 50)))
    with pytest.raises(DataError, match=r"has no array called x, .*; it has signals"):
        names(tmp_path / "z.npz", told)

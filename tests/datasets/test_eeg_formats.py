"""Files of every format come back in volts, with rate, channels, ids and labels of their own."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from tests.datasets.eeg_files import FORMATS, NAMES, raw_of, signal, write, write_folder
from tests.datasets.recordings import write_csv
from tsrep.datasets import load
from tsrep.datasets.dataset import Unreadable
from tsrep.datasets.eeg.reading import opened, plain_names, read_header

# half a count of ours (1/131068 of the range), and the step of the format where that is larger, in µV
FORMAT_STEP = {".edf": 0.005}


def read(root: Path, name: str = "eeg", **settings):
    return load(name, root, cache=root.parent / "cache", progress=False, **settings)


@pytest.mark.parametrize("suffix", FORMATS)
def test_volts_rate_ids_and_labels(tmp_path, suffix):
    root = write_folder(tmp_path / "own", suffix=suffix)
    panel = read(root, epoch_seconds=2)
    assert (panel.unit, panel.sfreq, panel.channels) == ("µV", 128, NAMES)
    assert panel.patient_names == ("p0", "p1", "p2", "p3")
    assert panel.store.dtype == np.int16
    for k in range(4):
        mine = panel.select(panel.patient == k)
        want = signal(k) * 1e6
        got = mine.x.transpose(1, 0, 2).reshape(6, -1)
        half = (want.max() - want.min()) / 131068
        np.testing.assert_allclose(got, want, rtol=0, atol=1.2 * half + FORMAT_STEP.get(suffix, 0) / 2)
        assert set(mine.label.tolist()) == {k % 2}
        assert len(np.unique(mine.trial)) == 3


def test_formats_can_be_mixed(tmp_path):
    root = tmp_path / "own"
    rows = []
    for k, suffix in enumerate(FORMATS):
        write(root / f"r{k}{suffix}", signal(k))
        rows.append({"file": f"r{k}{suffix}", "patient": k, "label": "ab"[k % 2]})
    write_csv(root / "recordings.csv", rows)
    panel = read(root)
    assert panel.patient.tolist() == panel.trial.tolist() == [0, 1, 2, 3, 4]
    np.testing.assert_allclose(panel.x, [signal(k) * 1e6 for k in range(5)], rtol=0, atol=0.01)


@pytest.mark.parametrize("way", ["file", "participant"])
def test_a_shuffled_listing_changes_nothing(tmp_path, monkeypatch, way):
    root = write_folder(tmp_path / "own", suffix=".vhdr", count=5)
    settings = {"epoch_seconds": 2}
    if way == "participant":
        settings["participant"] = "patient"
    first = read(root, **settings)
    for name in ("listdir", "scandir"):
        backwards(monkeypatch, name)
    lines = (root / "recordings.csv").read_text().splitlines()
    (root / "recordings.csv").write_text("\n".join([lines[0], *sorted(lines[1:])]) + "\n")
    second = read(root, **settings)
    for k in range(5):
        one, two = (panel.select(panel.patient == k) for panel in (first, second))
        np.testing.assert_array_equal(one.x, two.x)
        np.testing.assert_allclose(one.x[0], signal(k)[:, :256] * 1e6, atol=0.01)
        assert set(one.label) == set(two.label) == {k % 2}


def backwards(monkeypatch, name: str) -> None:
    real = getattr(os, name)

    class Listing(list):
        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

    def listing(*given):
        found = real(*given)
        entries = sorted(found, key=lambda e: getattr(e, "name", e), reverse=True)
        if hasattr(found, "close"):
            found.close()
        return Listing(entries)

    monkeypatch.setattr(os, name, listing)


def test_a_second_start_reads_no_recording(tmp_path, monkeypatch):
    root = write_folder(tmp_path / "own")
    first = read(root, epoch_seconds=2)
    monkeypatch.setattr("tsrep.datasets.eeg.epochs.decode", lambda *_, **__: 1 / 0)
    second = read(root, epoch_seconds=2)
    assert second.digest == first.digest
    np.testing.assert_array_equal(second.x, first.x)


def test_the_companion_of_a_header_counts_as_changed(tmp_path):
    root = write_folder(tmp_path / "own", suffix=".vhdr")
    first = read(root, epoch_seconds=2).digest
    write(root / "p1.vhdr", signal(9))
    assert read(root, epoch_seconds=2).digest != first


def test_names_lose_what_is_no_electrode():
    assert plain_names(["Fc5.", "C3..", "Fp1-REF", "O1-LE"]) == ("Fc5", "C3", "Fp1", "O1")
    assert plain_names(["C3", "C3."]) == ("C3", "C3.")
    assert plain_names(["Fp1-F3"]) == ("Fp1-F3",)


def test_channels_that_are_no_eeg_are_left_unless_asked_for(tmp_path):
    root = tmp_path / "own"
    types = ["eeg"] * 5 + ["ecg"]
    for k in range(2):
        raw = raw_of(signal(k), names=(*NAMES[:5], "heart"), types=types)
        write(root / f"p{k}_raw.fif", raw)
    write_csv(
        root / "recordings.csv",
        [{"file": f"p{k}_raw.fif", "patient": k, "label": k} for k in range(2)],
    )
    assert read(root).channels == NAMES[:5]
    both = read(root, channels=("heart", "C3"), reference="average")
    assert both.channels == ("heart", "C3")
    # the average of EEG channels does not touch the heart; of a single one it leaves nothing
    np.testing.assert_allclose(both.x[1, 0], signal(1)[5] * 1e6, atol=0.01)
    assert np.abs(both.x[1, 1]).max() == 0


@pytest.mark.parametrize(
    ("path", "sfreq", "count"),
    [
        ("brainvision/test.vhdr", 1000, 32),
        ("edf/test.edf", 512, 139),
        ("edf/test.bdf", 2048, 73),
        ("edf/duplicate_channel_labels.edf", 250, 3),
        ("eeglab/sub-S1_eeg.set", 256, 15),
        ("fif/test_bin_raw.fif", 1000, 33),
    ],
)
def test_real_files_as_mne_reads_them(shared_path, path, sfreq, count):
    mne = pytest.importorskip("mne")
    file = shared_path(f"data/formats/{path}")
    header = read_header(file)
    assert (header.sfreq, len(header.channels)) == (sfreq, count)
    with opened(file) as raw:
        got = raw.get_data()
    np.testing.assert_array_equal(got, mne.io.read_raw(file, verbose="ERROR").get_data())


def test_real_movement_imagery(shared_path, tmp_path):
    source = shared_path("data/eegbci")
    root = tmp_path / "own"
    root.mkdir()
    rows = []
    for run in ("04", "08"):
        (root / f"S001R{run}.edf").symlink_to(source / f"S001R{run}.edf")
        rows.append({"file": f"S001R{run}.edf", "patient": "S001", "label": f"run {run}"})
    write_csv(root / "recordings.csv", rows)
    known = pytest.importorskip("mne").channels.get_builtin_montages()
    montage = "fsaverage_1005" if "fsaverage_1005" in known else "standard_1005"
    panel = read(root, montage=montage, rate=80, band=(1, 35), epoch_seconds=5, reference="average")
    assert (panel.sfreq, len(panel.channels), len(panel)) == (80, 64, 50)
    assert panel.channels[:3] == ("Fc5", "Fc3", "Fc1")
    assert 5 < panel.x.std() < 100
    np.testing.assert_allclose(panel.x.mean(axis=1), 0, atol=0.2)


def test_real_arithmetic(shared_path, tmp_path):
    root = tmp_path / "own"
    root.mkdir()
    names = ("Subject00_2.edf", "Subject31_1.edf")
    for name in names:
        (root / name).symlink_to(shared_path(f"data/eegmat/edf/{name}"))
    write_csv(
        root / "recordings.csv",
        [{"participant": "Subject31", "label": "rest"}, {"participant": "Subject00", "label": "task"}],
    )
    panel = read(root, participant="participant", rate=125, epoch_seconds=10)
    assert len(panel.channels) == 20
    assert "ECG" not in panel.channels
    task = panel.select(panel.label == panel.classes.index("task"))
    assert {panel.patient_names[p] for p in task.patient.tolist()} == {"Subject00"}
    # the array that was made of the same file by a polyphase filter
    want = np.load(shared_path("data/eegmat/eeg_125hz_int16_x20uV.npy"), mmap_mode="r")[1, :19] / 20
    np.testing.assert_allclose(task.x[1, :19, 125:-125], want[:, 1250:2500][:, 125:-125], atol=0.6)


def test_what_is_no_eeg_is_refused_in_words(tmp_path):
    (tmp_path / "x.edf").write_bytes(b"not an EDF file at all")
    with pytest.raises(Unreadable, match="EDF header is corrupted"):
        read_header(tmp_path / "x.edf")
    (tmp_path / "x_raw.fif").write_bytes(b"neither")
    with pytest.raises(Unreadable, match="FIF header or data are corrupted"):
        read_header(tmp_path / "x_raw.fif")
    with pytest.raises(Unreadable, match="missing"):
        read_header(tmp_path / "absent.set")


def test_mne_says_nothing(tmp_path, capfd, shared_path):
    mne = pytest.importorskip("mne")
    root = tmp_path / "own"
    root.mkdir()
    # a file of mixed rates and one with a name twice, of both of which MNE warns
    for name in ("test_uneven_samp.edf", "duplicate_channel_labels.edf"):
        (root / name).symlink_to(shared_path(f"data/formats/edf/{name}"))
    write(root / "p_raw.fif", signal(0))
    rows = [{"file": file.name, "patient": i, "label": i} for i, file in enumerate(sorted(root.iterdir()))]
    before = mne.utils.logger.level, list(mne.utils.logger.filters)
    with mne.utils.use_log_level(add_frames=1):  # else MNE warns once, and not in its log too
        for row in rows:
            write_csv(root / "recordings.csv", [row])
            assert len(read(root)) == 1
    assert (mne.utils.logger.level, mne.utils.logger.filters) == before
    assert capfd.readouterr() == ("", "")

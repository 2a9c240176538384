"""Sidecars of BIDS recordings: found where the standard lets them be, read as mne-bids reads them."""

from __future__ import annotations

import sys
import warnings

import numpy as np
import pytest

from tests.datasets.eeg_files import NAMES, raw_of, signal, write, write_bids, write_tsv
from tsrep.datasets import load
from tsrep.datasets.eeg.bids_layout import TYPES, as_recording, find_recordings
from tsrep.datasets.eeg.reading import header_of, opened
from tsrep.datasets.eeg.spans import bad_spans
from tsrep.errors import ConfigError, DataError

mne_bids = pytest.importorskip("mne_bids")


def read(root, **settings):
    return load("bids", root, cache=root.parent / "cache", progress=False, **settings)


def channels(**changed):
    """Rows of channels.tsv, in an order that is not the files', with ``name=(type, status)`` changed."""
    told = dict.fromkeys(NAMES, ("EEG", "good")) | changed
    return [{"name": name, "type": kind, "status": status} for name, (kind, status) in told.items()]


def as_mne_bids_reads(root, subject, suffix=".edf"):
    path = mne_bids.BIDSPath(
        root=root, subject=subject, task="rest", datatype="eeg", suffix="eeg", extension=suffix
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return mne_bids.read_raw_bids(path, verbose="ERROR")


@pytest.fixture
def folder(tmp_path):
    return write_bids(tmp_path / "bids", suffix=".vhdr")


@pytest.fixture
def inherited(folder):
    """Sidecars of the whole folder, of one subject and of one recording."""
    write_tsv(folder / "task-rest_channels.tsv", channels(Fp1=("VEOG", "good"), C3=("EEG", "bad")))
    write_tsv(folder / "sub-02/sub-02_task-rest_channels.tsv", channels(O1=("ECG", "good")))
    own = "sub-03/eeg/sub-03_task-rest"
    write_tsv(folder / f"{own}_channels.tsv", channels(O2=("MISC", "bad"), C4=("EEG", "bad")))
    write_tsv(
        folder / "task-rest_events.tsv",
        [
            {"onset": 1.25, "duration": 0.5, "trial_type": "BAD_jump"},
            {"onset": 3, "duration": "n/a", "trial_type": "bad"},
            {"onset": 4, "duration": 1, "trial_type": "rest"},
        ],
    )
    write_tsv(folder / f"{own}_events.tsv", [{"onset": 5.5, "duration": 0.1, "trial_type": "edge effect"}])
    return folder


def test_as_mne_bids_reads_them(inherited):
    found = find_recordings(inherited)
    assert len(found) == 6
    for file in found:
        want = as_mne_bids_reads(inherited, file.subject[4:], ".vhdr")
        recording = as_recording(file)
        with opened(file.path) as raw:
            header = header_of(raw)
            np.testing.assert_allclose(raw.get_data(), want.get_data(), atol=1e-12)  # volts
        better = dict(recording.types)
        types = [better.get(n, t) for n, t in zip(header.channels, header.types, strict=True)]
        assert types == want.get_channel_types()
        assert sorted(recording.bads) == sorted(want.info["bads"])
        assert [(s.start, s.stop, s.name) for s in recording.spans] == [
            (s.start, s.stop, s.name) for s in bad_spans(want)
        ]
    told = {file.subject: as_recording(file).bads for file in found}
    assert told["sub-01"] == ("C3",)
    assert told["sub-02"] == ()
    assert set(told["sub-03"]) == {"C4", "O2"}


def test_every_type_is_that_of_mne_bids(folder):
    for kind, ours in TYPES.items():
        write_tsv(folder / "channels.tsv", channels(C3=(kind, "good")))
        assert as_mne_bids_reads(folder, "01", ".vhdr").get_channel_types()[2] == ours


def test_channels_and_segments_of_a_whole_folder(inherited):
    with pytest.raises(
        DataError, match=r"sub-01_task-rest_eeg.vhdr: BAD_jump within 0-6 s; set epoch_seconds"
    ):
        read(inherited, bads="keep")
    panel = read(inherited, epoch_seconds=1, bads="keep")
    assert panel.channels == ("Fp2", "C3", "C4")
    assert np.bincount(panel.patient).tolist() == [4, 4, 5, 4, 4, 4]
    left_out = [(name[4:6], name[-9:], why) for name, why in panel.skipped if name.startswith("sub-0")]
    assert left_out[:2] == [
        ("01", "segment 1", "BAD_jump within 1-2 s"),
        ("01", "segment 3", "bad within 3-4 s"),
    ]
    assert ("03", "segment 5", "edge effect within 5-6 s") in left_out
    third = panel.x[panel.patient == 2]
    np.testing.assert_allclose(third[4, 0], signal(3)[1, 512:640] * 1e6, atol=0.01)
    write_tsv(inherited / "task-rest_events.tsv", [{"onset": 0, "duration": 0.1, "trial_type": "bad"}])
    assert read(inherited, epoch_seconds=1, bads="keep").digest != panel.digest


def test_what_the_file_marks_counts_beside_events(tmp_path):
    """read_raw_bids forgets the boundaries of EEGLAB where there is an events.tsv."""
    mne = pytest.importorskip("mne")
    root = write_bids(tmp_path / "bids", suffix=".set")
    raw = raw_of(signal(1)).set_annotations(mne.Annotations([2.5], [0.1], ["boundary"]))
    write(root / "sub-01/eeg/sub-01_task-rest_eeg.set", raw)
    write_tsv(
        root / "sub-01/eeg/sub-01_task-rest_events.tsv",
        [{"onset": 4.5, "duration": 0.1, "trial_type": "BAD"}],
    )
    panel = read(root, epoch_seconds=1)
    assert [why for _, why in panel.skipped] == ["boundary within 2-3 s", "BAD within 4-5 s"]


def test_labels_of_edf_files_with_their_type(tmp_path):
    root = write_bids(tmp_path / "bids")
    labels = tuple(f"EEG {name}" for name in NAMES)
    write(root / "sub-02/eeg/sub-02_task-rest_eeg.edf", signal(2), names=labels)
    rows = [{"name": name, "type": "EEG", "status": "bad" if "C3" in name else "good"} for name in labels]
    write_tsv(root / "sub-02/eeg/sub-02_task-rest_channels.tsv", rows)
    panel = read(root, bads="drop")
    assert panel.channels == ("Fp1", "Fp2", "C4", "O1", "O2")
    assert panel.skipped[0] == ("channel C3", "marked as bad in sub-02/eeg/sub-02_task-rest_eeg.edf")


def test_a_split_file_is_one_recording(tmp_path):
    root = write_bids(tmp_path / "bids", suffix=".fif", subjects=2)
    whole = root / "sub-01/eeg/sub-01_task-rest_eeg.fif"
    whole.unlink()
    raw = raw_of(signal(1, seconds=900))
    raw.save(whole, split_size="2MB", split_naming="bids", verbose="ERROR")
    parts = sorted(path.name for path in whole.parent.iterdir())
    assert parts[:2] == ["sub-01_task-rest_split-01_eeg.fif", "sub-01_task-rest_split-02_eeg.fif"]
    assert [file.path.name for file in find_recordings(root)] == [parts[0], "sub-02_task-rest_eeg.fif"]
    panel = read(root, epoch_seconds=6)
    assert np.bincount(panel.patient).tolist() == [150, 1]
    np.testing.assert_allclose(panel.x[149], signal(1, seconds=900)[:, -768:] * 1e6, atol=0.02)


def test_what_is_wrong_is_said(folder):
    own = folder / "sub-02/eeg/sub-02_task-rest"

    def say(match):
        with pytest.raises(DataError, match=match) as caught:
            read(folder)
        assert "\n" not in str(caught.value)

    events, table = own.with_name(f"{own.name}_events.tsv"), own.with_name(f"{own.name}_channels.tsv")
    events.write_text("onset\tduration\ttrial_type\nsoon\t1\tBAD\n")
    say(r"sub-02_task-rest_events.tsv cannot be read as a table of events \(could not convert .*\); fix it")
    events.write_text("start\tduration\ttrial_type\n1\t1\tBAD\n")
    say(r"sub-02_task-rest_events.tsv cannot be read as a table of events \(onset\); fix it")
    events.write_text("onset\tduration\n")
    table.write_text("channel\ttype\nC3\tEEG\n")
    say(r"sub-02_task-rest_channels.tsv has no column 'name'")
    table.write_text("name\ttype\tstatus\nC3\tEEG\n")
    say(r"row 2 of .*sub-02_task-rest_channels.tsv has 2 fields of 3")
    table.write_text("name\tstatus\nCz\tbad\n")
    say(r"sub-02_task-rest_eeg.vhdr has no channel Cz, which is marked as bad")
    table.unlink()
    for name in ("eeg/sub-02_channels.tsv", "sub-02_channels.tsv"):
        write_tsv(folder / "sub-02" / name, channels())
    say(r"sub-02/eeg/sub-02_task-rest_eeg.vhdr has more than one channels.tsv that could be its; keep one")
    (folder / "sub-02/sub-02_channels.tsv").rename(folder / "sub-02/eeg/sub-02_of-mine_channels.tsv")
    say(r"a channels.tsv near sub-02/eeg/.* is not named as in BIDS \(Unexpected entity.*\); rename it")


def test_a_recording_in_another_participants_folder(folder):
    path = folder / "sub-02/eeg/sub-02_task-rest_eeg.vhdr"
    path.rename(path.with_name("sub-03_task-rest_eeg.vhdr"))
    with pytest.raises(
        DataError,
        match=r"sub-03_task-rest_eeg.vhdr is in the folder of sub-02 but has sub-03 in its name; move",
    ):
        read(folder)


def test_without_mne_bids(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "mne_bids", None)
    with pytest.raises(ConfigError, match=r"read with mne-bids; install tsrep\[bids\]"):
        read(folder)

"""EEG files that came in wrong without a word, or were refused for what lies beside their signals."""

from __future__ import annotations

import numpy as np
import pytest

from tests.hostile.signal_files import RATE, eeg_signal, write_brainvision, write_edf, write_table
from tsrep.datasets import load
from tsrep.datasets.eeg.edf_header import Clock
from tsrep.datasets.eeg.spans import status_pauses
from tsrep.errors import DataError

pytest.importorskip("mne")


def read(root, **settings):
    return load("eeg", root, cache=root / "cache", progress=False, **settings)


def edf_folder(root, **more):
    for i in range(2):
        write_edf(root / f"p{i}.edf", eeg_signal(i), **more)
    return write_table(root, ["p0.edf", "p1.edf"])


@pytest.mark.parametrize(
    "unit",
    [b"uV", b"uv", b"UV", "µV".encode(), "\u03bcV".encode(), b"\xb5V", b"\x83\xcaV"],
)
def test_every_spelling_of_a_unit_gives_the_same_values(tmp_path, unit):
    panel = read(edf_folder(tmp_path, unit=unit))
    np.testing.assert_allclose(panel.x[0], eeg_signal(0), atol=0.06)


def test_millivolts_and_volts(tmp_path):
    panel = read(edf_folder(tmp_path, unit=b"mv"))
    np.testing.assert_allclose(panel.x[0], 1e3 * eeg_signal(0), atol=60)


def test_a_blank_unit_is_asked_for_and_a_strange_one_refused(tmp_path):
    root = edf_folder(tmp_path, unit=b"")
    with pytest.raises(DataError, match=r"p0.edf cannot be used: its header states no unit for channel Fp1"):
        read(root)
    np.testing.assert_allclose(read(root, unit="uV").x[1], eeg_signal(1), atol=0.06)
    for unit, said in (
        (b"uVolt", "has the unit 'uVolt', which is not known"),
        (b"MV", "mega- or millivolts"),
    ):
        root = edf_folder(tmp_path / unit.decode(), unit=unit)
        with pytest.raises(DataError, match=said):
            read(root)


def test_brainvision_spellings_are_eeg_in_microvolts(tmp_path):
    for unit in ("µV", "\u03bcV", "UV", ""):
        root = tmp_path / f"u{len(unit)}{unit[:1].encode().hex()}"
        names = [write_brainvision(root / f"p{i}.vhdr", eeg_signal(i), unit=unit).name for i in range(2)]
        np.testing.assert_allclose(read(write_table(root, names)).x[0], eeg_signal(0), atol=0.01)


def test_text_beside_the_signals_does_not_refuse_them(tmp_path):
    for name, more in (
        ("latin", {"notes": [b"+0.5\x14Gr\xfc\xdfe\x14\x00"]}),
        ("time", {"start": b"24.61.00"}),
    ):
        panel = read(edf_folder(tmp_path / name, **more))
        np.testing.assert_allclose(panel.x[0], eeg_signal(0), atol=0.06)


def test_a_new_segment_ends_the_epoch_within_which_it_lies(tmp_path):
    names = []
    for i, at in enumerate((5 * RATE + 1, 4 * RATE + 1)):  # within an epoch of 2 s, and between two
        names.append(write_brainvision(tmp_path / f"p{i}.vhdr", eeg_signal(i), pauses=[at]).name)
    panel = read(write_table(tmp_path, names), epoch_seconds=2)
    assert np.bincount(panel.patient).tolist() == [5, 6]
    assert panel.skipped == (("p0.vhdr, segment 2", "New Segment within 4-6 s"),)


def test_pauses_of_edf_end_epochs_and_marks_keep_their_place(tmp_path):
    onsets = [*range(5), *range(105, 112)]  # 100 s were not recorded after 5 s of data
    notes = [b"", b"", b"", b"", b"", b"", b"+108\x151\x14BAD\x14\x00"]  # 8 s into the data
    for i in range(2):
        write_edf(tmp_path / f"p{i}.edf", eeg_signal(i), onsets=onsets, notes=notes)
    panel = read(write_table(tmp_path, ["p0.edf", "p1.edf"]), epoch_seconds=2)
    left = [reason for name, reason in panel.skipped if name.startswith("p0")]
    assert left == ["pause within 4-6 s", "BAD within 8-10 s"]
    assert len(panel) == 8


def test_times_of_a_paused_recording():
    clock = Clock(np.array([0.0, 1.0, 10.0, 11.0]), 1.0)
    assert [clock.in_file(t) for t in (0.5, 1.5, 2.0, 7.0, 10.0, 11.25)] == [0.5, 1.5, 2.0, 2.0, 2.0, 3.25]
    assert clock.pauses == [2.0]


def test_a_pop_of_one_electrode_costs_no_resolution(tmp_path):
    names = []
    for i in range(2):
        values = eeg_signal(i) / 4
        values[0, 100:103] = 187_500
        names.append(write_brainvision(tmp_path / f"p{i}.vhdr", values).name)
    panel = read(write_table(tmp_path, names), epoch_seconds=2)
    np.testing.assert_allclose(panel.x[3], eeg_signal(0)[:, 6 * RATE : 8 * RATE] / 4, atol=1e-4)
    again = read(tmp_path, epoch_seconds=2)
    assert again.store.dtype == panel.store.dtype == np.float32


def test_sound_recordings_stay_in_16_bits(tmp_path):
    assert read(edf_folder(tmp_path), epoch_seconds=2).store.dtype == np.int16


@pytest.mark.parametrize(
    ("case", "settings", "samples"),
    [
        ("eeglab_boundary_duration", {"epoch_seconds": 2}, 60),
        ("brainvision_pause", {"epoch_seconds": 2}, 60),
        ("edf_latin1_annotation", {}, 12),
        ("edf_start_time_24", {}, 12),
        ("edf_unit_spelled_otherwise", {"unit": "uV"}, 20),
    ],
)
def test_reported_files(tmp_path, shared_path, case, settings, samples):
    panel = load("eeg", shared_path(f"cases/{case}/input"), cache=tmp_path, progress=False, **settings)
    assert len(panel) == samples
    np.testing.assert_allclose(panel.x.std(axis=2), [[14.1, 7.1]] * samples, rtol=0.05)


def test_three_samples_of_electrode_pop_cost_no_other_epoch_its_levels(tmp_path, shared_path):
    root = shared_path("cases/eeg_one_electrode_pop/input")
    panel = load("eeg", root, cache=tmp_path, progress=False, epoch_seconds=2)
    assert panel.store.dtype == np.float32
    clean = panel.x[1, panel.channels.index("Fz")]  # a sine of 5 uV, which had five levels
    assert len(np.unique(clean)) == 128
    assert clean.std() == pytest.approx(5 / np.sqrt(2), rel=0.02)


def test_files_of_a_mac_are_passed_over_and_an_open_quote_is_told(tmp_path, shared_path):
    pytest.importorskip("mne_bids")
    root = shared_path("cases/bids_mac_companion_and_quote/input")
    assert len(load("bids", root / "mac", cache=tmp_path, progress=False)) == 12
    with pytest.raises(DataError, match=r"row 4 of .*participants.tsv opens a quote that is not closed"):
        load("bids", root / "quote", cache=tmp_path, progress=False)


def test_channels_of_another_rate_are_left_out_or_refused(tmp_path):
    pytest.importorskip("edfio")
    from edfio import Edf, EdfSignal

    names = []
    for i in range(2):
        values = eeg_signal(i)
        eeg = {"physical_dimension": "uV"}
        signals = [EdfSignal(v, RATE, label=f"EEG {'AB'[k]}", **eeg) for k, v in enumerate(values)]
        slow = EdfSignal(np.arange(12.0), 1, label="Resp", physical_dimension="uV")
        Edf([*signals, slow]).write(tmp_path / f"p{i}.edf")
        names.append(f"p{i}.edf")
    panel = read(write_table(tmp_path, names))
    assert panel.channels == ("A", "B")
    np.testing.assert_allclose(panel.x[0], eeg_signal(0), atol=0.01)
    with pytest.raises(DataError, match=r"channel Resp of p0.edf is not at the 64 Hz of its EEG"):
        read(tmp_path, channels=("A", "Resp"))


def test_an_eeglab_file_of_epochs_is_read_epoch_by_epoch(tmp_path):
    from scipy.io import savemat

    names = []
    for i in range(2):
        values = eeg_signal(i)
        epochs = values.reshape(2, 6, 2 * RATE).transpose(0, 2, 1)  # (channel, time, epoch)
        events = np.array(
            [(e * 2 * RATE + 1.0, "stim", e + 1.0) for e in range(6)],
            dtype=[("latency", "O"), ("type", "O"), ("epoch", "O")],
        )
        chanlocs = np.array([("Fz",), ("Cz",)], dtype=[("labels", "O")])
        each = np.array(
            [(e + 1.0, 0.0, "stim") for e in range(6)],
            dtype=[("event", "O"), ("eventlatency", "O"), ("eventtype", "O")],
        )
        eeg = {"setname": "x", "nbchan": 2.0, "pnts": 2.0 * RATE, "trials": 6.0, "srate": float(RATE)}
        eeg |= {"xmin": 0.0, "xmax": 2 - 1 / RATE, "data": epochs, "chanlocs": chanlocs}
        eeg |= {"event": events, "epoch": each, "icawinv": [], "icasphere": [], "icaweights": []}
        savemat(tmp_path / f"p{i}.set", {"EEG": eeg}, appendmat=False, oned_as="row")
        names.append(f"p{i}.set")
    panel = read(write_table(tmp_path, names), epoch_seconds=2)
    assert len(panel) == 12
    np.testing.assert_allclose(panel.x[1], eeg_signal(0)[:, 2 * RATE : 4 * RATE], atol=0.01)
    assert len(read(tmp_path, epoch_seconds=1)) == 24
    with pytest.raises(DataError, match=r"boundary within 0-3 s"):
        read(tmp_path, epoch_seconds=3)


def test_status_of_bdf_ends_epochs_where_recording_went_on(tmp_path):
    mne = pytest.importorskip("mne")
    status = np.zeros((1, 12 * RATE))
    status[0, [0, 1, 300, 301]] = 1 << 16
    raw = mne.io.RawArray(status, mne.create_info(["Status"], RATE, "stim"), verbose="ERROR")
    assert [span.start * RATE for span in status_pauses(raw)] == [300]

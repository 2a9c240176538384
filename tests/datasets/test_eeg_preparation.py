"""Reference, filters, rate, epochs, bad channels and bad segments do what MNE or arithmetic says."""

from __future__ import annotations

import numpy as np
import pytest

from tests.datasets.eeg_files import NAMES, raw_of, signal, write, write_folder
from tests.datasets.recordings import write_csv
from tsrep.datasets import load
from tsrep.datasets.check import check
from tsrep.datasets.quantisation import in_counts
from tsrep.errors import ConfigError, DataError
from tsrep.registry import SPLITS
from tsrep.signals.filters import bandpass, notch

TEN_TWENTY = ("Fp1", "Fp2", "F3", "F4", "C3", "C4", "P3", "P4", "O1", "O2", "Fz", "Cz", "Pz")


def read(root, **settings):
    return load("eeg", root, cache=root.parent / "cache", progress=False, **settings)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("prepared") / "own", suffix="_raw.fif")


def microvolts(k: int, **more) -> np.ndarray:
    return signal(k, **more) * 1e6


def test_references_as_mne_takes_them(folder):
    mean = read(folder, reference="average")
    want = raw_of(signal(2)).set_eeg_reference("average", verbose="ERROR").get_data() * 1e6
    np.testing.assert_allclose(mean.x[mean.patient == 2][0], want, atol=0.01)
    assert (mean.history, mean.modality) == (("reference average",), "eeg")
    assert mean.record_names == ("p3_raw", "p2_raw", "p1_raw", "p0_raw")
    named = read(folder, reference=("C3", "O2"), rate=64, band=(1, None))
    assert named.history == ("reference C3 O2", "band 1-inf Hz", "resampled 128->64 Hz polyphase")
    named = read(folder, reference=("C3", "O2"))
    assert named.channels == ("Fp1", "Fp2", "C4", "O1")
    want = raw_of(signal(2)).set_eeg_reference(["C3", "O2"], verbose="ERROR")
    np.testing.assert_allclose(
        named.x[named.patient == 2][0], want.get_data(picks=list(named.channels)) * 1e6, atol=0.01
    )


def test_filters_run_over_the_whole_recording(folder):
    panel = read(folder, band=(2, 30), notch=50, epoch_seconds=1)
    want = notch(bandpass(microvolts(1), 128, 2, 30), 128, 50)
    got = panel.x[panel.patient == 1].transpose(1, 0, 2).reshape(6, -1)
    np.testing.assert_allclose(got, want, atol=0.01)
    assert panel.history == ("band 2-30 Hz", "notch 50 Hz")
    low = read(folder, band=(None, 30))
    assert low.history == ("band 0-30 Hz",)
    np.testing.assert_allclose(low.x[low.patient == 1][0], bandpass(microvolts(1), 128, None, 30), atol=0.01)


def test_another_rate_keeps_slow_waves_and_removes_fast_ones(tmp_path):
    root = tmp_path / "own"
    time = np.arange(256 * 8) / 256
    for k, hertz in enumerate((4, 90)):
        write(root / f"p{k}_raw.fif", np.tile(50e-6 * np.sin(2 * np.pi * hertz * time), (6, 1)), sfreq=256)
    write_csv(root / "recordings.csv", [{"file": f"p{k}_raw.fif", "patient": k, "label": k} for k in (0, 1)])
    panel = read(root, rate=100)
    assert panel.x.shape == (2, 6, 800)
    want = 50 * np.sin(2 * np.pi * 4 * np.arange(800) / 100)
    np.testing.assert_allclose(panel.x[0, 0, 50:-50], want[50:-50], atol=0.5)
    # 90 Hz would be folded to 10 Hz
    assert np.abs(panel.x[1, 0, 50:-50]).max() < 1


def test_epochs_are_trials_unless_a_column_says_otherwise(folder):
    panel = read(folder, epoch_seconds=2)
    assert panel.trial.tolist() == list(range(12))
    windows = panel.windows(128, 64)
    assert len(windows) == 36
    assert len(np.unique(windows.trial)) == 12
    by_patient = read(folder, epoch_seconds=2, trial="patient")
    assert by_patient.trial.tolist() == by_patient.patient.tolist()


def marked(tmp_path, *, bads=(), notes=(), positions=True):
    """Two recordings of a dipole-like field; one marks channels or segments."""
    mne = pytest.importorskip("mne")
    root = tmp_path / "own"
    for k in range(2):
        raw = raw_of(smooth_field(k), names=TEN_TWENTY)
        if positions:
            raw.set_montage(BUILTIN)
        if k:
            raw.info["bads"] = list(bads)
            onset, duration, what = zip(*notes, strict=True) if notes else ((), (), ())
            raw.set_annotations(mne.Annotations(onset, duration, what))
        write(root / f"p{k}_raw.fif", raw)
    write_csv(root / "recordings.csv", [{"file": f"p{k}_raw.fif", "patient": k, "label": k} for k in (0, 1)])
    return root


BUILTIN = "biosemi64"


def smooth_field(seed: int) -> np.ndarray:
    """A field that changes slowly over the head, with something wrong on the third channel."""
    mne = pytest.importorskip("mne")
    places = mne.channels.make_standard_montage(BUILTIN).get_positions()["ch_pos"]
    at = np.array([places[name] / np.linalg.norm(places[name]) for name in TEN_TWENTY])
    volts = 20e-6 * at @ np.random.default_rng(seed).normal(size=(3, 768))
    volts[2] = 500e-6
    return volts


def test_bad_channels_are_interpolated_dropped_or_kept(tmp_path):
    root = marked(tmp_path, bads=("F3",))
    mended = read(root)
    assert mended.channels == TEN_TWENTY
    clean = smooth_field(1) * 1e6
    np.testing.assert_allclose(mended.x[0, 2], 500, atol=0.01)
    neighbours = clean[[0, 4, 10]].mean(axis=0)
    assert np.corrcoef(mended.x[1, 2], neighbours)[0, 1] > 0.95
    np.testing.assert_allclose(np.delete(mended.x[1], 2, 0), np.delete(clean, 2, 0), atol=0.01)
    dropped = read(root, bads="drop")
    assert dropped.channels == tuple(name for name in TEN_TWENTY if name != "F3")
    assert dropped.skipped == (("channel F3", "marked as bad in p1_raw.fif"),)
    kept = read(root, bads="keep")
    np.testing.assert_allclose(kept.x[1], clean, atol=0.01)


def test_interpolation_needs_to_know_where_channels_lie(tmp_path):
    root = marked(tmp_path, bads=("F3",), positions=False)
    with pytest.raises(DataError, match=r"p1_raw.fif marks F3 as bad but does not say where Fp1 lies; set"):
        read(root)
    assert np.abs(read(root, montage=BUILTIN).x[1, 2]).max() < 100


def test_a_column_of_bad_channels(tmp_path):
    root = marked(tmp_path)
    rows = [{"file": f"p{k}_raw.fif", "patient": k, "label": k, "bad": ("", "F3; Pz")[k]} for k in (0, 1)]
    write_csv(root / "recordings.csv", rows)
    assert set(TEN_TWENTY) - set(read(root, bad="bad", bads="drop").channels) == {"F3", "Pz"}
    write_csv(root / "recordings.csv", [row | {"bad": "T9"} for row in rows])
    with pytest.raises(DataError, match=r"p0_raw.fif has no channel T9, which is marked as bad"):
        read(root, bad="bad", bads="drop")


def test_segments_that_are_marked_cost_their_epochs(tmp_path):
    pauses = [(4.5, 0, "boundary"), (3.0, 0, "boundary")]  # within an epoch, and between two
    root = marked(tmp_path, notes=[(1.5, 0.2, "BAD_jump"), *pauses, (0.5, 3, "eyes closed")])
    panel = read(root, epoch_seconds=1)
    assert np.bincount(panel.patient).tolist() == [6, 4]
    assert panel.skipped == (
        ("p1_raw.fif, segment 1", "BAD_jump within 1-2 s"),
        ("p1_raw.fif, segment 4", "boundary within 4-5 s"),
    )
    want = smooth_field(1)[:, :128] * 1e6
    np.testing.assert_allclose(panel.x[panel.patient == 1][0], want, atol=0.01)
    with pytest.raises(DataError, match=r"p1_raw.fif cannot be used: BAD_jump .* set epoch_seconds"):
        read(root)
    skipping = read(root, unreadable="skip")
    assert skipping.skipped[0][0] == "p1_raw.fif"


def test_a_marked_segment_in_a_cropped_file_lies_where_it_was(tmp_path):
    mne = pytest.importorskip("mne")
    root = marked(tmp_path)
    raw = raw_of(smooth_field(1), names=TEN_TWENTY)
    raw.set_meas_date(0)
    raw.set_annotations(mne.Annotations(3.5, 0.2, "bad", orig_time=raw.info["meas_date"]))
    write(root / "p1_raw.fif", raw.crop(2))
    assert read(root, epoch_seconds=1).skipped == (("p1_raw.fif, segment 1", "bad within 1-2 s"),)


def test_counts_are_off_by_half_a_count():
    values = np.random.default_rng(0).normal(300, 5, (4, 3, 50))
    values[:, 2] = 7.25
    counts, gain, offset = in_counts(values)
    back = counts * gain[:, None] + offset[:, None]
    assert np.all(np.abs(back - values) <= (np.ptp(values, axis=(0, 2)) / 131068 * 1.01 + 1e-9)[:, None])


def test_check_tells_channels_copies_and_balance(tmp_path):
    root = write_folder(tmp_path / "own", count=10)
    write(root / "p4.edf", signal(3))
    bent = signal(5)
    bent[1] = 3e-6
    bent[2, 100:110] = 120e-6
    write(root / "p5.edf", bent)
    write(root / "p6.edf", signal(6, channels=5), names=NAMES[:5])
    panel = read(root, epoch_seconds=3)
    assert panel.channels == NAMES[:5]
    findings = {
        f.what: (f.severity, f.where) for f in check(panel, SPLITS.build({"name": "stratified"})(panel))
    }
    assert findings["1 channel left out of all records"] == ("warning", "channel O2: not in p6.edf")
    copies = [key for key in findings if "copies of" in key]
    assert len(copies) == 1
    assert findings[copies[0]][1].count(";") == 1
    told = set(findings[copies[0]][1].removeprefix("records ").replace(";", ",").split(", "))
    assert told == {"p3 (p3)", "p4 (p4)"}
    assert "Fp2" in findings["2 records with a flat lead"][1]
    assert "C3" in findings["1 record with a clipped lead"][1]
    assert findings["6 patients: a 3, b 3"] == ("note", "train part")
    assert ("10 patients: a 5, b 5", "all data") in {(f.what, f.where) for f in check(panel)}


def test_a_setting_that_makes_no_sense(folder):
    with pytest.raises(ConfigError, match=r"reference is 'Cz'; write average, or a list"):
        read(folder, reference="Cz")
    with pytest.raises(ConfigError, match=r"reference names every EEG channel of p3_raw.fif, so none"):
        read(folder, reference=NAMES)
    with pytest.raises(ConfigError, match="names one twice"):
        read(folder, channels=("C3", "C3"))
    with pytest.raises(ConfigError, match=r"filter at 70 Hz is not below half the rate of .* \(128 Hz\)"):
        read(folder, band=(1, 70))
    with pytest.raises(ConfigError, match="band from 30 to 2 Hz is empty"):
        read(folder, band=(30, 2))
    with pytest.raises(ConfigError, match=r"no montage 'biosemi46' in MNE.*did you mean 'biosemi64'"):
        read(folder, montage="biosemi46")

"""BIDS folders: who has which label is told by participants.tsv, by id, and what is wrong is said."""

from __future__ import annotations

import shutil
import warnings

import numpy as np
import pytest

from tests.datasets.eeg_files import NAMES, raw_of, signal, write, write_bids, write_tsv
from tests.datasets.test_eeg_formats import backwards
from tsrep.datasets import load
from tsrep.errors import DataError
from tsrep.runs.fit import fit


def read(root, **settings):
    return load("bids", root, cache=root.parent / "cache", progress=False, **settings)


@pytest.fixture
def folder(tmp_path):
    return write_bids(tmp_path / "bids")


def test_labels_and_patients_by_id(folder, monkeypatch):
    panel = read(folder, epoch_seconds=3)
    assert (panel.unit, panel.classes, len(panel)) == ("µV", ("A", "C"), 12)
    assert panel.patient_names == tuple(f"sub-{s:02d}" for s in range(1, 7))
    for name in ("listdir", "scandir"):
        backwards(monkeypatch, name)
    write_tsv(
        folder / "participants.tsv",
        [{"group": "CA"[s % 2 == 0], "participant_id": f"sub-{s:02d}"} for s in (4, 2, 6, 1, 3, 5)],
    )
    again = read(folder, epoch_seconds=3)
    assert again.digest == panel.digest
    for s in range(1, 7):
        mine = again.select(again.patient == s - 1)
        np.testing.assert_allclose(mine.x[0], signal(s)[:, :384] * 1e6, atol=0.01)
        assert {again.classes[c] for c in mine.label} == {"CA"[s % 2 == 0]}


def test_task_session_and_classes(tmp_path):
    pytest.importorskip("mne_bids")
    root = tmp_path / "bids"
    rows = []
    for s, group in enumerate("ACF"):
        for session in ("1", "2"):
            for task in ("rest", "count"):
                name = f"sub-{s}_ses-{session}_task-{task}_eeg.edf"
                write(root / f"sub-{s}/ses-{session}/eeg/{name}", signal(s))
        rows.append({"participant_id": f"sub-{s}", "group": group})
    write_tsv(root / "participants.tsv", rows)
    assert len(read(root)) == 12
    assert len(read(root, task="count")) == 6
    panel = read(root, task="rest", session="2", classes=("F", "A"))
    assert (panel.classes, panel.label.tolist()) == (("F", "A"), [1, 0])
    with pytest.raises(DataError, match=r"no recordings .* of task walk; tasks there: count, rest; sessions"):
        read(root, task="walk")
    with pytest.raises(DataError, match=r"no recording has B as group in .*participants.tsv; known: A, C, F"):
        read(root, classes=("A", "B"))


def test_channels_tsv_tells_types_and_bad_channels(folder):
    rows = [{"name": name, "type": "EOG" if name == "Fp1" else "EEG", "status": "good"} for name in NAMES]
    rows[2]["status"] = "bad"
    write_tsv(folder / "sub-03/eeg/sub-03_task-rest_channels.tsv", rows)
    panel = read(folder, bads="drop")
    assert panel.channels == ("Fp2", "C4", "O1", "O2")
    assert dict(panel.skipped) == {
        "channel Fp1": "not in sub-03/eeg/sub-03_task-rest_eeg.edf",
        "channel C3": "marked as bad in sub-03/eeg/sub-03_task-rest_eeg.edf",
    }
    with pytest.raises(DataError, match=r"marks C3 as bad but does not say where .* set montage"):
        read(folder)
    mended = read(folder, montage="biosemi64")
    assert np.abs(mended.x[2, 1] - signal(3)[2] * 1e6).max() > 10


def test_derivatives_beside_raw(folder):
    write_bids(folder, folder="derivatives/clean", suffix=".set", seconds=4)
    assert read(folder).x.shape[-1] == 768
    clean = read(folder, derivatives="derivatives/clean")
    np.testing.assert_allclose(clean.x[2], signal(3, seconds=4) * 1e6, atol=0.01)


def test_what_is_wrong_with_participants(folder):
    table = folder / "participants.tsv"
    whole = table.read_text()
    lines = whole.splitlines()

    def say(text, match, **settings):
        table.write_text(text)
        with pytest.raises(DataError, match=match) as caught:
            read(folder, **settings)
        assert "\n" not in str(caught.value)

    without = "\n".join(line for line in lines if not line.startswith("sub-04"))
    say(without, r"participants.tsv has no row for sub-04, of whom there is sub-04/eeg/sub-04_task-rest_eeg")
    say(whole, r"participants.tsv has no column 'diagnosis'", label="diagnosis")
    say(whole.replace("group", "grupo"), r"has no column 'group'; did you mean 'grupo'")
    say(whole + lines[2] + "\n", r"has participant sub-\d+ in more than one row; keep one row")
    say(whole.replace("64\tA", "64\tn/a"), r"participant sub-04 has no group in .*; give one, or name those")
    assert len(read(folder, classes=("A", "C"))) == 5
    say(lines[0] + "\n", r"has a header but no rows")
    say(whole + "sub-99\tA\n", r"row 8 of .*participants.tsv has 2 fields of 3; complete it")
    table.unlink()
    with pytest.raises(DataError, match=r"participants.tsv is missing"):
        read(folder)


def test_a_participant_without_recording_is_told(folder):
    shutil.rmtree(folder / "sub-05")
    panel = read(folder)
    assert panel.skipped == (("sub-05", "it has a row but no recording"),)


def test_folders_without_recordings_or_with_two_of_one(folder):
    write(folder / "sub-02/eeg/sub-02_task-rest_eeg.vhdr", signal(2))
    with pytest.raises(DataError, match=r"sub-02_task-rest_eeg.edf and .*vhdr hold the same recording"):
        read(folder)
    for path in folder.glob("sub-*"):
        shutil.rmtree(path)
    with pytest.raises(DataError, match=r"has no recordings sub-\*.*; give the folder that has sub-\* in it"):
        read(folder)


def test_as_mne_bids_writes_and_reads(tmp_path):
    bids = pytest.importorskip("mne_bids")
    root = tmp_path / "bids"
    paths = []
    for s in ("01", "02"):
        path = bids.BIDSPath(subject=s, task="rest", session="a", root=root, datatype="eeg")
        raw = raw_of(signal(int(s)))
        raw.info["line_freq"] = 50
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            bids.write_raw_bids(
                raw, path, format="BrainVision", allow_preload=True, overwrite=True, verbose="ERROR"
            )
            paths.append(path)
    header, *rows = (root / "participants.tsv").read_text(encoding="utf-8-sig").splitlines()
    rows = [f"{row}\t{'ab'[k]}" for k, row in enumerate(rows)]
    (root / "participants.tsv").write_text("\n".join([f"{header}\tgroup", *rows]) + "\n")
    panel = read(root, session="a")
    for k, path in enumerate(paths):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            want = bids.read_raw_bids(path, verbose="ERROR").get_data() * 1e6
        np.testing.assert_allclose(panel.x[k], want, atol=0.01)
    assert panel.label.tolist() == [0, 1]


def test_training_by_participant(tmp_path):
    root = write_bids(tmp_path / "bids", subjects=14)
    run = fit(
        {
            "dataset": {"name": "bids", "label": "group", "epoch_seconds": 2},
            "root": str(root),
            "window": {"seconds": 1, "hop_seconds": 0.5},
            "encoder": {"name": "dilated-conv", "hidden": 4, "dim": 8, "depth": 2},
            "training": {"epochs": 1, "batch_size": 32},
            "evaluation": {"labels": [1.0], "seeds": 1, "n_bootstrap": 100},
        },
        out=tmp_path / "run",
        progress=False,
    )
    facts = run.provenance["data"]
    assert (facts["unit"], facts["patients"], facts["records"], facts["samples"]) == ("µV", 14, 42, 126)
    assert (run.path / "encoder.safetensors").exists()

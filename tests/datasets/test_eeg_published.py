"""Published EEG sets in their distributed layout, in small."""

from __future__ import annotations

import numpy as np
import pytest

from tests.datasets.eeg_files import signal, write, write_tsv
from tests.datasets.test_eeg_formats import backwards
from tsrep.datasets import load
from tsrep.datasets.eeg.apava import ALZHEIMER
from tsrep.datasets.eeg.apava import CHANNELS as APAVA_CHANNELS
from tsrep.datasets.eeg.tdbrain import CHANNELS as TDBRAIN_CHANNELS
from tsrep.errors import DataError
from tsrep.registry import SPLITS

NINETEEN = (*APAVA_CHANNELS, "Fz", "Cz", "Pz")


def read(name, root, **settings):
    return load(name, root, cache=root.parent / "cache", progress=False, **settings)


def test_ds004504(tmp_path):
    pytest.importorskip("mne_bids")
    root = tmp_path / "ds004504"
    groups = {f"sub-{s:03d}": "AFC"[s % 3] for s in range(1, 7)}
    for s, name in enumerate(groups, start=1):
        for folder, seed in ((root, 100 + s), (root / "derivatives", s)):
            volts = signal(seed, seconds=6 + s, sfreq=500, channels=19)
            write(folder / name / f"eeg/{name}_task-eyesclosed_eeg.set", volts, sfreq=500, names=NINETEEN)
    write_tsv(
        root / "participants.tsv",
        [{"participant_id": n, "Gender": "F", "Age": 60, "Group": g, "MMSE": 20} for n, g in groups.items()],
    )
    panel = read("ds004504", root, epoch_seconds=2, rate=None)
    assert panel.classes == ("Alzheimer", "frontotemporal dementia", "healthy")
    assert (panel.channels, panel.sfreq, panel.unit) == (NINETEEN, 500, "µV")
    for s in range(1, 7):
        mine = panel.select(panel.patient == s - 1)
        assert set(mine.label.tolist()) == {s % 3}
        assert len(mine) == (6 + s) // 2
        want = signal(s, seconds=6 + s, sfreq=500, channels=19)[:, :1000] * 1e6
        np.testing.assert_allclose(mine.x[0], want, atol=0.01)
    two = read("ds004504", root, groups=("C", "A"), epoch_seconds=2, preprocessed=False)
    assert (two.classes, two.sfreq) == (("healthy", "Alzheimer"), 128)
    assert len(np.unique(two.patient)) == 4


def trials(number: int, channels: int, steps: int, count: int = 2) -> np.ndarray:
    return np.random.default_rng(number).normal(scale=20, size=(count, channels, steps))


@pytest.fixture
def features(tmp_path):
    """Feature files and labels of both sets, the labels in another order than the files."""

    def make(numbers, channels, steps, positive):
        root = tmp_path / "features"
        (root / "Feature").mkdir(parents=True)
        (root / "Label").mkdir()
        for n in numbers:
            np.save(root / f"Feature/feature_{n:02d}.npy", trials(n, channels, steps).transpose(0, 2, 1))
        rows = [(float(n in positive), n) for n in sorted(numbers, key=lambda n: (7 * n) % 11)]
        np.save(root / "Label/label.npy", np.array(rows, float))
        return root

    return make


def test_apava_features_and_the_published_split(features, monkeypatch):
    root = features(range(1, 24), 16, 1280, ALZHEIMER)
    (root / "Feature/.DS_Store").write_text("a stray file")
    for name in ("listdir", "scandir"):
        backwards(monkeypatch, name)
    panel = read("apava", root, layout="features")
    assert (panel.store.shape[1:], panel.sfreq, panel.channels) == ((16, 1280), 256, APAVA_CHANNELS)
    for n in (1, 2, 10, 23):
        mine = panel.select(panel.patient == n)
        np.testing.assert_allclose(mine.x, trials(n, 16, 1280), atol=0.01)
        assert set(mine.label.tolist()) == {int(n in ALZHEIMER)}
    split = SPLITS.build({"name": "official"})(panel)
    assert set(panel.patient[split.validation]) == {17, 18}
    assert set(panel.patient[split.test]) == {19, 20}
    assert split.counts["train"]["patients"] == 19
    labels = np.load(root / "Label/label.npy")
    np.save(root / "Label/label.npy", labels[labels[:, 1] != 7])
    with pytest.raises(DataError, match=r"no label for the patient of .*feature_07.npy; add the row"):
        read("apava", root, layout="features")


def test_apava_as_its_publishers_store_it(tmp_path):
    from scipy import io

    root = tmp_path / "AD_Data"
    root.mkdir()
    for n in (1, 2, 17, 18, 19, 20):
        cell = np.empty((1, 2), object)
        for i, trial in enumerate(trials(n, 16, 1280)):
            cell[0, i] = trial
        labels = np.array(APAVA_CHANNELS, object).reshape(-1, 1)
        io.savemat(
            root / f"preproctrials{n:02d}.mat", {"data": {"label": labels, "fsample": 256.0, "trial": cell}}
        )
    panel = read("apava", root)
    assert panel.fold.tolist() == [1, 1, 1, 1, 9, 9, 9, 9, 10, 10, 10, 10]
    assert panel.label.tolist() == [1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0]
    np.testing.assert_allclose(panel.x[4], trials(17, 16, 1280)[0], atol=0.01)
    (root / "preproctrials02.mat").write_bytes(b"broken")
    panel = read("apava", root)
    assert panel.skipped[0][0] == "preproctrials02.mat"
    assert panel.skipped[0][1].startswith("it has no FieldTrip structure 'data'")
    (root / "preproctrials1.mat").write_bytes(b"")
    with pytest.raises(
        DataError, match=r"preproctrials01.mat and preproctrials1.mat .* same number; keep one"
    ):
        read("apava", root)
    (root / "preproctrials1.mat").unlink()
    with pytest.raises(DataError, match=r"has no files like preproctrials01.mat; give the folder"):
        read("apava", root.parent)
    (root / "preproctrials24.mat").write_bytes(b"")
    with pytest.raises(DataError, match=r"no label for the patient of .*preproctrials24.mat"):
        read("apava", root)


def test_tdbrain_features(features):
    root = features((1, 18, 22, 26, 29, 46, 50, 54), 33, 2560, (29, 46, 50))
    panel = read("tdbrain", root, layout="features")
    assert sorted(set(panel.patient.tolist())) == [1, 18, 22, 29, 46, 50]
    assert panel.classes == ("healthy", "Parkinson")
    split = SPLITS.build({"name": "official"})(panel)
    assert [set(panel.patient[part]) for part in (split.train, split.validation, split.test)] == [
        {1, 29},
        {18, 46},
        {22, 50},
    ]


@pytest.fixture
def brainclinics(tmp_path):
    pytest.importorskip("mne_bids")
    root = tmp_path / "tdbrain"
    rows = []
    for s, indication in ((10, "PARKINSON"), (20, "HEALTHY"), (30, "MDD"), (40, "HEALTHY"), (50, "HEALTHY")):
        name = f"sub-{s}"
        for task in ("restEC", "restEO"):
            stem = f"{name}/ses-1/eeg/{name}_ses-1_task-{task}_eeg"
            path = root / "derivatives" / f"{stem}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            values = signal(s + (task == "restEO"), seconds=5, sfreq=500, channels=33) * 1e6
            np.savetxt(
                path, values.T, fmt="%.6f", delimiter=",", header=",".join(TDBRAIN_CHANNELS), comments=""
            )
            write(root / f"{stem}.vhdr", values * 1e-6, sfreq=500, names=TDBRAIN_CHANNELS)
        rows.append({"participants_ID": name, "sessID": 1, "indication": indication, "age": "60,5"})
    rows += [{**rows[1], "sessID": 2}, {**rows[4], "sessID": 2, "indication": "PARKINSON"}]
    rows.append(dict.fromkeys(rows[0], ""))
    write_tsv(root / "TDBRAIN_participants_V2.tsv", rows[::-1])
    return root


def test_tdbrain_recordings_by_participant(brainclinics):
    panel = read("tdbrain", brainclinics, rate=None, epoch_seconds=2)
    assert (panel.classes, panel.patient_names) == (("HEALTHY", "PARKINSON"), ("sub-10", "sub-20", "sub-40"))
    assert panel.channels == TDBRAIN_CHANNELS[:26]
    assert panel.skipped[0] == ("sub-50", "its rows have different indications: HEALTHY, PARKINSON")
    for i, (s, label) in enumerate(((10, 1), (20, 0), (40, 0))):
        mine = panel.select(panel.patient == i)
        assert mine.label.tolist() == [label, label]
        want = signal(s, seconds=5, sfreq=500, channels=33)[:26, :1000] * 1e6
        np.testing.assert_allclose(mine.x[0], want, atol=0.01)
    raw = read("tdbrain", brainclinics, layout="brainvision", rate=None, epoch_seconds=2)
    np.testing.assert_allclose(raw.x[:, :26], panel.x, atol=0.01)
    everything = read("tdbrain", brainclinics, channels=TDBRAIN_CHANNELS, epoch_seconds=2)
    assert (len(everything.channels), everything.sfreq) == (33, 256)


def test_a_broken_tdbrain_file_is_left_out_and_told(brainclinics):
    path = next((brainclinics / "derivatives/sub-20").rglob("*restEC_eeg.csv"))
    path.write_text(path.read_text().replace("\n", ",oops\n", 3))
    panel = read("tdbrain", brainclinics, epoch_seconds=2)
    assert any("sub-20_ses-1_task-restEC" in name for name, _ in panel.skipped)
    with pytest.raises(DataError, match="sub-20_ses-1_task-restEC"):
        load(
            "tdbrain",
            brainclinics,
            cache=brainclinics.parent / "c",
            strict=True,
            progress=False,
            epoch_seconds=2,
        )

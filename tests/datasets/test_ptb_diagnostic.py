"""PTB Diagnostic: beats of the two groups, cut from records in the true on-disk layout."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tsrep.datasets import load
from tsrep.datasets.ecg.ptb_diagnostic import LEADS
from tsrep.errors import DataError, SplitError
from tsrep.registry import SPLITS

RATE = 1000


def heart(rr: float, seconds: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Fifteen leads at 1000 Hz with an offset each, int16 at 2000 counts per mV, and the R peaks."""
    rng = np.random.default_rng(seed)
    peaks = np.arange(0.7, seconds - 0.3, rr)
    when = np.arange(round(seconds * RATE)) / RATE
    since = when - peaks[:, None]
    wave = np.exp(-0.5 * (since / 0.012) ** 2) + 0.25 * np.exp(-0.5 * ((since - 0.26) / 0.04) ** 2)
    gain = np.linspace(1.2, 0.4, 15)[:, None]
    x = gain * wave.sum(axis=0) + rng.normal(0, 0.01, (15, len(when))) + np.linspace(-3, 3, 15)[:, None]
    return np.rint(x * 2000).astype(np.int16), peaks


def write(root: Path, name: str, counts: np.ndarray, reason: str | None) -> None:
    """Twelve leads in .dat, three in .xyz, and the long comments of the database."""
    stem = root / name
    stem.parent.mkdir(parents=True, exist_ok=True)
    np.ascontiguousarray(counts[:12].T, "<i2").tofile(stem.with_suffix(".dat"))
    np.ascontiguousarray(counts[12:].T, "<i2").tofile(stem.with_suffix(".xyz"))
    lines = [f"{stem.name} 15 {RATE} {counts.shape[1]}"]
    lines += [
        f"{stem.name}.{'dat' if i < 12 else 'xyz'} 16 2000 16 0 {x[0]} {x.sum(dtype=int) & 0xFFFF} 0 {lead}"
        for i, (lead, x) in enumerate(zip(LEADS, counts, strict=True))
    ]
    lines += ["# age: 60", "# sex: male", "# Diagnose:"]
    lines += [] if reason is None else [f"# Reason for admission: {reason}"]
    stem.with_suffix(".hea").write_text("\n".join([*lines, "# Acute infarction (localization): no"]) + "\n")
    with (root / "RECORDS").open("a") as stream:
        stream.write(name + "\n")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("ptb") / "data"
    reasons = [
        "Myocardial infarction",
        "Healthy control",
        "Myocardial infarction",
        "Healthy control",
        "Bundle branch block",
        "n/a",
        None,
    ]
    for i, reason in enumerate(reasons, 1):
        write(root, f"patient{i:03d}/s00{i}lre", heart(0.8, 24, i)[0], reason)
    write(root, "patient001/s0101lre", heart(0.6, 24, 11)[0], "Myocardial infarction")
    write(root, "patient009/s0090_re", heart(1.35, 24, 9)[0], "Healthy control")
    return root


def read(folder, cache, **settings):
    return load("ptb-diagnostic", folder, cache=cache, progress=False, **settings)


def test_beats_in_trials_of_ten_of_the_two_groups(folder, tmp_path):
    panel = read(folder, tmp_path)
    assert panel.channels == LEADS
    assert (panel.sfreq, panel.length, panel.unit) == (250, 300, "mV")
    assert panel.patient_names == ("patient001", "patient002", "patient003", "patient004", "patient009")
    assert panel.classes == ("healthy control", "myocardial infarction")
    patients, trials = np.unique(panel.patient, return_counts=True)
    # 29 beats at RR 0.8 s and 39 at 0.6 s: two and three trials
    assert dict(zip(patients.tolist(), trials.tolist(), strict=True)) == {0: 50, 1: 20, 2: 20, 3: 20}
    assert {int(p): set(panel.label[panel.patient == p].tolist()) for p in patients} == {
        0: {1},
        1: {0},
        2: {1},
        3: {0},
    }
    assert np.unique(panel.trial, return_counts=True)[1].tolist() == [10] * 11
    assert panel.skipped == (("patient009/s0090_re", "RR interval 1.35 s is above 1.2 s"),)


def test_the_r_peak_is_in_the_middle_of_every_lead_and_padding_is_zero(folder, tmp_path):
    x = read(folder, tmp_path).x[20:40]
    assert np.abs(x.argmax(axis=2) - 150).max() <= 1
    # RR 0.8 s = 200 steps: 100 before R and 100 from R on
    assert not x[:, :, :50].any()
    assert not x[:, :, 250:].any()
    assert x[:, :, 50:250].std(axis=2).min() > 0
    np.testing.assert_allclose(x.max(axis=2).mean(axis=0), np.linspace(1.2, 0.4, 15), atol=0.06)


def test_consecutive_beats_stand_next_to_each_other(folder, tmp_path):
    panel = read(folder, tmp_path)
    assert panel.store.shape == (11, 15, 3000)
    assert panel.start.tolist()[:11] == [*range(0, 3000, 300), 0]
    assert panel.store.dtype == np.int16


def test_settings_change_the_signal_and_the_digest(folder, tmp_path):
    standard, linear = read(folder, tmp_path), read(folder, tmp_path, resampling="linear")
    five = read(folder, tmp_path, beats_per_trial=5)
    assert len({standard.digest, linear.digest, five.digest}) == 3
    # without anti-aliasing more of the wide-band noise is left
    quiet = [np.diff(p.x[p.patient == 1, :, 60:100]).std() for p in (standard, linear)]
    assert quiet[0] < 0.6 * quiet[1]
    assert len(np.unique(five.trial)) > len(np.unique(standard.trial))


def test_no_patient_in_two_parts(folder, tmp_path):
    panel = replace(read(folder, tmp_path), synthetic=True)  # or these hearts of one rhythm were copies
    split = SPLITS.build({"name": "patients", "validation": ("patient003",), "test": ("patient004",)})(panel)
    assert split.counts["validation"]["samples"] == 20
    with pytest.raises(SplitError):
        SPLITS.build({"name": "official"})(panel)


def test_broken_folders(folder, tmp_path):
    with pytest.raises(DataError, match="RECORDS is missing"):
        read(tmp_path, tmp_path)
    root = tmp_path / "other"
    write(root, "patient001/s1", heart(0.8, 24, 0)[0], "Dysrhythmia")
    with pytest.raises(DataError, match="check the folder"):
        read(root, tmp_path)
    write(root, "patient002/s1", heart(0.8, 24, 0)[0], "Healthy control")
    write(root, "patient003/s1", heart(0.8, 24, 0)[0], "Healthy control")
    write(root, "patient004/s1", heart(0.8, 24, 0)[0], "Healthy control")
    write(root, "patient005/s1", np.zeros((15, 9000), np.int16), "Healthy control")
    write(root, "patient006/s1", heart(0.8, 5, 0)[0], "Healthy control")
    (root / "patient002/s1.xyz").unlink()
    (root / "patient004/s1.hea").unlink()
    reasons = dict(read(root, tmp_path).skipped)
    assert reasons == {
        "patient002/s1": "s1.xyz is missing",
        "patient004/s1": "s1.hea is missing",
        "patient005/s1": "no beats",
        "patient006/s1": "5 beats do not fill a trial of 10",
    }
    with pytest.raises(DataError, match="patient002/s1 cannot be used"):
        read(root, tmp_path, strict=True)

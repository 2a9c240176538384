"""The sample of PTB-XL in the package: what it holds, where it is from, and that nothing is in it twice."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tsrep.datasets import about, load
from tsrep.datasets.ecg.ptb_xl_sample import CLASSES, FOLDER, RECORDS, SIGNALS
from tsrep.datasets.fetch import fetch
from tsrep.datasets.formats.wfdb_record import read_wfdb
from tsrep.datasets.tables.reading import read_table
from tsrep.errors import DataError
from tsrep.signals.names import TWELVE
from tsrep.signals.panel import Panel


@pytest.fixture(scope="module")
def sample() -> Panel:
    panel = load("ptb-xl-sample")
    assert isinstance(panel, Panel)
    return panel


def test_it_is_what_it_says(sample: Panel) -> None:
    facts = about("ptb-xl-sample")
    assert (len(sample), len(np.unique(sample.patient))) == (facts.records, facts.patients)
    assert sample.channels == TWELVE
    assert (sample.length, sample.sfreq, sample.unit) == (1000, 100.0, "mV")
    assert sample.classes == CLASSES
    assert (sample.label.sum(axis=0) > 80).all()
    assert 0.1 < np.median(sample.take(np.arange(50)).std(axis=2)) < 0.3  # mV, as of an ECG
    assert np.nanmin(sample.meta["age"]) > 0
    assert np.nanmax(sample.meta["age"]) <= 89
    assert set(sample.meta["sex"]) == {"F", "M"}


def test_it_is_small() -> None:
    files = [path for path in FOLDER.rglob("*") if path.is_file() and path.suffix in (".xz", ".csv", ".dat")]
    assert sum(path.stat().st_size for path in files) < 8e6


def test_no_signal_is_in_it_twice(sample: Panel) -> None:
    leads = np.asarray(sample.store).reshape(-1, sample.length)
    assert len(np.unique(leads.view(f"V{leads.itemsize * sample.length}"))) == len(leads)


def test_new_recordings_are_of_other_patients(sample: Panel) -> None:
    stems = sorted(path.with_suffix("") for path in (FOLDER / "recordings").glob("*.hea"))
    assert len(stems) == 3
    known = set(read_table(FOLDER / RECORDS, ["patient_id"])["patient_id"])
    for stem in stems:
        record = read_wfdb(stem)
        assert record.counts.shape == (12, 1000)
        said = stem.with_suffix(".hea").read_text().partition("patient: ")[2].split()[0]
        assert said.isdigit()
        assert said not in known


def test_values_are_those_of_the_panel_that_it_comes_from(
    sample: Panel, shared_path: Callable[[str], Path]
) -> None:
    folder = shared_path("data/ptb-xl-panel")
    counts = np.load(folder / "ecg_100hz_int16_uV.npy", mmap_mode="r")
    listed = read_table(folder / RECORDS, ["ecg_id", *CLASSES])
    row = {int(name): i for i, name in enumerate(listed["ecg_id"])}
    for i in range(0, len(sample), 97):
        at = row[int(sample.record_names[i])]
        recorded, stored = [0, 1, 6, 7, 8, 9, 10, 11], np.asarray(sample.store[i], np.int32)
        assert np.array_equal(stored[recorded], counts[at][recorded])
        assert np.abs(stored - counts[at]).max() <= 3  # microvolts, of leads that are sums of rounded ones
        assert [int(listed[name][at]) for name in CLASSES] == sample.label[i].tolist()


def test_faults_are_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has no signals\.xz of a sample of PTB-XL; leave out --root"):
        load("ptb-xl-sample", tmp_path)
    shutil.copy(FOLDER / RECORDS, tmp_path)
    (tmp_path / SIGNALS).write_bytes(b"broken")
    with pytest.raises(DataError, match=r"signals\.xz is damaged .*; install tsrep again"):
        load("ptb-xl-sample", tmp_path)
    with pytest.raises(DataError, match="part of tsrep"):
        fetch("ptb-xl-sample", tmp_path, confirm=lambda question: True)

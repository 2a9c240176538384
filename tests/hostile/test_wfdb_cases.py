"""WFDB records that came in wrong without a word, or were refused for what lies beside their signals."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from tests.hostile.signal_files import write_table
from tsrep.datasets import load
from tsrep.datasets.dataset import Unreadable
from tsrep.datasets.formats.wfdb_record import read_header, read_wfdb, write_wfdb
from tsrep.errors import DataError

COUNTS = np.stack([np.arange(300), 7 * np.arange(300)[::-1]]).astype(np.int16)


def read(root):
    return load("wfdb", root, cache=root / "cache", progress=False)


def write_record(root, name="r", *, head="r 2 100 300", unit="mV", names=("I", "II"), form="16"):
    counts = np.ascontiguousarray(COUNTS.T, "<i2")
    (root / f"{name}.dat").write_bytes(counts.tobytes())
    lines = [f"{name}.dat {form} 100(0)/{unit} 16 0 0 0 0 {channel}" for channel in names]
    (root / f"{name}.hea").write_bytes("\n".join([head, *lines, ""]).encode())
    return root / name


def physical(record):
    return record.counts * record.gain[:, None] + record.offset[:, None]


def test_two_signals_of_one_name_are_both_kept(tmp_path):
    for names in (("ECG", "ECG"), ("", "")):
        record = read_wfdb(write_record(tmp_path, names=names))
        np.testing.assert_allclose(physical(record), COUNTS / 100)
        assert len(set(record.channels)) == 2


@pytest.mark.parametrize("head", ["r 2 100", "r 2 100 300 2006", "r 2 100 300 10:00:00 32/13/2006"])
def test_what_a_header_need_not_say(tmp_path, head):
    stem = write_record(tmp_path, head=head)
    np.testing.assert_allclose(physical(read_wfdb(stem)), COUNTS / 100, rtol=1e-5)
    assert read_header(stem).steps == 300


@pytest.mark.parametrize(("unit", "times"), [("uV", 1e-3), ("µV", 1e-3), ("\u03bcV", 1e-3), ("V", 1e3)])
@pytest.mark.parametrize("head", ["r 2 100 300", "r 2 100"])  # read directly, and by the package
def test_units_are_read_as_bytes(tmp_path, unit, times, head):
    record = read_wfdb(write_record(tmp_path, unit=unit, head=head))
    assert record.units == ("mV", "mV")
    np.testing.assert_allclose(physical(record), COUNTS / 100 * times, rtol=1e-5)


def test_an_ambiguous_unit_and_a_file_elsewhere_are_refused_with_the_reason(tmp_path):
    with pytest.raises(Unreadable, match="MV may be mega- or millivolts"):
        read_wfdb(write_record(tmp_path, unit="MV"))
    write_wfdb(tmp_path / "good", COUNTS, sfreq=100, channels=("I", "II"))
    header = write_record(tmp_path, "a").with_suffix(".hea")
    header.write_text(header.read_text().replace("a.dat", "up/a.dat"))
    panel = read(write_table(tmp_path, ["good", "a"], "record", "records.csv"))
    assert panel.skipped == (("a", "its header names the file up/a.dat, which does not lie beside it"),)


def test_the_reason_is_told_where_no_record_can_be_read(tmp_path):
    write_record(tmp_path, unit="MV")
    with pytest.raises(DataError, match=r"the first, r: the unit MV may be"):
        read(write_table(tmp_path, ["r"], "record", "records.csv"))


def test_frames_of_several_samples_are_not_averaged(tmp_path):
    stem = write_record(tmp_path, head="r 1 100 150", names=("I",), form="16x4")
    record = read_wfdb(stem)
    flat = COUNTS.T.ravel() / 100
    np.testing.assert_allclose(physical(record)[0], flat, rtol=1e-5)
    assert (record.sfreq, read_header(stem).sfreq, read_header(stem).steps) == (400, 400, 600)


def test_a_level_far_from_zero_keeps_the_signal(tmp_path):
    stem = tmp_path / "r"
    counts = (2_000_000_000 + np.arange(300)).astype("<i4")
    counts.tofile(tmp_path / "r.dat")
    (tmp_path / "r.hea").write_text("r 1 100 300\nr.dat 32 1(0)/mV 32 0 0 0 0 I\n")
    record = read_wfdb(stem)
    np.testing.assert_allclose(np.diff(record.counts[0]), 1, atol=1e-3)


def test_a_segment_that_is_replaced_is_noticed(tmp_path, shared_path):
    case = shared_path("cases/wfdb_segment_replaced")
    root = tmp_path / "input"
    shutil.copytree(case / "input", root)
    before = read(root).x[0].max()
    for file in (case / "replacement").iterdir():
        shutil.copy(file, root)
    assert before < 1.1
    assert read(root).x[0].max() > 20


@pytest.mark.parametrize(
    "case", ["wfdb_header_without_length", "wfdb_header_year_only", "wfdb_two_signals_one_name"]
)
def test_reported_records(tmp_path, shared_path, case):
    panel = load("wfdb", shared_path(f"cases/{case}/input"), cache=tmp_path, progress=False)
    assert not panel.skipped
    np.testing.assert_allclose(panel.x.std(axis=(0, 2)), [0.715, 2.12], rtol=0.01)

"""The fast reader agrees with the wfdb package, and the writer with both."""

from __future__ import annotations

import numpy as np
import pytest

from tsrep.datasets.dataset import Unreadable
from tsrep.datasets.formats.wfdb_record import read_header, read_wfdb, signal_files, write_wfdb

wfdb = pytest.importorskip("wfdb")

REAL = [
    "ptb-xl/records100/00000/00001_lr",
    "ptb-xl/records500/00000/00001_hr",
    "cinc2021/HR06000",
    "cpsc2021/data_84_2",
    "formats/wfdb/a103l",
    "formats/wfdb/100_3chan",
]


@pytest.mark.parametrize("name", REAL)
def test_real_records_of_several_formats(shared_path, name):
    stem = shared_path(f"data/{name}.hea").with_suffix("")
    got, want = read_wfdb(stem), wfdb.rdrecord(str(stem))
    np.testing.assert_allclose(
        got.counts * got.gain[:, None] + got.offset[:, None], want.p_signal.T, rtol=1e-6, atol=1e-9
    )
    assert got.channels == tuple(want.sig_name)
    assert got.sfreq == want.fs
    assert [u.lower() for u in got.units] == [u.lower() for u in want.units]
    header = read_header(stem)
    assert (header.channels, header.sfreq, header.steps) == (got.channels, got.sfreq, got.counts.shape[1])
    assert header.units == got.units
    assert header.plain == (got.counts.dtype == np.int16)


def test_every_real_record_has_the_counts_of_the_wfdb_package(shared_path):
    for stem in sorted(shared_path("data/ptb-xl/records100/00000").glob("*.hea"))[::25]:
        got = read_wfdb(stem.with_suffix(""))
        want = wfdb.rdrecord(str(stem.with_suffix("")), physical=False)
        np.testing.assert_array_equal(got.counts, want.d_signal.T)


def test_what_is_written_is_read_alike_by_the_wfdb_package(tmp_path):
    counts = np.random.default_rng(0).integers(-32767, 32767, (3, 257)).astype(np.int16)
    write_wfdb(
        tmp_path / "r1", counts, sfreq=250, channels=("I", "II", "V1"), gain=200.0, comments=["Age: 3"]
    )
    got = wfdb.rdrecord(str(tmp_path / "r1"), physical=False)
    np.testing.assert_array_equal(got.d_signal.T, counts)
    # wfdb recomputes the checksums and initial values of the samples that it read
    assert [c % 65536 for c in got.calc_checksum()] == [c % 65536 for c in got.checksum]
    assert got.init_value == counts[:, 0].tolist()
    assert (got.fs, got.adc_gain, got.units, got.comments) == (250, [200.0] * 3, ["mV"] * 3, ["Age: 3"])
    assert read_wfdb(tmp_path / "r1").comments == ("Age: 3",)


def test_signals_spread_over_files_baseline_and_units(tmp_path):
    np.arange(8, dtype="<i2").tofile(tmp_path / "a.dat")
    np.arange(100, 104, dtype="<i2").tofile(tmp_path / "b.dat")
    (tmp_path / "r.hea").write_text(
        "r 3 100 4 12:00:00 01/01/2000\n"
        "a.dat 16 1000(10)/uV 16 0 0 0 0 left arm\n"
        "b.dat 16 2 12 3 0 0 0 two\n"
        "a.dat 16 4/mmHg\n"
        "# a comment\n"
    )
    got = read_wfdb(tmp_path / "r")
    np.testing.assert_array_equal(got.counts, [[0, 2, 4, 6], [100, 101, 102, 103], [1, 3, 5, 7]])
    values = got.counts * got.gain[:, None] + got.offset[:, None]
    np.testing.assert_allclose(values[:, 0], [-10 / 1000 * 1e-3, (100 - 3) / 2, 1 / 4])
    assert got.units == ("mV", "mV", "mmHg")
    assert got.channels == ("left arm", "two", "signal 3")
    assert [file.name for file in signal_files(tmp_path / "r")] == ["r.hea", "a.dat", "b.dat"]


def test_several_segments_go_through_the_wfdb_package(shared_path):
    folder = shared_path("data/formats/wfdb/multi-segment")
    stem = next(
        path.with_suffix("")
        for path in sorted(folder.rglob("*.hea"))
        if "/" in path.read_text().split()[0] and "layout" not in path.name
    )
    got = read_wfdb(stem)
    want = wfdb.rdrecord(str(stem), smooth_frames=False)
    fastest = max(want.samps_per_frame)
    assert read_header(stem).steps == got.counts.shape[1] == max(map(len, want.e_p_signal))
    assert got.sfreq == want.fs * fastest
    for i, signal in enumerate(want.e_p_signal):
        if want.samps_per_frame[i] == fastest:
            np.testing.assert_allclose(got.counts[i] * got.gain[i], signal, rtol=1e-5)


def test_headers_that_make_no_sense(tmp_path):
    for text in ("", "r\n", "r 1 100 10\n", "r 1 0 10\nr.dat 16\n", "r 2 100 10\nr.dat 16 200\n"):
        (tmp_path / "r.hea").write_text(text)
        with pytest.raises(Unreadable):
            read_wfdb(tmp_path / "r")
        with pytest.raises(Unreadable):
            read_header(tmp_path / "absent")

"""Each thing that can be wrong with a folder of EEG is told in one sentence, with exit code 2."""

from __future__ import annotations

import warnings

import pytest
from typer.testing import CliRunner

from tests.datasets.eeg_files import FORMATS, NAMES, raw_of, signal, write, write_folder
from tests.datasets.recordings import write_csv
from tsrep.cli.app import app
from tsrep.datasets import load
from tsrep.errors import DataError


def read(root, **settings):
    return load("eeg", root, cache=root.parent / "cache", progress=False, **settings)


@pytest.fixture
def folder(tmp_path):
    return write_folder(tmp_path / "own")


def refused(root, match, **settings):
    """The sentence of a DataError, which the command line tells with exit code 2 and no traceback."""
    with pytest.raises(DataError, match=match) as caught:
        read(root, **settings)
    assert "\n" not in str(caught.value)
    assert str(caught.value).count(". ") == 0
    flags = [f"--set=dataset.{key}={_written(value)}" for key, value in settings.items()]
    done = CliRunner().invoke(app, ["data", "check", "eeg", "--root", str(root), *flags])
    assert isinstance(done.exception, DataError)
    assert done.exception.exit_code == 2
    return str(caught.value)


def _written(value):
    return f"[{', '.join(value)}]" if isinstance(value, tuple) else value


def test_mixed_sampling_rates(folder):
    write(folder / "p2.edf", signal(2, sfreq=256), sfreq=256)
    refused(folder, r"different sampling rates in Hz: p2.edf has 256, most have 128; set rate to one for all")
    assert read(folder, rate=128).sfreq == 128


def test_different_lengths(folder):
    write(folder / "p2.edf", signal(2, seconds=9))
    refused(folder, r"different lengths in steps: p2.edf has 1152, most have 768; set epoch_seconds")
    assert len(read(folder, epoch_seconds=3)) == 9
    refused(folder, r"p\d.edf cannot be used: 6 s are shorter than a segment of 8 s", epoch_seconds=8)
    assert len(read(folder, epoch_seconds=8, unreadable="skip")) == 1


def test_montage_mismatch(folder):
    write(folder / "p2.edf", signal(2), names=(*NAMES[:4], "X1", "Oh2"))
    write_csv(
        folder / "recordings.csv",
        [{"file": "p2.edf", "patient": k, "label": k} for k in (0,)],
    )
    refused(
        folder,
        r"p2.edf has channels that the montage biosemi64 does not: X1, Oh2; choose another montage",
        montage="biosemi64",
    )


def test_a_corrupted_header(folder):
    path = folder / "p2.edf"
    whole = path.read_bytes()
    signals = int(whole[252:256])
    for at, junk, what in (
        (252, b"many", "the number of signals is 'many'"),
        (236, b"x7      ", "the number of data records is 'x7'"),
        (244, b"1,0,0   ", "the duration of a data record is '1,0,0'"),
        (256 + signals * 216 + 8, b"\0oops   ", r"the number of samples of signal 2 is '\\x00oops'"),
        (184, b"-5      ", f"{signals} signals in -5 bytes of header"),
    ):
        path.write_bytes(whole[:at] + junk + whole[at + len(junk) :])
        refused(folder, rf"p2.edf cannot be used: its EDF header is corrupted \({what}\); fix or remove it")
    path.write_bytes(whole[:216] + b"\xff" * 200 + whole[416:])
    refused(folder, r"p2.edf cannot be used: its EDF header .*corrupted")
    panel = read(folder, unreadable="skip")
    assert [name for name, _ in panel.skipped] == ["p2.edf"]
    assert panel.patient.tolist() == [3, 1, 0]
    with pytest.raises(DataError, match=r"p2.edf cannot be used"):
        load("eeg", folder, cache=folder.parent / "c", progress=False, unreadable="skip", strict=True)


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_truncated_file(tmp_path, suffix):
    root = write_folder(tmp_path / "own", suffix=suffix)
    path = root / ("p1.eeg" if suffix == ".vhdr" else f"p1{suffix}")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2 + 1])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        message = refused(root, rf"p1{suffix} cannot be used: .*; fix or remove it, or leave such files out")
    if suffix != ".set":  # a MATLAB file only tells that its end is not where it should be
        assert "truncated" in message or "corrupted" in message


def test_companions_that_are_missing(tmp_path):
    root = write_folder(tmp_path / "own", suffix=".vhdr")
    (root / "p1.eeg").unlink()
    refused(root, r"p1.vhdr cannot be used: its data file p1.eeg is missing")
    (root / "p1.vhdr").unlink()
    refused(root, r"p1.vhdr cannot be used: the file is missing")


def test_different_channels(folder):
    write(folder / "p2.edf", signal(2), names=("A1", "A2", "A3", "A4", "A5", "A6"))
    refused(folder, r"different channels, none of them EEG in all: p\d.edf has .*; set channels")
    write(folder / "p2.edf", signal(2), names=(*NAMES[:5], "Oz"))
    refused(
        folder,
        r"p2.edf has no channel O2; it has Fp1, Fp2, C3, C4, O1, Oz; name channels that every recording has",
        channels=("C3", "O2"),
    )
    refused(folder, r"p2.edf has no channel O2", reference=("O2",))


def test_a_channel_that_is_no_voltage(tmp_path):
    root = tmp_path / "own"
    raw = raw_of(signal(0), types=["eeg"] * 5 + ["mag"])
    write(root / "p_raw.fif", raw)
    write_csv(root / "recordings.csv", [{"file": "p_raw.fif", "patient": 1, "label": 1}])
    with pytest.raises(DataError, match=r"channel O2 is not a voltage; set dataset.channels"):
        read(root, channels=("O2",))


def test_participants_of_the_table(folder):
    rows = [{"participant": f"p{k}", "label": k % 2} for k in range(4)]

    def table(rows):
        write_csv(folder / "recordings.csv", rows)

    table(rows)
    assert read(folder, participant="participant").patient_names == ("p0", "p1", "p2", "p3")
    table([*rows, rows[1]])
    refused(folder, r"has participant p1 in more than one row", participant="participant")
    table(rows[:3])
    refused(folder, r"p3.edf has the id of no participant of recordings.csv", participant="participant")
    table([*rows, {"participant": "edf", "label": 1}])
    refused(folder, r"p0.edf has the id of p0 and edf of recordings.csv", participant="participant")
    refused(folder, r"recordings.csv has no column 'diagnosis'", participant="participant", label="diagnosis")
    for k in range(4):
        (folder / f"p{k}.edf").unlink()
    refused(folder, r"has no EEG recordings \(.vhdr .edf", participant="participant")


def test_an_id_is_not_found_inside_another(tmp_path):
    root = tmp_path / "own"
    for name in ("sub-1", "sub-10", "sub-11"):
        write(root / name / f"{name}_rest.edf", signal(int(name[4:])))
    write_csv(root / "recordings.csv", [{"who": f"sub-{k}", "label": k == 10} for k in (11, 10, 1)])
    panel = read(root, participant="who")
    assert panel.patient_names == ("sub-1", "sub-10", "sub-11")
    for k in (1, 10, 11):
        mine = panel.select(panel.patient == panel.patient_names.index(f"sub-{k}"))
        assert abs(mine.x[0] - signal(k) * 1e6).max() < 0.01
        assert panel.classes[mine.label[0]] == str(k == 10)

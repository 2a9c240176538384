"""The command `predict`: tables, and one sentence with exit code 2 for every mistake."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import Command
from tests.runs.predicting import ecg, predictor, record
from tsrep.cli.predict import seen_told
from tsrep.runs.packed import save_pretrained


@pytest.fixture
def encoder(tmp_path: Path) -> Path:
    return save_pretrained(predictor(), tmp_path / "encoder", licence="mit")


@pytest.fixture
def ward(tmp_path: Path) -> Path:
    for k in range(4):
        record(tmp_path / "ward" / f"bed{k % 2}" / f"r{k}", seed=k)
    return tmp_path / "ward"


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def test_a_folder_with_a_broken_file(encoder: Path, ward: Path, command: Command) -> None:
    os.truncate(ward / "bed0" / "r2.dat", 10)
    out = ward.parent / "p.csv"
    done = command("predict", encoder, ward, "--out", out)
    assert done.returncode == 0, done.stderr
    assert f"{out}: 3 of 4 recordings" in " ".join(done.stdout.split())
    assert "1 of 4 recordings gave no prediction; see the column reason" in " ".join(done.stderr.split())
    assert [row.split(",")[0] for row in lines(out)] == ["record", "bed0/r0", "bed0/r2", "bed1/r1", "bed1/r3"]
    assert lines(out)[2].startswith("bed0/r2,,failed,,,,,0,0.0,,r2.dat is truncated")
    facts = json.loads(out.with_suffix(".json").read_text())
    assert facts["counts"] == {"ok": 3, "partial": 0, "failed": 1}
    assert facts["command"].startswith("tsrep predict")
    assert facts["encoder"]["licence"] == "mit"


def test_windows_embeddings_and_other_formats(encoder: Path, ward: Path, command: Command) -> None:
    out, x = ward.parent / "p.jsonl", ward.parent / "x.npz"
    done = command("predict", encoder, ward, "--out", out, "--windows", "--embed", x, "--labels-only")
    assert done.returncode == 0, done.stderr
    assert set(json.loads(lines(out)[0])) == {
        "record",
        "window",
        "start_seconds",
        "stop_seconds",
        "prediction",
    }
    assert len(lines(out)) == 16
    assert len(lines(ward.parent / "p.records.jsonl")) == 4
    with np.load(x) as stored:
        assert stored["x"].shape == (16, 16)


def test_an_array_with_all_that_it_does_not_say(encoder: Path, tmp_path: Path, command: Command) -> None:
    np.save(tmp_path / "x.npy", np.stack([ecg(10, seed=k) for k in range(3)]))
    options = ["--rate", 100, "--unit", "uV", "--channels", "I, II", "--out", tmp_path / "p.csv"]
    done = command("predict", encoder, tmp_path / "x.npy", *options)
    assert done.returncode == 0, done.stderr
    assert len(lines(tmp_path / "p.csv")) == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ENCODER", "empty"], "no recordings in empty (looked for .bdf, .edf"),
        (["ENCODER", "nowhere"], "nowhere is no folder, file, pattern, @list nor data set"),
        (
            ["ENCODER", "twice"],
            "two recordings are called a (a.edf, a.hea); name the files apart or give a list",
        ),
        (["ENCODER", "bad"], "none of 1 recordings can be predicted; the first, x: x.dat is missing"),
        (["ENCODER", "ward", "--out", "there.csv"], "there.csv exists; choose another name or --overwrite"),
        (["ENCODER", "ward", "--out", "p.xlsx"], "p.xlsx does not end in the name of a format"),
        (["ENCODER", "ward", "--embed", "z.txt"], "z.txt does not end in .npz, by which others know"),
        (["ENCODER", "ptb-xl-simm"], "did you mean the data set ptb-xl-sim?"),
        (["ENCODER", "@list"], "the list list cannot be read (No such file or directory); give a text"),
        (["ENCODER", "ward", "--head", "svm"], "has no head svm; it has "),
        (["ENCODER", "ward", "--part", "test"], "ward is no data set, so --part has no meaning"),
        (["ENCODER", "ward", "--max-failed", "2"], "max-failed"),
        (["ENCODER", "ward", "--batch-size", "0"], "batch-size"),
        (["ENCODER", "x.npy", "--rate", "0"], "the rate is 0 Hz; give a positive number"),
        (["ENCODER", "x.npy", "--rate", "nan"], "the rate is nan Hz; give a positive number"),
        (["ENCODER", "x.npy", "--rate", "9", "--channels", "I,I"], "'I' is among the channels twice"),
        (["ENCODER", "x.npy"], "x.npy does not say its sampling rate; give it with --rate, in Hz"),
        (["nowhere", "ward"], "`nowhere` is no run folder, file, hub reference"),
        (["random:dilated-conv", "ward"], "has no head; fit one with: tsrep evaluate random:dilated-conv"),
    ],
)
def test_a_mistake_is_one_sentence_and_leaves_nothing(
    arguments: list[str],
    message: str,
    encoder: Path,
    ward: Path,
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(ward.parent)
    for name in ("empty", "twice", "bad"):
        Path(name).mkdir()
    record(Path("twice/a"))
    Path("twice/a.edf").write_bytes(b"")
    record(Path("bad/x")).with_suffix(".dat").unlink()
    Path("there.csv").write_text("mine")
    np.save("x.npy", np.zeros((2, 2, 1000), np.float32))
    before = sorted(ward.parent.rglob("*"))
    done = command("predict", *(encoder if each == "ENCODER" else each for each in arguments))
    assert done.returncode == 2
    assert message in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert sorted(ward.parent.rglob("*")) == before
    assert Path("there.csv").read_text() == "mine"


def test_ctrl_c_says_what_it_leaves(
    encoder: Path, ward: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tsrep.runs.predict.encoding.Encoding.__call__", stop)
    done = command("predict", encoder, ward, "--out", ward.parent / "p.csv")
    assert done.returncode == 130
    assert done.stderr == "tsrep: stopped; nothing was written, as tables appear whole; predict again\n"
    assert not list(ward.parent.glob("*p.csv*"))
    monkeypatch.setattr("tsrep.runs.references.reference.Reference.open", stop)
    done = command("encoder", encoder)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        130,
        "tsrep: stopped; files appear whole or not at all: run the same command again",
    )


def test_seen_recordings_are_told() -> None:
    found = {"status": "seen", "of": 40, "exact": 3, "leads": 1, "coarse": 0}
    assert seen_told(found).startswith("tsrep: the encoder has seen 4 of 40 recordings")
    assert seen_told(found | {"status": "none"}) == ""

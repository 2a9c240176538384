"""The command `compare`, and foreign encoders that are refused, as a user meets them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import tsrep
from tests.cli.conftest import Command
from tests.runs.test_compare import ENCODERS, write_data

FAULTY = """
import torch
from torch import nn

from encoders import Amplitudes


class Turned(Amplitudes):
    def forward(self, x):
        return torch.zeros(3, len(x), 2)


class Centred(Amplitudes):
    def forward(self, x):
        z = super().forward(x)
        return z - z.mean(0)


def unreadable():
    return torch.load("12_lead.pth")


def turned():
    return Turned("turned", [1.0, 0.0, 0.0, 0.0])


def centred():
    return Centred("centred", [1.0, 0.0, 0.0, 0.0])


def lenient():
    made = Amplitudes("lenient", [1.0, 0.0, 0.0, 0.0])
    made.mix = nn.Linear(4, 1, bias=False)
    return made
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "encoders.py").write_text(ENCODERS)
    (tmp_path / "faulty.py").write_text(FAULTY)
    write_data(tmp_path / "A", 0, 100)
    (tmp_path / "table.yaml").write_text(
        "encoders: ['encoders.py:sharp', {ref: 'encoders.py:blind', name: other}]\n"
        "datasets:\n- {name: arrays, root: A, sfreq: 100, unit: mV, channels: [I, II],\n"
        "   split: {name: stratified}}\n"
        "evaluation: {n_bootstrap: 100, probe: {C: [1.0]}}\nlabel_seeds: 1\n"
        "policies: {any_modality: true}\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TSREP_CACHE", str(tmp_path / "cache"))
    return tmp_path


def test_table_becomes_a_page(command: Command, place: Path) -> None:
    done = command("compare", "table.yaml", "--out", "page")
    assert done.returncode == 0, done.stderr
    assert "2 encoders on 1 data set: on arrays sharp is ahead with a macro AUROC of " in done.stdout
    assert done.stdout.rstrip().endswith("page/comparison.html")
    made = sorted(path.name for path in (place / "page").iterdir())
    kinds = ["csv", "html", "json", "png"]
    assert made == ["cells", *(f"comparison.{kind}" for kind in kinds), "table.yaml"]
    again = tsrep.compare("table.yaml", out="page", progress=False)
    assert again.encoders == ["sharp", "other"]


@pytest.mark.parametrize(
    ("function", "told"),
    [
        ("unreadable", "faulty.py:unreadable failed: FileNotFoundError: "),
        ("turned", "turned() gives shape (3, 1, 2) for 1 window; the first axis must be the batch"),
        ("centred", "centred() gives a window other features in a batch of 5 than alone (difference "),
        ("lenient", "1 of 1 tensors (100 % of the weights) differ between two loads by lenient()"),
        ("absent", "faulty.py:absent is no function; let faulty.py define it"),
    ],
)
def test_faulty_encoder_is_refused(
    refused: Callable[..., str], place: Path, function: str, told: str
) -> None:
    for words in (
        ("encoder", f"faulty.py:{function}", "--check"),
        ("compare", f"faulty.py:{function}", "--dataset", "ptb-xl-sim", "--out", "page"),
    ):
        assert told in refused(*words)
    assert not (place / "page").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("encoders.py:sharp", "encoders.py:sharp"), "encoders.py:sharp is in the table twice"),
        (("encoders.py:sharp", "-d", "ptb-xlsim"), "unknown dataset 'ptb-xlsim'; did you mean 'ptb-xl-sim'?"),
        (("encoders.py:sharp", "-d", "etth1"), "etth1 is a series without labels"),
        (("encoders.py:sharp",), "encoders.py:sharp holds no scores.json"),
        (("table.yaml", "-d", "ptb-xl-sim"), "table.yaml names its data sets; leave --dataset out"),
        (("gone.yaml",), "gone.yaml cannot be read (No such file or directory)"),
        (("nothing", "-d", "ptb-xl-sim"), "`nothing` is no run folder"),
        (("encoders.py:sharp", "--root", "A"), "--root A belongs to no --dataset"),
        (("encoders.py:sharp", "-d", "ptb-xl-sim", "--labels", "all"), "--labels all are no numbers"),
        (("encoders.py:sharp", "-d", "ptb-xl-sim", "-p", "prob"), "unknown protocol 'prob'; did you mean"),
    ],
)
def test_faults_are_one_sentence(
    refused: Callable[..., str], place: Path, words: tuple[str, ...], told: str
) -> None:
    assert told in refused("compare", *words, "--out", "page")
    assert not (place / "page").exists()


def test_vectors_that_are_no_numbers_are_refused(refused: Callable[..., str], place: Path) -> None:
    x = np.ones((100, 2))
    x[3] = np.nan
    np.savez("vectors.npz", record=[str(k) for k in range(100)], x=x)
    table = (
        (place / "table.yaml")
        .read_text()
        .replace("{ref: 'encoders.py:blind', name: other}", "'features:vectors.npz'")
    )
    (place / "vectors.yaml").write_text(table)
    said = refused("compare", "vectors.yaml", "--out", "page")
    assert "vectors.npz gives no finite number for 1 of 100 records (first: 3)" in said
    assert not (place / "page").exists()


def test_unpinned_reference_is_warned_of(command: Command, place: Path) -> None:
    done = command("compare", "hub:o/n", "--dataset", "ptb-xl-sim", "--out", "page")
    assert "warning: hub:o/n may change; pin it with hub:o/n@REVISION" in done.stderr

"""Plug-ins as installed distributions, each one file: a data set, and a split."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from tests.cli.conftest import Told
from tests.cli.installing import install
from tsrep.evaluation.scores import Scores

pytestmark = pytest.mark.usefixtures("plain_reports")

DATASET = '''
"""Sines of two rates in a NumPy file."""
import numpy as np

from tsrep.datasets.dataset import About, Dataset
from tsrep.registry import DATASETS
from tsrep.signals.panel import Panel


@DATASETS.register("two-sines")
class TwoSines(Dataset):
    """Slow and fast sines, two records of each patient.

    Parameters
    ----------
    noise : float

    References
    ----------
    Fourier, "Analytical Theory of Heat", 1822.
    """

    about = About(
        title="Sines of two rates", licence="none", citation="Fourier (1822).", url="", records=48,
        patients=24, needs=("sines.npy",), independence="subject",
    )

    def __init__(self, noise: float = 0.1) -> None:
        self.noise = noise

    def read(self, folder, *, cache, strict, progress):
        sines = np.load(folder / "sines.npy")
        noisy = sines + self.noise * np.random.default_rng(0).normal(size=sines.shape)
        return Panel.from_arrays(
            noisy.astype(np.float32), label=np.arange(48) // 2 % 2, patient=np.arange(48) // 2, sfreq=20.0,
            classes=("slow", "fast"), source="two sines",
        )
'''

SPLIT = '''
"""Every fourth patient validates, every other fourth tests."""
import numpy as np

from tsrep.registry import SPLITS
from tsrep.splits.split import Split


@SPLITS.register("every-fourth")
class EveryFourth:
    """Patients in turn."""

    def __init__(self, first: int = 0) -> None:
        self.first = first

    def __call__(self, panel):
        turn = (panel.patient // 2 + self.first) % 4
        return Split.make(panel, turn < 2, turn == 2, turn == 3, how=f"every fourth from {self.first}")
'''


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    rate = np.where(np.arange(48) // 2 % 2, 5.0, 1.0)[:, None]
    np.save(folder / "sines.npy", np.sin(rate * np.arange(40) / 4)[:, None])
    return folder


def fit(told: Told, root: Path, run: Path, **settings: object) -> str:
    values = {
        "dataset": {"name": "two-sines", "noise": 0.2},
        "window": {"seconds": None},
        "encoder": {"name": "dilated-conv", "hidden": 4, "dim": 4, "depth": 2},
        "objective": {"name": "ts2vec"},
        "training": {"epochs": 1, "batch_size": 8},
        "evaluation": {"protocols": ["probe"], "labels": [1.0], "seeds": 1, "n_bootstrap": 100},
        **settings,
    }
    config = run.with_suffix(".yaml")
    config.write_text(yaml.safe_dump(values))
    return told("fit", "--config", config, "--root", root, "--out", run)


def test_a_data_set_is_listed_checked_and_reported(
    site: Path, told: Told, root: Path, tmp_path: Path
) -> None:
    install(site, "two-sines", "tsrep.datasets", DATASET)
    assert "48 records of 24 patients" in told("data", "list")
    assert '[Fourier, "Analytical Theory of Heat", 1822.]' in told("list", "datasets")
    about = told("data", "info", "two-sines")
    assert "noise = 0.1" in about
    assert "independence  between subjects" in about
    checked = told("data", "check", "two-sines", "--root", root, "--set", "window.seconds=2")
    assert "two sines: 48 records of 24 patients, 1 channel at 20 Hz, 2 classes" in checked
    run = tmp_path / "run"
    said = fit(told, root, run)
    assert "two sines" in said
    assert Scores.load(run).where(method="ts2vec")
    assert "two sines" in (run / "report.html").read_text()


def test_a_split_divides_the_patients_of_a_run(site: Path, told: Told, root: Path, tmp_path: Path) -> None:
    install(site, "two-sines", "tsrep.datasets", DATASET)
    install(site, "every-fourth", "tsrep.splits", SPLIT)
    assert "every-fourth  " in told("list", "splits")
    words = ("data", "check", "two-sines", "--root", root, "--set", "window.seconds=2")
    checked = told(*words, "--set", "split=every-fourth")
    assert "split: every fourth from 0; 12 train, 6 validation, 6 test patients" in checked
    run = tmp_path / "run"
    fit(told, root, run, split={"name": "every-fourth", "first": 1})
    assert "every fourth from 1" in (run / "report.html").read_text()
    assert json.loads((run / "split.json").read_text())["how"] == "every fourth from 1"

"""One table of a run of tsrep, two recipes of published encoders and a model of braindecode."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.encoders.test_braindecode import Model, _torchaudio
from tests.encoders.test_foreign_recipes import RECIPES, TWELVE, _checkpoints
from tsrep.report.compare import write_comparison
from tsrep.runs.compare.conduct import compare
from tsrep.runs.compare.table import table_of
from tsrep.runs.fit import fit

EEGNET = """
import torch

from tsrep.encoders.adapters.braindecode import braindecode_model, from_braindecode

LEADS = {leads}


def load():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = {model}
    ecg = {{"modality": "ecg", "reference": None, "standardise": {{"how": "record"}}}}
    return from_braindecode(
        model, unit="mV", channels=LEADS, contract=ecg, parameters_from="random, as braindecode makes it"
    )
"""
INSTALLED = 'braindecode_model("EEGNet", n_outputs=2, n_chans=12, n_times=500, sfreq=250)'
STAND_IN = "__import__('tests.encoders.test_braindecode', fromlist=['Model']).Model(2, 12, 480, 250)"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory with recipes, weights, and recordings at 500 Hz of two classes."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "encoders" / "standins"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TSREP_CACHE", str(tmp_path / "cache"))
    for path in RECIPES.iterdir():
        shutil.copy(path, tmp_path)
    _checkpoints(tmp_path)
    model = INSTALLED if importlib.util.find_spec("braindecode") else STAND_IN
    for name, module in _torchaudio().items() if model == INSTALLED else ():
        monkeypatch.setitem(sys.modules, name, module)
    (tmp_path / "eegnet.py").write_text(EEGNET.format(leads=TWELVE, model=model))
    _write_recordings(tmp_path / "cohort")
    yield tmp_path
    for name in set(sys.modules) - before:
        if "standins" in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def _write_recordings(folder: Path, patients: int = 24) -> None:
    """Limb leads that agree with one another, and chest leads of larger waves in the second class."""
    rng, label = np.random.default_rng(0), np.arange(patients) % 2
    time = np.arange(1250) / 500
    wave = np.sin(2 * np.pi * rng.uniform(1, 2, patients)[:, None] * time) ** 15
    two = rng.uniform(0.5, 1, (2, patients, 1)) * wave
    limbs = [two[0], two[1], two[1] - two[0], -two.sum(0) / 2, two[0] - two[1] / 2, two[1] - two[0] / 2]
    chest = [(0.5 + label[:, None]) * rng.uniform(0.5, 1.5, (patients, 1)) * wave for _ in range(6)]
    x = np.stack([*limbs, *chest], 1) + 0.01 * rng.normal(size=(patients, 12, 1250))
    folder.mkdir()
    np.save(folder / "records.npy", x.astype(np.float32))
    rows = [f"p{k},{'MI' if on else 'NORM'}" for k, on in enumerate(label)]
    (folder / "records.csv").write_text("\n".join(["patient,label", *rows]) + "\n")


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")
def test_one_table(place: Path) -> None:
    small = {
        "dataset": {"name": "ptb-xl-sim", "patients": 20},
        "window": {"seconds": 2.5},
        "encoder": {"name": "dilated-conv", "hidden": 4, "dim": 8, "depth": 2},
        "objective": {"name": "simclr"},
        "training": {"epochs": 1, "batch_size": 32},
    }
    fit(small, out=place / "run", evaluation=False, progress=False)
    table = table_of(
        {
            "encoders": [
                {"ref": "run", "name": "own"},
                {"ref": "merl.py:load", "variant": "benchmark"},
                {"ref": "ecg-cpc.py:load", "variant": "benchmark", "name": "ECG-CPC"},
                "eegnet.py:load",
            ],
            "datasets": [
                {
                    "name": "arrays",
                    "root": str(place / "cohort"),
                    "sfreq": 500,
                    "unit": "mV",
                    "channels": list(TWELVE),
                    "split": {"name": "stratified"},
                }
            ],
            "label_seeds": 1,
            "evaluation": {"n_bootstrap": 100, "probe": {"C": [1.0]}},
            "policies": {"any_modality": True},
            "device": "cpu",
        }
    )
    found = compare(table, place / "page", progress=False)
    named = "EEGNet" if importlib.util.find_spec("braindecode") else Model.__name__
    assert found.encoders == ["own", "MERL (ResNet-18) (benchmark)", "ECG-CPC", named]
    assert len(found.gains) == 4
    assert len(found.pairs) == 6
    told = {each.cell.encoder: " ".join(each.cell.notes) for each in found.cells}
    assert "500" in told["own"]
    assert "100 Hz" in told["own"]
    assert "240 Hz" in told["ECG-CPC"]
    scored = [each.predictions for each in found.cells]
    assert all(np.array_equal(np.sort(p.trial), np.sort(scored[0].trial)) for p in scored)
    page = write_comparison(found, place / "page").read_text()
    for said in ("none stated", "MIMIC-IV-ECG", "HEEDB", "240 Hz"):
        assert said in page

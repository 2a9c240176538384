from __future__ import annotations

import io
import json
import pickle
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pytest
from sktime.base import load as sktime_load
from sktime.exceptions import NotFittedError

from tests.estimators.signals import HEAD, SMALL, waves
from tsrep.errors import ConfigError, RunError
from tsrep.estimators import ContrastiveEncoder, TimestepEncoder


@pytest.fixture(scope="module")
def fitted() -> ContrastiveEncoder:
    return ContrastiveEncoder(**SMALL, objective_params=HEAD).fit(waves()[0])


def rewritten(path: Path, **entries: bytes) -> None:
    with ZipFile(path) as file:
        content = {name: file.read(name) for name in file.namelist()}
    with ZipFile(path, "w") as file:
        for name, value in (content | entries).items():
            file.writestr(name, value)


class Bomb:
    def __reduce__(self) -> Any:
        return pytest.fail, ("code in the file was executed",)


def test_every_bit_comes_back(fitted: ContrastiveEncoder, tmp_path: Path) -> None:
    path = fitted.save(tmp_path / "model")
    assert path == tmp_path / "model.zip"
    again = ContrastiveEncoder.load(tmp_path / "model")
    np.testing.assert_array_equal(again.transform(waves()[0]), fitted.transform(waves()[0]))
    assert again.get_params() == fitted.get_params()
    assert ContrastiveEncoder.load(path).encoder_.training is False


def test_records_that_standardise_themselves_come_back(tmp_path: Path) -> None:
    model = ContrastiveEncoder(**SMALL, objective_params=HEAD, standardise="record").fit(waves()[0])
    again = ContrastiveEncoder.load(model.save(tmp_path / "model"))
    np.testing.assert_array_equal(again.transform(waves()[0]), model.transform(waves()[0]))


def test_rates_of_epochs_come_back(tmp_path: Path) -> None:
    mne = pytest.importorskip("mne")
    epochs = mne.EpochsArray(waves()[0], mne.create_info(["Fz", "Cz"], 64.0, "eeg"), verbose="error")
    model = ContrastiveEncoder(**SMALL, objective_params=HEAD).fit(epochs)
    again = ContrastiveEncoder.load(model.save(tmp_path / "model"))
    assert (again.sfreq_, again.channels_) == (model.sfreq_, model.channels_) == (64.0, ("Fz", "Cz"))


def test_sktime_reads_it_too(fitted: ContrastiveEncoder, tmp_path: Path) -> None:
    fitted.save(tmp_path / "model")
    for again in (sktime_load(str(tmp_path / "model")), sktime_load(fitted.save())):
        np.testing.assert_array_equal(again.transform(waves()[0]), fitted.transform(waves()[0]))


def test_nothing_in_a_file_is_executed(fitted: ContrastiveEncoder, tmp_path: Path) -> None:
    path = fitted.save(tmp_path / "model")
    bomb = pickle.dumps(Bomb())
    rewritten(path, _metadata=bomb, _obj=bomb)
    assert ContrastiveEncoder.load(path).is_fitted
    rewritten(path, **{"weights.safetensors": bomb})
    with pytest.raises(RunError, match="is no estimator of this version"):
        ContrastiveEncoder.load(path)


def test_broken_files_are_one_sentence(fitted: ContrastiveEncoder, tmp_path: Path) -> None:
    path = fitted.save(tmp_path / "model")
    with pytest.raises(RunError, match="holds a ContrastiveEncoder, not a TimestepEncoder"):
        TimestepEncoder.load(path)
    with ZipFile(path) as file:
        told = json.loads(file.read("estimator.json"))
    told["facts"]["channels"] = ["only one"]
    rewritten(path, **{"estimator.json": json.dumps(told).encode()})
    with pytest.raises(RunError, match=r"is broken \(RuntimeError\)"):
        ContrastiveEncoder.load(path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(RunError, match="is no estimator of this version"):
        ContrastiveEncoder.load(path)
    with pytest.raises(RunError, match="cannot be read"):
        ContrastiveEncoder.load(tmp_path / "nowhere")


def test_what_is_not_fitted_is_not_stored(tmp_path: Path) -> None:
    with pytest.raises(NotFittedError):
        ContrastiveEncoder().save(tmp_path / "model")


def test_a_generator_is_stored_as_its_seed(tmp_path: Path) -> None:
    settings = {**SMALL, "objective_params": HEAD, "random_state": np.random.default_rng(3)}
    model = ContrastiveEncoder(**settings).fit(waves()[0])
    again = ContrastiveEncoder.load(model.save(tmp_path / "model"))
    assert isinstance(again.random_state, int)
    table = model.transform(waves()[0])
    np.testing.assert_array_equal(again.fit(waves()[0]).transform(waves()[0]), table)


def test_parameters_that_are_no_values_are_refused(fitted: ContrastiveEncoder, tmp_path: Path) -> None:
    model = pickle.loads(pickle.dumps(fitted))
    model.device = io.BytesIO()
    with pytest.raises(ConfigError, match="parameter device is a BytesIO"):
        model.save(tmp_path / "model")
    assert list(tmp_path.iterdir()) == []

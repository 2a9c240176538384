"""Estimators that take a trained encoder by its reference."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from tsrep.datasets import load
from tsrep.encoders.pooling import POOLS
from tsrep.errors import ConfigError, DataError
from tsrep.estimators import ContrastiveClassifier, ContrastiveEncoder, ContrastiveForecaster, TimestepEncoder
from tsrep.runs.config_files import assemble
from tsrep.runs.fit import fit
from tsrep.runs.folder import Run
from tsrep.runs.trained import shared_scaler


@pytest.fixture(scope="module")
def ecg(tiny_run: Path) -> tuple[np.ndarray, np.ndarray]:
    """Twelve leads in mV, as the run was trained on, and whether a recording is normal."""
    panel = load(Run(tiny_run).config.dataset)
    x = panel.take(np.arange(40))[..., :125]
    return x, panel.label[:40, 0].astype(int)


def test_the_encoder_is_taken_as_it_is(tiny_run: Path, ecg: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = ecg
    model = ContrastiveClassifier(encoder=str(tiny_run), random_state=0).fit(x, y)
    trained = Run(tiny_run).encoder()
    assert all(
        torch.equal(a, b)
        for a, b in zip(model.encoder_.state_dict().values(), trained.state_dict().values(), strict=True)
    )
    assert model.predict_proba(x).shape == (40, 2)


def test_features_are_those_of_the_run(tiny_run: Path, ecg: tuple[np.ndarray, np.ndarray]) -> None:
    x, _ = ecg
    mine = ContrastiveEncoder(encoder=str(tiny_run)).fit_transform(x).to_numpy()
    run = Run(tiny_run)
    scaler = shared_scaler(run)
    scaled = torch.from_numpy(((x - scaler.mean[:, :, None]) / scaler.std[:, :, None]).astype(np.float32))
    with torch.no_grad():
        theirs = POOLS["max-mean"](run.encoder()(scaled)).numpy()
    np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-5)


def test_all_weights_train_from_the_reference(tiny_run: Path, ecg: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = ecg
    how = {"epochs": 1, "min_steps": 1, "strategy": "lp-ft", "head": {"head": "linear"}}
    model = ContrastiveClassifier(encoder=str(tiny_run), finetune=True, finetune_params=how, random_state=0)
    tuned = model.fit(x, y).encoder_.state_dict()
    trained = Run(tiny_run).encoder().state_dict()
    far = {name: float((tuned[name] - trained[name]).abs().max()) for name in tuned}
    assert 0 < max(far.values()) < 0.1


def test_a_saved_estimator_needs_its_reference_no_more(
    tiny_run: Path, ecg: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    x, y = ecg
    copy = tmp_path / "reference"
    shutil.copytree(tiny_run, copy)
    model = ContrastiveClassifier(encoder=str(copy), random_state=0).fit(x, y)
    before = model.predict_proba(x)
    file = model.save(tmp_path / "model")
    shutil.rmtree(copy)
    np.testing.assert_array_equal(ContrastiveClassifier.load(file).predict_proba(x), before)
    np.testing.assert_array_equal(model.predict_proba(x), before)


def test_named_columns_find_their_leads(tiny_run: Path, ecg: tuple[np.ndarray, np.ndarray]) -> None:
    x, _ = ecg
    names = list(load(Run(tiny_run).config.dataset).channels)
    index = pd.MultiIndex.from_product([range(40), range(125)], names=["instance", "time"])
    table = pd.DataFrame(x.transpose(0, 2, 1).reshape(-1, 12), index, names)
    plain = ContrastiveEncoder(encoder=str(tiny_run)).fit_transform(x).to_numpy()
    turned = ContrastiveEncoder(encoder=str(tiny_run)).fit_transform(table[names[::-1]]).to_numpy()
    np.testing.assert_allclose(turned, plain, rtol=1e-4, atol=1e-5)
    table.columns = [f"lead {k}" for k in range(12)]
    with pytest.raises(DataError, match=rf"have the channels lead 0, .* {tiny_run} was trained on I,"):
        ContrastiveEncoder(encoder=str(tiny_run)).fit(table)
    with pytest.raises(DataError, match="give an array of 12 channels in that order"):
        ContrastiveEncoder(encoder=str(tiny_run)).fit(x[:, :3])


def test_each_step_is_encoded_by_the_reference(tiny_run: Path, ecg: tuple[np.ndarray, np.ndarray]) -> None:
    z = TimestepEncoder(encoder=str(tiny_run)).fit_transform(ecg[0])
    assert z.shape == (40, 8, 125)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"encoder": "resnet1dd"}, "unknown encoder 'resnet1dd'; did you mean 'resnet1d'"),
        (
            {"encoder": "RUN", "encoder_params": {"dim": 3}},
            "has settings of its own; leave encoder_params",
        ),
    ],
)
def test_what_is_no_reference_is_told(
    settings: dict[str, Any], message: str, tiny_run: Path, ecg: tuple[np.ndarray, np.ndarray]
) -> None:
    settings = {key: str(tiny_run) if value == "RUN" else value for key, value in settings.items()}
    with pytest.raises(ConfigError, match=message):
        ContrastiveEncoder(**settings).fit(ecg[0])


@pytest.mark.filterwarnings("ignore:The default of config ``remember_data``:FutureWarning")
def test_a_forecaster_starts_from_the_weights_of_a_run(tmp_path: Path) -> None:
    encoder = {"name": "causal-tcn", "hidden": 4, "dim": 4, "depth": 2}
    config = assemble(
        {"dataset": {"name": "seasonal-sim"}, "encoder": encoder, "training": {"epochs": 1}},
        {"objective": {"name": "forecast", "lookback": 24, "horizon": 4}},
    )
    run = fit(config, out=tmp_path / "run", progress=False, illustrate=False)
    y = pd.DataFrame(np.random.default_rng(0).normal(size=(200, run.counts["channels"])))
    with pytest.raises(ConfigError, match=f"{run.path} was trained on a series; use ContrastiveForecaster"):
        ContrastiveEncoder(encoder=str(run.path)).fit(np.zeros((4, run.counts["channels"], 30)))
    model = ContrastiveForecaster(encoder=str(run.path), lookback=24, lr=1e-9, epochs=1, random_state=0)
    model.fit(y, fh=[1, 2])
    trained = run.encoder().state_dict()
    found = model.fitted_.model.encoder.state_dict()
    for name, value in trained.items():
        torch.testing.assert_close(found[name], value, rtol=0, atol=1e-6)

"""Faults that were found in public code of contrastive forecasting would be caught.

Those of single parts are in other files: the axis of the queue's norm and the exclusion zone
(tests/objectives/test_moco.py), the hierarchical loss against double loops (tests/losses, tests/parity),
causality and determinism of encoders (tests/test_conformance.py, tests/encoders), numbers of windows and
closed-form baselines (tests/evaluation, tests/parity).
"""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.forecasting.daily_series import CHANNELS, HORIZON, LOOKBACK, settings, write_daily
from tsrep.encoders.encoder import Encoder
from tsrep.errors import ConfigError
from tsrep.forecasting.joint_objective import Forecast
from tsrep.objectives.moco import MoCo
from tsrep.rng import torch_generator
from tsrep.runs.build import new_encoder, new_objective
from tsrep.runs.config import configure
from tsrep.runs.fit import fit
from tsrep.runs.folder import Run
from tsrep.runs.task import prepare
from tsrep.runs.training_parts import training_part
from tsrep.runs.validation_score import direct_score
from tsrep.signals import Batch
from tsrep.training.checkpoint import load_weights
from tsrep.training.distributed import ALONE
from tsrep.training.hooks import Hook
from tsrep.training.interrupt import Interrupted
from tsrep.training.loop import Trainer

CPU = torch.device("cpu")
TRUNK = {"name": "dilated-conv", "hidden": 4, "dim": 4, "depth": 1}
AUTOTCL = {"name": "autotcl", "trunk": TRUNK}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_daily(tmp_path_factory.mktemp("series"))


def kept(run: Run) -> dict[str, Tensor]:
    return load_weights(run.path / "weights.safetensors")


def equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def built(root: Path, **changes: Any) -> tuple[Any, Any, Encoder, Forecast]:
    """Configuration, data, encoder and objective before a run's first step."""
    config = configure(settings(root, **changes))
    prepared = prepare(config, progress=False)
    encoder = new_encoder(config, prepared.panel, config.seed)
    objective = new_objective(config, encoder, prepared.panel, config.seed)
    assert isinstance(objective, Forecast)
    return config, prepared, encoder, objective


class StopAt(Hook):
    """Asks to stop at a step, as Ctrl-C does."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step(self, step: int) -> None:
        if step == self.step:
            os.kill(os.getpid(), signal.SIGINT)


def test_a_run_with_a_contrast_of_weight_zero_is_the_run_of_the_error_alone(
    root: Path, tmp_path: Path
) -> None:
    """Bit for bit, with dropout, averaging and choice of the epoch."""
    noisy = {"head": {"name": "flatten", "dropout": 0.2}}
    alone = fit(settings(root, objective=noisy), out=tmp_path / "alone", progress=False)
    changes = noisy | {"contrast": "moco", "weight": 0.0, "schedule": "cosine"}
    joint = fit(settings(root, objective=changes), out=tmp_path / "joint", progress=False)
    assert equal(kept(alone), kept(joint))


@pytest.mark.parametrize("contrast", ["moco", "simclr", AUTOTCL])
def test_networks_with_and_without_a_contrast_start_alike(root: Path, contrast: Any) -> None:
    """Published rows differ in architecture and start, not in the loss alone."""
    _, _, encoder, alone = built(root)
    _, _, other, joint = built(root, objective={"contrast": contrast, "weight": 0.5})
    assert equal(encoder.state_dict(), other.state_dict())
    assert equal(alone.head.state_dict(), joint.head.state_dict())


@pytest.mark.parametrize("contrast", ["moco", "cost"])
def test_how_often_a_run_validates_changes_nothing(
    root: Path, tmp_path: Path, contrast: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Published validation fills the queue with its keys, moves the copy and builds graphs."""
    graphs: list[bool] = []
    predict = Forecast.predict

    def watched(self: Forecast, encoder: Encoder, past: Tensor, ahead: Tensor) -> Tensor:
        graphs.append(torch.is_grad_enabled())
        return predict(self, encoder, past, ahead)

    monkeypatch.setattr(Forecast, "predict", watched)
    runs = [
        fit(
            settings(
                root,
                objective={"contrast": contrast, "weight": 0.5},
                training={"validate_every": every, "keep": "last", "patience": None},
            ),
            out=tmp_path / str(every),
            progress=False,
        )
        for every in (1, 2)
    ]
    often, seldom = map(kept, runs)
    assert equal(often, seldom)
    assert graphs
    assert not any(graphs)
    keys = often["objective.contrast.contrast.queue.keys"]
    torch.testing.assert_close(keys.norm(dim=1), torch.ones(len(keys)))
    assert int(often["objective.contrast.contrast.queue.pointer"]) > 0


def test_every_window_is_trained_on_once_an_epoch_and_none_is_dropped(root: Path) -> None:
    config, prepared, _, _ = built(root)
    for index in (prepared.split.train, prepared.split.validation):
        assert len(index) % config.training.batch_size  # there is a smaller last batch to drop
        part = training_part(config, prepared, index, CPU, ALONE)
        seen = np.concatenate(part.sampler.epoch(1))
        assert sorted(seen.tolist()) == list(range(len(index)))


def test_the_augmenter_of_a_contrast_is_moved_by_its_own_optimiser_alone(root: Path, tmp_path: Path) -> None:
    config, prepared, encoder, objective = built(root, objective={"contrast": AUTOTCL, "weight": 0.5})
    train, validation = (
        training_part(config, prepared, index, CPU, ALONE)
        for index in (prepared.split.train, prepared.split.validation)
    )
    start = {name: p.detach().clone() for name, p in objective.named_parameters()}
    trainer = Trainer(
        encoder, objective, train, validation, config.training, seed=config.seed, folder=tmp_path
    )
    (inner,) = objective.inner_optimisations()
    own = {id(p) for p in inner.module.parameters()}
    optimised = {id(p) for group in trainer.optimizer.param_groups for p in group["params"]}
    assert own
    assert not own & optimised
    trainer.run()
    moved = {name for name, p in objective.named_parameters() if not torch.equal(p, start[name])}
    assert any(name.startswith("contrast.") for name in moved)
    assert any(name.startswith("head.") for name in moved)


def test_a_run_with_an_augmenter_resumes_to_the_same_weights(root: Path, tmp_path: Path) -> None:
    config = settings(root, objective={"contrast": AUTOTCL, "weight": 0.5}, training={"epochs": 1})
    whole = fit(config, out=tmp_path / "whole", progress=False)
    with pytest.raises(Interrupted):
        fit(config, out=tmp_path / "cut", progress=False, hooks=[StopAt(2)])
    assert equal(kept(whole), kept(fit(resume=tmp_path / "cut", progress=False)))


def reach(root: Path, head: str, horizon: int) -> Tensor:
    """Which look-back steps the first step of the forecast depends on."""
    lstm = {"name": "lstm", "hidden": 4, "dim": 5, "layers": 1}
    changes = {"head": head, "horizon": horizon, "norm": "none"}
    _, prepared, encoder, objective = built(root, encoder=lstm, objective=changes)
    covariates = prepared.panel.covariates
    past = torch.randn(1, covariates + CHANNELS, LOOKBACK, generator=torch_generator("reach"))
    past.requires_grad_()
    forecast = objective.eval().predict(encoder.eval(), past, torch.zeros(1, covariates, horizon))
    (gradient,) = torch.autograd.grad(forecast[0, 0, 0], past)
    return gradient[0, covariates] != 0


def test_a_causal_network_forecasts_from_the_whole_look_back(root: Path) -> None:
    """By the published head, the first step of a horizon as long as the look-back rests on one value."""
    assert reach(root, "last-state", LOOKBACK).all()
    assert reach(root, "position-wise", LOOKBACK).nonzero().flatten().tolist() == [0]
    assert reach(root, "position-wise", HORIZON)[LOOKBACK - HORIZON + 1 :].sum() == 0


def test_masked_steps_is_the_share_that_is_masked() -> None:
    objective = MoCo(5, channels=1, masked_steps=0.3)
    _, keep = objective._viewed(torch.zeros(50, 1, 200), torch_generator("mask"))
    assert keep is not None
    assert float((~keep).float().mean()) == pytest.approx(0.3, abs=0.02)


def test_what_is_no_truth_value_is_refused(root: Path) -> None:
    """Published scripts take all but the string "False" for true."""
    config = configure(settings(root, objective={"frozen": "false", "calendar": "true"}))
    assert config.objective.frozen is False
    assert config.objective.calendar is True
    with pytest.raises(ConfigError, match=r"objective\.frozen"):
        configure(settings(root, objective={"frozen": "none"}))


def test_a_frozen_encoder_has_no_contrast_beside_its_head(root: Path) -> None:
    with pytest.raises(ConfigError, match=r"set objective\.weight to 0"):
        built(root, objective={"frozen": True, "contrast": "moco", "weight": 0.5})


def test_a_run_of_the_contrast_alone_is_not_chosen_by_the_error_of_an_untrained_head(
    root: Path, tmp_path: Path
) -> None:
    runs = [
        fit(
            settings(
                root,
                objective={"contrast": "simclr", "weight": 1.0},
                training={"epochs": 3, "keep": keep, "patience": patience},
            ),
            out=tmp_path / keep,
            progress=False,
        )
        for keep, patience in (("score", 1), ("last", None))
    ]
    assert equal(*map(kept, runs))
    assert runs[0].provenance["training"]["epoch"] == 3
    assert runs[0].provenance["training"]["value"] is None
    assert "score" not in (runs[0].path / "metrics.jsonl").read_text()


@pytest.mark.parametrize(
    ("length", "sentence"),
    [
        (12, "head 'per-variate' needs one step"),
        (20, r"takes 20 of the 24 steps .* set both alike"),
        (30, "look-back of 24 steps is shorter"),
    ],
)
def test_channels_as_tokens_hold_the_whole_look_back(root: Path, length: int, sentence: str) -> None:
    inverted = {"name": "inverted-transformer", "length": length, "width": 8, "heads": 2, "depth": 1}
    with pytest.raises(ConfigError, match=sentence):
        built(root, encoder=inverted, objective={"mixing": "mixed", "head": "per-variate"})


@pytest.mark.parametrize("mixing", ["independent", "mixed"])
@pytest.mark.parametrize("contrast", ["moco", "simclr", "ts2vec", "cost", AUTOTCL])
def test_missing_values_give_finite_gradients(root: Path, contrast: Any, mixing: str) -> None:
    """In look-backs, in targets, in a whole channel of a window, and in a whole window."""
    _, prepared, encoder, objective = built(
        root, objective={"contrast": contrast, "weight": 0.5, "mixing": mixing}
    )
    covariates = prepared.panel.covariates
    x = torch.from_numpy(prepared.panel.take(prepared.split.train[:6]))
    x[0, covariates, 5:10] = x[1, covariates, -3:] = x[2, covariates + 1] = x[3, covariates:] = torch.nan
    ids = torch.arange(6)
    batch = Batch(x=x, label=ids, patient=torch.zeros_like(ids), trial=ids, sample=ids, start=50 * ids)
    terms = objective(encoder, batch, generator=torch_generator("missing"))
    torch.stack([*terms.values()]).sum().backward()
    gradients = [p.grad for part in (encoder, objective) for p in part.parameters() if p.grad is not None]
    assert gradients
    assert all(gradient.isfinite().all() for gradient in gradients)
    past, ahead, _ = objective.look_backs.cut(x)
    assert objective.eval().predict(encoder.eval(), past, ahead).isfinite().all()


def test_the_choice_of_the_epoch_leaves_out_missing_targets_and_nothing_else(root: Path) -> None:
    _, prepared, encoder, objective = built(root)
    store = prepared.panel.store.copy()
    store[:, -1, -80:-70] = torch.nan
    prepared = replace(prepared, panel=replace(prepared.panel, store=store))
    score = direct_score(prepared, CPU)
    encoder.eval(), objective.eval()
    held = prepared.panel.select(prepared.split.validation)
    x = torch.from_numpy(held.take(np.arange(len(held))))
    past, ahead, target = objective.look_backs.cut(x)
    assert target.isnan().any()
    with torch.no_grad():
        expected = -(objective.predict(encoder, past, ahead) - target).square().nanmean()
        assert score(encoder, objective)[""] == pytest.approx(float(expected), rel=1e-5)
        next(objective.head.parameters()).fill_(torch.nan)
        assert np.isnan(score(encoder, objective)[""])

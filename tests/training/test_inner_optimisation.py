"""Inner optimisations: whose parameters move when, by which gradient, and that nothing of it is forgotten."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.training.bending import Bending, bending_trainer
from tests.training.test_loop import StopAt, _tensors, log
from tsrep.errors import RunError
from tsrep.objectives.autotcl import AutoTCL
from tsrep.registry import OBJECTIVES
from tsrep.rng import torch_generator
from tsrep.training.checkpoint import load_weights
from tsrep.training.interrupt import Interrupted
from tsrep.training.loop import Trainer


@pytest.mark.parametrize("every", [1, 2, 5])
@pytest.mark.parametrize("stops", [[1], [4, 5], [7, 13]])
def test_a_stopped_and_resumed_run_equals_an_unbroken_one(
    tmp_path: Path, every: int, stops: list[int]
) -> None:
    whole = bending_trainer(tmp_path / "whole", every=every).run()
    for step in stops:
        with pytest.raises(Interrupted):
            bending_trainer(tmp_path / "broken", StopAt(step), every=every).run()
    broken = bending_trainer(tmp_path / "broken", every=every).run()
    assert (broken.steps, broken.value) == (whole.steps, whole.value)
    for name in ("weights.safetensors", "state.pt"):
        one, other = (_tensors(tmp_path / which / name) for which in ("whole", "broken"))
        assert one.keys() == other.keys()
        assert all(torch.equal(one[key], other[key]) for key in one)
    assert log(tmp_path / "whole") == log(tmp_path / "broken")


def test_autotcl_resumes_bit_for_bit(tmp_path: Path) -> None:
    def make(folder: Path, *hooks: Any) -> Trainer:
        torch.manual_seed(5)
        trunk = {"name": "dilated-conv", "hidden": 4, "dim": 4, "depth": 2}
        objective: AutoTCL = OBJECTIVES.build(
            {"name": "autotcl", "trunk": trunk, "crop": 17}, channels=2, covariates=1
        )
        return bending_trainer(folder, *hooks, objective=objective)

    make(tmp_path / "whole").run()
    with pytest.raises(Interrupted):
        make(tmp_path / "broken", StopAt(7)).run()
    make(tmp_path / "broken").run()
    one, other = (_tensors(tmp_path / which / "state.pt") for which in ("whole", "broken"))
    assert one.keys() == other.keys()
    assert any(key.startswith("/inner/augmenter/optimizer") for key in one)
    assert all(torch.equal(one[key], other[key]) for key in one)
    last = [line for line in log(tmp_path / "whole") if line["kind"] == "train"][-1]
    assert set(last["inner"]["augmenter"]) == {"divergence", "entropy", "consistency", "saturation"}
    assert {"keep_rate", "saturated", "constant_masks"} <= set(last["diagnostics"])


@pytest.mark.parametrize(("every", "clip"), [(1, None), (2, 1e-3)])
def test_steps_equal_a_literal_alternation(tmp_path: Path, every: int, clip: float | None) -> None:
    fixed = {"average": "none", "schedule": "constant", "warmup": 0.0, "clip": clip, "keep": "last"}
    one = bending_trainer(tmp_path, every=every, epochs=1, **fixed)
    net = bending_trainer(tmp_path / "other", every=every, epochs=1, **fixed).net
    encoder, bending = net.encoder, net.objective
    assert isinstance(bending, Bending)
    outer = [*encoder.parameters(), *bending.head.parameters()]
    inner = [*bending.bend.parameters()]
    main = torch.optim.AdamW(outer, lr=one.settings.lr, weight_decay=one.settings.weight_decay)
    own = torch.optim.AdamW(inner, lr=0.02, weight_decay=0.1)
    for parameter in (*outer, *inner):
        parameter.requires_grad_(True)
    for k, index in enumerate(one.train.sampler.epoch(1)):
        batch = one.train.tensors.batch(index)
        if k % every == 0:
            generator = torch_generator(3, "player", "bend", 1, k, 0)
            played = bending.bend_terms(encoder, batch, generator=generator)
            step(own, inner, sum(played.values()), clip)
        generator = torch_generator(3, "step", 1, k, 0)
        step(main, outer, sum(bending(encoder, batch, generator=generator).values()), clip)
    one.run()
    for name, weight in one.net.state_dict().items():
        torch.testing.assert_close(weight, net.state_dict()[name], rtol=1e-5, atol=1e-7, msg=name)


def step(optimizer: Any, parameters: list[nn.Parameter], loss: Any, clip: float | None) -> None:
    for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
        parameter.grad = gradient
    if clip is not None:
        nn.utils.clip_grad_norm_(parameters, clip)
    optimizer.step()
    optimizer.zero_grad()


def test_neither_optimiser_knows_the_others_parameters(tmp_path: Path) -> None:
    one = bending_trainer(tmp_path)
    bend = {id(p) for p in one.net.objective.bend.parameters()}
    main = {id(p) for group in one.optimizer.param_groups for p in group["params"]}
    (inner,) = one.inner.optimisers
    assert {id(p) for group in inner.optimizer.param_groups for p in group["params"]} == bend
    assert not bend & main
    assert len(bend | main) == len([*one.net.parameters()])
    one.run()
    assert all(p.grad is None for p in one.net.objective.bend.parameters())


def test_an_inner_step_leaves_the_encoder_as_it_is(tmp_path: Path) -> None:
    one = bending_trainer(tmp_path)
    norm = nn.BatchNorm1d(6)
    one.net.encoder.add_module("norm", norm)
    one.net.encoder.register_forward_hook(lambda _module, _args, z: norm(z))
    one.net.train()
    batch = one.train.tensors.batch(np.arange(8))
    before = {name: value.clone() for name, value in one.net.state_dict().items()}
    one.inner.step(batch, one.position, 1.0)
    moved = {n for n, value in one.net.state_dict().items() if not torch.equal(value, before[n])}
    assert moved == {"objective.bend.weight", "objective.bend.bias"}
    assert all(p.grad is None for p in one.net.parameters())
    assert all(p.requires_grad for p in one.net.encoder.parameters())
    assert all(module.training for module in one.net.modules())


def test_the_inner_learning_rate_follows_the_schedule_and_a_zero_factor_moves_nothing(tmp_path: Path) -> None:
    one = bending_trainer(tmp_path)
    batch = one.train.tensors.batch(np.arange(8))
    before = one.net.objective.bend.weight.detach().clone()
    one.inner.step(batch, one.position, 0.0)
    assert torch.equal(one.net.objective.bend.weight, before)
    one.inner.step(batch, one.position, 0.25)
    assert one.inner.optimisers[0].optimizer.param_groups[0]["lr"] == 0.02 * 0.25
    assert not torch.equal(one.net.objective.bend.weight, before)


def test_inner_terms_and_diagnostics_are_logged_when_there_are_any(tmp_path: Path) -> None:
    bending_trainer(tmp_path, every=4, log_every=1, epochs=1).run()
    lines = [line for line in log(tmp_path) if line["kind"] == "train"]
    assert [("inner" in line) for line in lines] == [True, False, False, False, True]
    assert set(lines[0]["inner"]["bend"]) == {"error", "size"}
    assert all(np.isfinite(line["diagnostics"]["width"]) for line in lines)
    assert "nothing" not in lines[0]["diagnostics"]  # not a finite number


def test_a_diverged_inner_optimisation_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"the bend error is not finite by step 3; lower"):
        bending_trainer(tmp_path, explode=True).run()


def test_validation_leaves_everything_bit_identical(tmp_path: Path) -> None:
    one = bending_trainer(tmp_path, epochs=1, average="none")
    one.run()
    log_file = (tmp_path / "metrics.jsonl").read_bytes()
    before = json.dumps(_plain(one.inner.state_dict())), _plain(one.net.state_dict())
    one.hooks.clear()
    one._validate(0)
    assert (json.dumps(_plain(one.inner.state_dict())), _plain(one.net.state_dict())) == before
    assert (tmp_path / "metrics.jsonl").read_bytes() == log_file


def test_a_frozen_augmenter_stays_at_its_start(tmp_path: Path) -> None:
    torch.manual_seed(5)
    objective = OBJECTIVES.build({"name": "autotcl", "frozen": True}, channels=2, covariates=0)
    start = {name: value.clone() for name, value in objective.state_dict().items()}
    bending_trainer(tmp_path, objective=objective, epochs=1).run()
    kept = load_weights(tmp_path / "weights.safetensors")
    assert all(torch.equal(kept[f"objective.{name}"], value) for name, value in start.items())


@pytest.mark.parametrize("amp", [True, False])
def test_autotcl_trains_under_autocast(tmp_path: Path, amp: bool) -> None:
    objective = OBJECTIVES.build({"name": "autotcl"}, channels=2, covariates=0)
    assert bending_trainer(tmp_path, objective=objective, epochs=1, amp=amp).run().steps == 5


def _plain(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.tolist()
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value

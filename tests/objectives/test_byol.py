"""BYOL: the prediction error, the copy that it predicts, and what keeps it from collapse."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from benchmarks.objectives_simulated import SIMULATIONS, built, gains, patients, trained
from tsrep.encoders.parameterless import Identity
from tsrep.encoders.resnet1d import ResNet1d
from tsrep.objectives.byol import Byol, prediction_error
from tsrep.objectives.teacher import Teacher
from tsrep.registry import OBJECTIVES
from tsrep.rng import initial_weights, torch_generator
from tsrep.testing import check_objective

SMALL = {"hidden": 32, "projection": 16}


def objective(encoder: ResNet1d, **settings: Any) -> Byol:
    made = built("byol", SMALL | settings, encoder, 2)
    assert isinstance(made, Byol)
    return made


def test_value_and_gradients_of_the_public_code(shared_path: Any) -> None:
    stored = np.load(shared_path("golden/baselines/regularisers.npz"))
    golden = {
        k.removeprefix("byol."): torch.from_numpy(v) for k, v in stored.items() if k.startswith("byol.")
    }
    online = [golden[f"online_{i}"].requires_grad_() for i in (1, 2)]
    loss = prediction_error(*online, golden["target_1"], golden["target_2"])
    assert loss.item() == pytest.approx(golden["loss_paper"].item(), rel=1e-9)
    assert loss.item() == pytest.approx(4 + 4 * golden["loss_lightly"].item(), rel=1e-9)
    for i, gradient in enumerate(torch.autograd.grad(loss, online), 1):
        torch.testing.assert_close(gradient, 4 * golden[f"grad_online_{i}"], rtol=1e-8, atol=1e-12)


def test_gradient_and_scale() -> None:
    generator = torch_generator("rows")
    rows = [torch.randn(4, 3, generator=generator, dtype=torch.float64) for _ in range(4)]
    online = [row.clone().requires_grad_() for row in rows[:2]]
    assert torch.autograd.gradcheck(lambda a, b: prediction_error(a, b, *rows[2:]), online)
    scaled = prediction_error(*(k * row for k, row in enumerate(rows, 2)))
    torch.testing.assert_close(scaled, prediction_error(*rows))
    torch.testing.assert_close(prediction_error(rows[0], rows[1], -rows[1], -rows[0]).item(), 8.0)


def test_no_gradient_reaches_the_copy_and_it_follows_by_a_rising_momentum() -> None:
    with initial_weights(0):
        encoder = ResNet1d(2, width=4, dim=6)
        byol = objective(encoder, momentum=0.5)
    byol.begin(4)
    expected = next(byol.teacher.copies().parameters()).clone()
    for step, momentum in enumerate((0.5, 1 - 0.25 * (1 + math.sqrt(0.5)), 0.75)):
        with torch.no_grad():
            next(encoder.parameters()).add_(1)
        (term,) = byol(encoder, patients(step)[0], generator=torch_generator(step)).values()
        term.backward()  # type: ignore[no-untyped-call]
        byol.after_step()
        expected = momentum * expected + (1 - momentum) * next(encoder.parameters()).detach()
        torch.testing.assert_close(next(byol.teacher.copies().parameters()), expected)
    assert all(p.grad is None for p in byol.teacher.copies().parameters())
    before = next(byol.teacher.copies().parameters()).clone()
    byol.eval()(encoder, patients(9)[0], generator=torch_generator(9))
    byol.after_step()
    torch.testing.assert_close(next(byol.teacher.copies().parameters()), before, rtol=0, atol=0)


def test_an_encoder_without_parameters_has_a_copy_too() -> None:
    teacher = Teacher(0.5)
    teacher.attach(Identity(2))
    teacher.note(Identity(2))
    teacher.after_step()
    assert list(teacher.copies().parameters()) == []


def test_a_stored_state_resumes_as_if_it_had_not_stopped() -> None:
    def steps(encoder: ResNet1d, byol: Byol, which: range) -> Tensor:
        byol.begin(6)
        weights = [p for p in (*encoder.parameters(), *byol.parameters()) if p.requires_grad]
        for step in which:
            (term,) = byol(encoder, patients(step)[0], generator=torch_generator(step)).values()
            for weight, grad in zip(weights, torch.autograd.grad(term, weights), strict=True):
                weight.data.sub_(0.1 * grad)
            byol.after_step()
        return torch.cat([v.double().flatten() for m in (encoder, byol) for v in m.state_dict().values()])

    with initial_weights(0):
        one, other = ResNet1d(2, width=4, dim=6), ResNet1d(2, width=4, dim=6)
        whole, resumed = objective(one), objective(other)
    steps(one, whole, range(3))
    other.load_state_dict(one.state_dict())
    resumed.load_state_dict(whole.state_dict())
    assert torch.equal(steps(one, whole, range(3, 6)), steps(other, resumed, range(3, 6)))


@pytest.mark.long
def test_trained_it_reads_a_pitch_that_random_initialisations_do_not() -> None:
    found = gains("byol", seeds=2, steps=SIMULATIONS["byol"].quick)
    assert min(found) > 0.05, found


@pytest.mark.long
def test_without_what_guards_it_representations_collapse() -> None:
    spreads = []
    for settings in ({}, {"predictor": False, "norm": "none", "momentum": 0.0}):
        encoder, byol = trained("byol", seed=0, steps=60, **settings)
        with torch.no_grad():
            found = byol.diagnostics(encoder, patients(77)[0], generator=torch_generator(0))
        spreads.append(found["spread"].item())
    assert spreads[1] < 0.5 * spreads[0], spreads


@pytest.mark.parametrize("settings", [{"norm": "none"}, {"predictor": False, "pooling": "mean"}])
def test_settings_keep_the_promises(settings: dict[str, Any]) -> None:
    check_objective(lambda **run: OBJECTIVES.build({"name": "byol"} | SMALL | settings, **run))

"""Contrastive prediction against recorded numbers, sums written out, and a slow process under noise."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.objectives_simulated import SIMULATIONS, gains
from tsrep.encoders.encoder import Encoder
from tsrep.encoders.recurrent import GRU
from tsrep.encoders.resnet1d import ResNet1d
from tsrep.encoders.s4d import S4D
from tsrep.errors import ConfigError
from tsrep.losses.prediction_contrast import drawn_prediction_contrast, full_prediction_contrast
from tsrep.losses.similarity import unit_rows
from tsrep.objectives.cpc import Cpc
from tsrep.rng import torch_generator
from tsrep.signals import Panel
from tsrep.testing.examples import example_batch


@pytest.fixture(autouse=True)
def _same_weights() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("case", ["same", "all", "near"])
def test_sum_and_gradients_are_the_recorded_ones(shared_path: Callable[[str], Path], case: str) -> None:
    arrays = np.load(shared_path("golden/baselines/cpc.npz"))
    g = {key.removeprefix(f"{case}."): torch.from_numpy(np.asarray(arrays[key])) for key in arrays.files}
    prediction, target = g["pred"].requires_grad_(), g["enc"].requires_grad_()
    both = [unit_rows(z) for z in (prediction, target)] if g["normalize"] else [prediction, target]
    losses = drawn_prediction_contrast(
        both[0], both[1], int(g["steps"]), g["negatives"], temperature=float(g["temperature"])
    )
    total = losses.mean(0).sum()
    torch.testing.assert_close(total, g["loss_sum_float64"], rtol=1e-9, atol=0)
    found = torch.autograd.grad(total, (prediction, target))
    for grad, name in zip(found, ("grad_pred", "grad_enc"), strict=True):
        torch.testing.assert_close(grad, g[name], rtol=1e-9, atol=1e-12)


def test_all_negatives_are_each_drawn_once() -> None:
    generator = torch_generator("steps")
    prediction, target = (
        torch.randn(2, 7, 3, generator=generator, dtype=torch.float64).requires_grad_() for _ in range(2)
    )
    ahead = 2
    allowed = ~torch.eye(7, dtype=torch.bool)[ahead:]
    wrong = torch.stack(
        [torch.tensor([[7 * b + t for t in range(7) if t != i + ahead] for b in range(2)]) for i in range(5)]
    )
    full = full_prediction_contrast(prediction, target, ahead, allowed, temperature=0.5)
    drawn = drawn_prediction_contrast(prediction, target, ahead, wrong, temperature=0.5)
    torch.testing.assert_close(full, drawn)
    assert torch.autograd.gradcheck(
        lambda p, t: full_prediction_contrast(p, t, ahead, allowed), (prediction, target)
    )


def objective(encoder: Encoder, **settings: Any) -> Cpc:
    made = Cpc(encoder.dim, encoder.stride, 3, **settings)
    made.attach(encoder)
    return made


def test_published_is_the_sum_of_what_the_mean_is_taken_of() -> None:
    encoder, batch = S4D(3, width=8, depth=1), example_batch()
    mean = objective(encoder)
    total = objective(encoder, form="published")
    total.load_state_dict(mean.state_dict())
    generator = torch_generator(0)
    contexts = 64 // encoder.stride - mean.ahead
    one, other = (part(encoder, batch, generator=generator)["prediction"] for part in (mean, total))
    torch.testing.assert_close(contexts * one, other)


@pytest.mark.parametrize("within", ["sequence", "batch"])
def test_draws_keep_to_the_limits(within: Any) -> None:
    encoder = S4D(3, width=8, depth=1)
    cpc = objective(encoder, negatives=50, within=within, ahead=2, exclusion_zone=1, window=6)
    allowed = cpc._allowed(20, torch.device("cpu"))
    wrong = cpc._draw(allowed, 4, 50, torch_generator(0))
    assert wrong.shape == (18, 4, 50)
    sequence, step = wrong // 20, wrong % 20
    context = torch.arange(18)[:, None, None]
    assert ((step - context - 2).abs() > 1).all()
    assert ((step - context).abs() <= 6).all()
    own = (sequence == torch.arange(4)[:, None]).float().mean()
    assert own == 1 if within == "sequence" else 0.2 < own < 0.3


def test_targets_know_nothing_of_other_steps() -> None:
    cpc, x = objective(S4D(3, width=8, depth=1)), example_batch().x
    changed = x.clone()
    changed[..., 20:24] += 1
    assert cpc.local is not None
    moved = (cpc.local(changed) - cpc.local(x)).abs().amax((0, 1)).nonzero()[:, 0]
    assert moved.tolist() == [5]


@pytest.mark.parametrize("targets", ["own", "encoder"])
@pytest.mark.parametrize("negatives", ["all", 16])
def test_every_choice_trains_encoder_and_predictor(targets: Any, negatives: Any) -> None:
    encoder, batch = S4D(3, width=8, depth=1, dim=5), example_batch()
    cpc = objective(encoder, targets=targets, negatives=negatives, projection="mlp", normalize=True)
    cpc(encoder, batch, generator=torch_generator(0))["prediction"].backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in encoder.parameters())
    assert all(p.grad is not None for p in cpc.parameters())


def panel(steps: int) -> Panel:
    return Panel.from_arrays(np.zeros((2, 3, steps), np.float32), label=[0, 1], patient=[0, 1], sfreq=100)


def test_unfit_encoders_and_windows_are_refused() -> None:
    with pytest.raises(ConfigError, match="ResNet1d sees later ones; use a causal encoder"):
        objective(ResNet1d(3, width=4, dim=4))
    with pytest.raises(ConfigError, match="GRU has no latent"):
        objective(GRU(3, hidden=4, dim=4), targets="encoder")
    with pytest.raises(ConfigError, match=r"for objective\.within 'sequence'"):
        Cpc(4, 1, 3, within="batch")
    encoder = S4D(3, width=8, depth=1)
    for settings in ({"ahead": 16}, {"ahead": 15, "exclusion_zone": 20}, {"window": 1, "exclusion_zone": 5}):
        with pytest.raises(ConfigError, match="sequences of 16 steps, too short"):
            objective(encoder, **settings).refuse_unfit(encoder, panel(64))
    objective(encoder, ahead=12).refuse_unfit(encoder, panel(64))


@pytest.mark.long
def test_trained_it_tells_where_a_slow_process_under_noise_ends() -> None:
    found = gains("cpc", seeds=2, steps=SIMULATIONS["cpc"].quick)
    assert min(found) > 0.1, found

"""LeJEPA: the loss of the public code, views and pieces, two ranks, and what keeps it from collapse."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from benchmarks.objectives_simulated import SIMULATIONS, built, gains, hum, trained
from tsrep.encoders.encoder import Encoder
from tsrep.encoders.pooling import pool
from tsrep.encoders.resnet1d import ResNet1d
from tsrep.errors import ConfigError
from tsrep.losses.sigreg import SIGReg
from tsrep.objectives.lejepa import LeJepa
from tsrep.registry import OBJECTIVES
from tsrep.rng import initial_weights, torch_generator
from tsrep.signals import Panel
from tsrep.testing import check_objective
from tsrep.testing.examples import example_batch

PLAIN = {"name": "compose", "views": []}
SMALL = {"hidden": 8, "projection": 6}


def test_value_and_gradients_of_the_public_code(shared_path: Callable[[str], Path]) -> None:
    arrays = np.load(shared_path("golden/baselines/regularisers.npz"))
    g = {key: torch.from_numpy(np.asarray(arrays[key])) for key in arrays.files}
    views = g["sigreg.views"].requires_grad_()
    loss = SIGReg(float(g["lejepa.lambda"]), centre=int(g["lejepa.global_views"]))
    terms = loss(views, draws=g["sigreg.directions"])
    total = torch.stack([*terms.values()]).sum()
    torch.testing.assert_close(total, g["lejepa.total"], rtol=2e-6, atol=0)
    torch.testing.assert_close(
        terms["invariance"] / (1 - g["lejepa.lambda"]).float(), g["lejepa.invariance"], rtol=2e-6, atol=0
    )
    (gradient,) = torch.autograd.grad(total, views)
    torch.testing.assert_close(gradient, g["lejepa.grad_views"], rtol=1e-5, atol=1e-8)


def test_gradients_and_the_order_of_short_pieces() -> None:
    generator = torch_generator("views")
    z = torch.randn(4, 5, 3, generator=generator, dtype=torch.float64)
    loss = SIGReg(0.3, directions=16, per_sample=True)
    drawn = loss.draw((4, 5, 3), generator=generator).double()

    def total(z: Tensor) -> Tensor:
        return torch.stack([*loss(z, draws=drawn).values()]).sum()

    assert torch.autograd.gradcheck(total, z.clone().requires_grad_())
    torch.testing.assert_close(total(z[[0, 1, 3, 2]]), total(z))
    assert not torch.allclose(total(z[[2, 1, 0, 3]]), total(z))


class Recorder(Encoder):
    """Returns its input and remembers it."""

    dim, stride, receptive_field, causal = 3, 1, 1, True

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Tensor] = []

    def forward(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        self.seen.append(x)
        return x


def objective(encoder: Encoder, **settings: Any) -> LeJepa:
    with initial_weights(0):
        made = built("lejepa", SMALL | settings, encoder, 3)
    assert isinstance(made, LeJepa)
    return made


def test_two_whole_views_and_pieces_of_each_sample() -> None:
    encoder, batch = Recorder(), example_batch()
    made = objective(encoder, view=PLAIN, local_views=3, local_share=0.25)
    terms = made(encoder, batch, generator=torch_generator(0))
    whole, pieces = encoder.seen
    assert torch.equal(whole, torch.cat([batch.x, batch.x]))
    assert pieces.shape == (3 * len(batch), 3, 16)
    windows = batch.x.repeat(3, 1, 1).unfold(-1, 16, 1)  # (piece, channel, start, time)
    found = (windows == pieces[:, :, None]).all(-1).all(1)  # (piece, start)
    assert found.any(1).all()
    assert len(found.float().argmax(1).unique()) > 5
    assert set(terms) == {"invariance", "normality"}


def test_other_losses_of_several_views_and_none_of_two() -> None:
    encoder, batch = ResNet1d(3, width=4, dim=6), example_batch()
    terms = objective(encoder, loss="supcon")(encoder, batch, generator=torch_generator(0))
    assert all(value.isfinite() for value in terms.values())
    with pytest.raises(ConfigError, match="takes 2 views of each sample and gets 6"):
        objective(encoder, loss="barlow-twins")


@pytest.mark.long
def test_trained_it_hears_the_hum_that_random_initialisations_do_not() -> None:
    found = gains("lejepa", seeds=2, steps=SIMULATIONS["lejepa"].quick)
    assert min(found) > 0.05, found


@pytest.mark.long
def test_without_what_guards_it_projections_collapse() -> None:
    spreads = []
    for weight in (0.8, 0.0):
        encoder, made = trained("lejepa", seed=0, steps=40, weight=weight)
        assert isinstance(made, LeJepa)
        with torch.no_grad():
            z = made.head(pool(encoder(hum(77)[0].x), "mean"))
        spreads.append(z.std(0).mean().item())
    assert spreads[0] > 0.3, spreads
    assert spreads[1] < 0.1 * spreads[0], spreads


def test_pieces_shorter_than_a_step_are_refused() -> None:
    encoder = ResNet1d(3, width=4, dim=6)
    n = np.arange(4)
    short = Panel.from_arrays(np.zeros((4, 3, 20), np.float32), label=n % 2, patient=n, sfreq=100)
    with pytest.raises(ConfigError, match=r"pieces of 2 of 20 steps, fewer than the 4 steps.*local_share"):
        objective(encoder, local_share=0.1).refuse_unfit(encoder, short)
    objective(encoder, local_share=0.1, local_views=0).refuse_unfit(encoder, short)


@pytest.mark.parametrize("settings", [{"local_views": 0, "pooling": "max"}, {"loss": "vicreg"}])
def test_settings_keep_the_promises(settings: dict[str, Any]) -> None:
    check_objective(lambda **run: OBJECTIVES.build({"name": "lejepa"} | SMALL | settings, **run))

"""SimCLR: one pass for two views, and what each setting switches off."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from tsrep.encoders.encoder import Encoder
from tsrep.losses.nt_xent import ntxent
from tsrep.objectives.simclr import SimCLR
from tsrep.rng import torch_generator
from tsrep.signals import Batch

OFF = {"crop": 1.0, "scale": 0.0, "leads": 0.0, "wander": 0.0, "cut": 0.0, "jitter": 0.0}


@pytest.fixture(autouse=True)
def _same_weights() -> None:
    torch.manual_seed(0)


class Recorder(Encoder):
    """Returns its input and remembers it."""

    dim, stride, receptive_field, causal = 3, 1, 1, True

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Tensor] = []

    def forward(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        self.seen.append(x)
        return x


def _batch(size: int = 6) -> Batch:
    x = torch.randn(size, 3, 50, generator=torch_generator("signals"))
    n = torch.arange(size)
    return Batch(x=x, label=n % 2, patient=n, trial=n, sample=n, start=n)


def test_both_views_go_through_the_encoder_in_one_pass_and_differ() -> None:
    encoder, batch = Recorder(), _batch()
    SimCLR(3)(encoder, batch, generator=torch_generator(0))
    (both,) = encoder.seen
    assert both.shape == (12, 3, 50)
    one, other = both.chunk(2)
    assert not torch.equal(one, other)
    assert not torch.equal(one, batch.x)


@pytest.mark.parametrize("pooling", ["max", "mean"])
def test_value_is_ntxent_of_projected_pools(pooling: str) -> None:
    batch = _batch()
    objective = SimCLR(3, pooling=pooling, temperature=0.4, **OFF)  # type: ignore[arg-type]  # parametrised
    (term,) = objective(Recorder(), batch, generator=torch_generator(0)).values()
    pooled = batch.x.amax(2) if pooling == "max" else batch.x.mean(2)
    z = objective.head(pooled)
    torch.testing.assert_close(term, ntxent(z, z, temperature=0.4))


@pytest.mark.parametrize("name", OFF)
def test_each_augmentation_alone_alters_the_signal(name: str) -> None:
    batch, strength = _batch(), {"crop": 0.5, "leads": 0.9}.get(name, 0.5)
    for settings, alters in ((OFF, False), (OFF | {name: strength}, True)):
        encoder = Recorder()
        SimCLR(3, **settings)(encoder, batch, generator=torch_generator(1))
        assert torch.equal(encoder.seen[0], torch.cat([batch.x, batch.x])) != alters


def test_a_collapsed_encoder_costs_the_logarithm_of_the_candidates() -> None:
    class Constant(Recorder):
        def forward(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
            return torch.ones_like(x)

    (term,) = SimCLR(3)(Constant(), _batch(9), generator=torch_generator(0)).values()
    assert term.item() == pytest.approx(math.log(17), rel=1e-5)


def test_covariates_reach_the_encoder_unaltered_and_values_do_not() -> None:
    encoder, batch = Recorder(), _batch()
    SimCLR(3, covariates=2)(encoder, batch, generator=torch_generator(2))
    both, x = encoder.seen[0], torch.cat([batch.x, batch.x])
    assert torch.equal(both[:, :2], x[:, :2])
    assert (both[:, 2] != x[:, 2]).any(1).all()

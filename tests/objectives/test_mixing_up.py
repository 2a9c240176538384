"""Mixing-up: both forms of its contrast, the law of shares, and partners."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from benchmarks.objectives_simulated import SIMULATIONS, gains, make_batch
from tsrep.encoders.encoder import Encoder
from tsrep.losses.mixing_up import doubled_mixture_contrast, mixture_contrast
from tsrep.objectives.mixing_up import MixingUp, log_gamma_draws, shares
from tsrep.registry import OBJECTIVES
from tsrep.rng import torch_generator
from tsrep.testing import check_objective


@pytest.fixture
def golden(shared_path: Any) -> dict[str, Tensor]:
    return {k: torch.from_numpy(v) for k, v in np.load(shared_path("golden/baselines/mcl.npz")).items()}


def assert_matches(golden: dict[str, Tensor], loss: Tensor, value: str, gradients: dict[str, Tensor]) -> None:
    assert loss.item() == pytest.approx(golden[value].item(), rel=1e-9)
    for name, found in zip(
        gradients, torch.autograd.grad(loss, [*gradients.values()], retain_graph=True), strict=True
    ):
        torch.testing.assert_close(found, golden[name], rtol=1e-8, atol=1e-12)


def test_the_published_form(golden: dict[str, Tensor]) -> None:
    mixed, z1, z2 = (golden[name].clone().requires_grad_() for name in ("z_mixed", "z1", "z2"))
    loss = doubled_mixture_contrast(mixed, z1, z2, golden["lam"])
    assert_matches(golden, loss, "loss", {"grad_z_mixed": mixed, "grad_z1": z1, "grad_z2": z2})
    loss = doubled_mixture_contrast(mixed, z1, z1[golden["permutation"]], golden["lam"])
    names = {"grad_permuted_z_mixed": mixed, "grad_permuted_z1": z1}
    assert_matches(golden, loss, "loss_permuted", names)
    once = mixture_contrast(mixed, z1, golden["permutation"], golden["lam"])
    assert loss.item() == pytest.approx(once.item() + math.log(2), rel=1e-9)
    assert once.item() == pytest.approx(golden["loss_dedup"].item(), rel=1e-9)
    for one, other in zip(
        torch.autograd.grad(loss, (mixed, z1)), torch.autograd.grad(once, (mixed, z1)), strict=True
    ):
        torch.testing.assert_close(one, other)


def test_the_corrected_form(golden: dict[str, Tensor]) -> None:
    mixed, z1 = (golden[name].clone().requires_grad_() for name in ("z_mixed", "z1"))
    loss = mixture_contrast(mixed, z1, golden["permutation"], golden["lam_per_sample"])
    names = {"grad_dedup_per_sample_z_mixed": mixed, "grad_dedup_per_sample_z1": z1}
    assert_matches(golden, loss, "loss_dedup_per_sample", names)


def test_gradient_order_scale_and_collapse() -> None:
    generator = torch_generator("rows")
    mixed, z = (torch.randn(5, 3, generator=generator, dtype=torch.float64) for _ in range(2))
    partner, share = torch.tensor([1, 2, 3, 4, 0]), torch.rand(5, generator=generator, dtype=torch.float64)
    loss = mixture_contrast(mixed, z, partner, share)
    torch.testing.assert_close(mixture_contrast(3 * mixed, z * 0.1, partner, share), loss)
    turn = torch.arange(5).roll(1)  # who was i is now (i + 1) % 5
    torch.testing.assert_close(mixture_contrast(mixed[turn], z[turn], partner, share[turn]), loss)
    assert mixture_contrast(0 * z + 1, 0 * z + 1, partner, share).item() == pytest.approx(math.log(5))
    rows = mixed.requires_grad_(), z.requires_grad_()
    assert torch.autograd.gradcheck(lambda m, z: mixture_contrast(m, z, partner, share), rows)


@pytest.mark.parametrize("alpha", [0.2, 1.0, 7.5])
def test_shares_follow_the_beta_distribution(alpha: float) -> None:
    drawn = shares(4000, alpha, generator=torch_generator("shares", int(100 * alpha))).double()
    assert stats.kstest(drawn.clamp(1e-12, 1 - 1e-7).numpy(), "beta", (alpha, alpha)).statistic < 0.03
    gamma = log_gamma_draws(4000, alpha, generator=torch_generator("gamma", int(100 * alpha)))
    assert gamma.isfinite().all()
    assert stats.kstest(gamma.exp().numpy(), "gamma", (alpha,)).pvalue > 1e-3


class Recorder(Encoder):
    """Returns its input and remembers it."""

    dim, stride, receptive_field, causal = 2, 1, 1, True
    seen: Tensor

    def forward(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        self.seen = x
        return x


@pytest.mark.parametrize("form", ["corrected", "published"])
def test_mixtures_are_of_two_samples_and_covariates_stay(form: Any) -> None:
    size, encoder = 9, Recorder()
    x = torch.eye(size)[:, None].repeat(1, 2, 1)
    x[:, 0] = torch.arange(size)[:, None]
    objective = MixingUp(2, covariates=1, form=form, alpha=1.0)
    partners = []
    for key in range(30):
        objective(encoder, make_batch(x), generator=torch_generator(key))
        plain, mixed, *again = encoder.seen.split(size)
        assert torch.equal(plain, x)
        assert torch.equal(mixed[:, 0], x[:, 0])
        assert len(again) == (form == "published")
        own = mixed[:, 1].diagonal()
        torch.testing.assert_close(mixed[:, 1].sum(1), torch.ones(size))
        partners.append((own < 1 - 1e-6).float().mean().item())
        same_share = (own[own < 1 - 1e-6] - own[own < 1 - 1e-6][0]).abs().max() < 1e-6
        assert bool(same_share) == (form == "published")
    # the corrected form has no fixed point; of a random permutation one is expected
    assert (min(partners) == 1) == (form == "corrected")


@pytest.mark.long
def test_trained_it_reads_a_level_under_waves() -> None:
    found = gains("mixing-up", seeds=2, steps=SIMULATIONS["mixing-up"].quick)
    assert min(found) > 0.1, found


@pytest.mark.parametrize("settings", [{"form": "published"}, {"pooling": "max", "alpha": 1.0}])
def test_settings_keep_the_promises(settings: dict[str, Any]) -> None:
    check_objective(lambda **run: OBJECTIVES.build({"name": "mixing-up"} | settings, **run))

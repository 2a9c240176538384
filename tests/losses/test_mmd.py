"""MMD: a literal reading, symmetry, zero for equal sets, and no NaN where all points coincide."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tsrep.losses.mmd import linear_mmd, rbf_mmd
from tsrep.rng import torch_generator


def normal(*shape: int, key: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch_generator("mmd", key), dtype=torch.float64)


def literal_rbf(u: Tensor, w: Tensor) -> float:
    z = [*u, *w]
    distance = [[float((a - b).square().sum()) for b in z] for a in z]
    n, b = len(z), len(u)
    width = sum(map(sum, distance)) / (n * n - n) / 4

    def kernel(i: int, j: int) -> float:
        return sum(float(torch.exp(torch.tensor(-distance[i][j] / (width * 2**m)))) for m in range(5))

    total = 0.0
    for i in range(b):
        for j in range(b):
            total += kernel(i, j) + kernel(b + i, b + j) - kernel(i, b + j) - kernel(j, b + i)
    return total / b**2


def test_rbf_equals_a_literal_reading() -> None:
    u, w = normal(5, 3), normal(5, 3, key=1) + 0.5
    assert rbf_mmd(u, w).item() == pytest.approx(literal_rbf(u, w), rel=1e-5)


def test_linear_is_the_squared_distance_of_the_means() -> None:
    u, w = normal(5, 3), normal(5, 3, key=1)
    assert linear_mmd(u, w).item() == pytest.approx(float((u.mean(0) - w.mean(0)).square().sum()))


@pytest.mark.parametrize("mmd", [linear_mmd, rbf_mmd])
def test_symmetric_positive_and_blind_to_order(mmd) -> None:
    u, w = normal(6, 4), normal(6, 4, key=1) + 1
    assert mmd(u, w).item() > 0
    torch.testing.assert_close(mmd(u, w), mmd(w, u))
    torch.testing.assert_close(mmd(u.flip(0), w), mmd(u, w))


@pytest.mark.parametrize("mmd", [linear_mmd, rbf_mmd])
@pytest.mark.parametrize("points", ["equal sets", "one point", "nearly one point"])
def test_coinciding_views_give_finite_losses_and_gradients(mmd, points: str) -> None:
    u = normal(6, 4) if points == "equal sets" else normal(1, 4).expand(6, 4).clone()
    u = u.float().requires_grad_()
    w = (u.detach() + (1e-6 if points == "nearly one point" else 0)).requires_grad_()
    loss = mmd(u, w)
    assert loss.item() == pytest.approx(0, abs=1e-4)
    for gradient in torch.autograd.grad(loss, (u, w)):
        assert gradient.isfinite().all()
        assert gradient.norm() < 10


def test_the_width_follows_the_scale_and_carries_no_gradient() -> None:
    u, w = normal(5, 3), normal(5, 3, key=1) + 0.5
    torch.testing.assert_close(rbf_mmd(10 * u, 10 * w), rbf_mmd(u, w))
    scale = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(rbf_mmd(scale * u, scale * w), scale)
    assert slope.abs() > 1e-3  # with a gradient through the width it would be zero

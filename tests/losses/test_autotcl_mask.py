"""Regularity of a mask over time: literal readings, closed forms, and hinges that pull back."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tsrep.losses.autotcl_mask import (
    keep_rate_hinge,
    released_consistency,
    released_sparseness,
    spread_hinge,
    spread_over_time,
    triplet_consistency,
)
from tsrep.rng import torch_generator


def uniform(*shape: int, key: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch_generator("regularity", key))


def test_the_triplet_prefers_smooth_masks_that_change_over_time() -> None:
    time = torch.arange(64)
    draws = uniform(2, 500, 3)
    constant, slow, flicker = (
        triplet_consistency(mask.float().expand(2, 1, 64), draws).item()
        for mask in (torch.zeros(64), (time // 24) % 2, time % 2)
    )
    assert constant == 0
    assert slow < -0.3
    assert flicker > 0.3


@pytest.mark.parametrize("time", [4, 5, 9, 50])
def test_triplet_anchors_neighbours_and_distant_steps_lie_where_they_should(time: int) -> None:
    draws = uniform(1, 4000, 3)
    ramp = torch.arange(float(time)).expand(1, 1, time)
    seen: list[Tensor] = []

    class Spy(torch.Tensor):
        def gather(self, dim: int, index: Tensor) -> Tensor:
            seen.append(index.as_subclass(torch.Tensor))
            return self.as_subclass(torch.Tensor).gather(dim, index)

    triplet_consistency(ramp.as_subclass(Spy), draws)
    anchor, near, far = (index[0, 0] for index in seen)
    assert set(anchor.tolist()) == set(range(time))
    assert ((anchor - near).abs() == 1).all()
    assert ((anchor - far).abs() >= max(2, time // 4)).all()
    assert near.min() >= 0
    assert max(near.max(), far.max()) == time - 1


@pytest.mark.parametrize("time", [1, 2, 3])
def test_the_triplet_of_a_few_steps_is_zero(time: int) -> None:
    assert triplet_consistency(uniform(2, 1, time), uniform(2, 4, 3)).item() == 0


def test_released_terms_equal_literal_readings() -> None:
    weight = uniform(3, 2, 20).double()
    anchor, other = torch.tensor([1, 7, 18]), torch.tensor([5, 7, 2])
    total = 0.0
    for i in range(3):
        for a, n in zip(anchor.tolist(), other.tolist(), strict=True):
            for c in range(2):
                w = weight[i, c]
                far = 1 if n - a > 1 else 0
                gap = abs(w[a] - w[n])
                total += far * gap + (1 - far) * (1 - gap) + abs(w[a] - w[a - 1]) + abs(w[a] - w[a + 1])
    assert released_consistency(weight, anchor, other).item() == pytest.approx(float(total) / 18)
    expected = max(0.0, float(weight.sum(1).mean()) - 0.4)
    assert released_sparseness(weight).item() == pytest.approx(expected)
    assert released_sparseness(weight / 100).item() == 0


@pytest.mark.parametrize("rate", [0.1, 0.11, 0.5, 0.9])
def test_the_keep_rate_hinge_is_silent_within_bounds(rate: float) -> None:
    assert keep_rate_hinge(torch.full((4, 1, 8), rate)).item() == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize(("rate", "sign"), [(0.05, -1), (0.001, -1), (0.95, 1), (0.999, 1)])
def test_the_keep_rate_hinge_pulls_back_and_harder_the_further_away(rate: float, sign: int) -> None:
    def slope(at: float) -> float:
        keep = torch.full((4, 1, 8), at, requires_grad=True)
        return float(torch.autograd.grad(keep_rate_hinge(keep), keep)[0].sum())

    assert sign * slope(rate) > 0
    assert sign * slope(rate) > sign * slope(0.09 if sign < 0 else 0.91)


def test_the_spread_hinge_is_silent_above_its_floor_and_pushes_below() -> None:
    base = torch.linspace(-1, 1, 30).expand(2, 3, 30)
    assert spread_hinge(base, floor=0.05).item() == 0
    flat = (0.01 * base).clone().requires_grad_()
    loss = spread_hinge(flat, floor=0.05)
    (gradient,) = torch.autograd.grad(loss, flat)
    assert loss.item() > 1
    assert spread_over_time(flat - gradient).mean() > spread_over_time(flat).mean()


def test_hinges_of_constant_maps_and_single_steps_are_finite() -> None:
    for values in (torch.zeros(2, 1, 9), torch.ones(2, 1, 9), torch.zeros(2, 1, 1)):
        values.requires_grad_()
        loss = keep_rate_hinge(values) + spread_hinge(values, floor=0.05)
        (gradient,) = torch.autograd.grad(loss, values)
        assert loss.isfinite()
        assert gradient.isfinite().all()
    assert spread_hinge(torch.ones(2, 1, 1), floor=0.05).item() == 0

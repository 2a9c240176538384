"""Both InfoNCE losses against slow literal readings, closed forms and invariances."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from tsrep.losses.infonce import InfoNCE, leftover_steps, local_infonce
from tsrep.rng import torch_generator


def normal(*shape: int, key: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(shape, generator=torch_generator("infonce", key), dtype=dtype)


def global_infonce(x: Tensor, v: Tensor, *, temperature: float = 1.0) -> Tensor:
    return InfoNCE(temperature)(torch.stack([x, v]))["contrast"]


def literal_global(x: Tensor, v: Tensor, temperature: float) -> float:
    total = 0.0
    for i in range(len(x)):
        sims = [F.cosine_similarity(x[i], v[j], dim=0).item() / temperature for j in range(len(v))]
        total -= math.log(math.exp(sims[i]) / sum(math.exp(s) for s in sims))
    return total / len(x)


def literal_local(z: Tensor, start: int, segments: int = 16) -> float:
    """One sample, shape (dim, time)."""
    unit = z / z.norm(dim=0, keepdim=True)
    length = z.shape[1] // segments
    pooled = [unit[:, start + i * length : start + (i + 1) * length].amax(1) for i in range(segments)]
    total = 0.0
    for i in range(segments):
        positive = i + 1 if i < segments - 1 else i - 1
        negatives = [j for j in range(segments) if abs(i - j) > 1]
        if i == 0:
            negatives.remove(2)
        if i == segments - 1:
            negatives.remove(segments - 3)
        assert len(negatives) == segments - 3
        own = torch.exp(pooled[i] @ pooled[positive])
        total -= float(torch.log(own / (own + sum(torch.exp(pooled[i] @ pooled[j]) for j in negatives))))
    return total / segments


@pytest.mark.parametrize("temperature", [1.0, 0.2])
def test_global_equals_a_literal_reading(temperature: float) -> None:
    x, v = normal(5, 7), normal(5, 7, key=1)
    assert global_infonce(x, v, temperature=temperature).item() == pytest.approx(
        literal_global(x, v, temperature)
    )


def test_global_reaches_its_bounds_and_ignores_scale() -> None:
    axis = torch.eye(2, dtype=torch.float64)
    x = torch.stack([axis[0], -axis[0]])
    assert global_infonce(x, x).item() == pytest.approx(math.log(1 + math.exp(-2)))
    assert global_infonce(x, -x).item() == pytest.approx(math.log(1 + math.exp(2)))
    same = torch.ones(6, 4, dtype=torch.float64)
    assert global_infonce(same, same).item() == pytest.approx(math.log(6))
    x, v = normal(5, 7), normal(5, 7, key=1)
    torch.testing.assert_close(global_infonce(3 * x, 0.1 * v), global_infonce(x, v))


@pytest.mark.parametrize(("time", "start"), [(64, 0), (75, 0), (75, 11), (16, 0), (31, 15)])
def test_local_equals_a_literal_reading_for_every_sample(time: int, start: int) -> None:
    z = normal(3, 6, time)
    expected = sum(literal_local(one, start) for one in z) / 3
    assert local_infonce(z, start).item() == pytest.approx(expected)
    assert local_infonce(z, torch.tensor(start)).item() == pytest.approx(expected)
    assert start <= leftover_steps(time)


@pytest.mark.parametrize("time", [4, 5, 15])
def test_a_short_sample_has_one_segment_a_step(time: int) -> None:
    z = normal(2, 6, time)
    expected = sum(literal_local(one, 0, time) for one in z) / 2
    assert local_infonce(z).item() == pytest.approx(expected)
    assert leftover_steps(time) == 0


@pytest.mark.parametrize("time", [1, 2, 3])
def test_too_few_steps_for_a_negative_give_zero(time: int) -> None:
    z = normal(2, 6, time).requires_grad_()
    loss = local_infonce(z)
    assert loss.item() == 0
    assert torch.autograd.grad(loss, z)[0].abs().sum() == 0


def test_local_at_chance_is_the_logarithm_of_the_candidates() -> None:
    assert local_infonce(torch.ones(2, 3, 32)).item() == pytest.approx(math.log(14))


def test_gradients_against_finite_differences() -> None:
    x, v = normal(4, 3).requires_grad_(), normal(4, 3, key=1).requires_grad_()
    assert torch.autograd.gradcheck(lambda a, b: global_infonce(a, b, temperature=0.5), (x, v))
    z = normal(2, 3, 18).requires_grad_()
    assert torch.autograd.gradcheck(lambda a: local_infonce(a, 1, temperature=0.5), (z,))


def test_half_precision_is_computed_in_single() -> None:
    x, v = (normal(6, 8, key=key, dtype=torch.float32).bfloat16() for key in (0, 1))
    with torch.autocast("cpu", torch.bfloat16):
        low = global_infonce(x, v, temperature=0.1)
    assert low.dtype == torch.float32
    torch.testing.assert_close(low, global_infonce(x.float(), v.float(), temperature=0.1))

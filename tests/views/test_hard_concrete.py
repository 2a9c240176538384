"""The hard-concrete gate: probabilities by Monte Carlo, closed forms and gradients."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tsrep.rng import torch_generator
from tsrep.views.hard_concrete import hard_concrete, open_probability, released_gate, straight_through

DRAWS = 200_000


@pytest.mark.parametrize("logit", [-3.0, -0.5, 0.0, 1.0, 3.0])
@pytest.mark.parametrize(
    ("temperature", "low", "high"), [(2 / 3, -0.1, 1.1), (0.3, -0.5, 1.2), (2.0, -0.05, 1.5)]
)
def test_the_probability_of_an_open_gate_is_that_of_its_draws(
    logit: float, temperature: float, low: float, high: float
) -> None:
    gate = {"temperature": temperature, "low": low, "high": high}
    uniform = torch.rand(DRAWS, generator=torch_generator("gate"))
    drawn = hard_concrete(torch.full((DRAWS,), logit), uniform, **gate)
    share = (drawn > 0).double().mean().item()
    right = open_probability(torch.tensor(logit), **gate).item()
    assert share == pytest.approx(right, abs=4 * 0.5 / math.sqrt(DRAWS))


def test_the_papers_equation_7_is_another_number() -> None:
    gate = {"temperature": 0.3, "low": -0.5, "high": 1.2}
    logit = torch.tensor(-1.0)
    printed = torch.sigmoid(0.3 * (logit - math.log(0.5 / 1.2))).item()
    drawn = hard_concrete(logit.expand(DRAWS), torch.rand(DRAWS, generator=torch_generator("gate")), **gate)
    assert abs(printed - (drawn > 0).double().mean().item()) > 0.1


@given(
    st.floats(-8, 8),
    st.floats(0, 1, exclude_max=True, width=32),
    st.floats(0.1, 3),
    st.floats(0.01, 0.9),
)
def test_the_gate_stays_within_bounds_and_rises_with_its_logit(
    logit: float, uniform: float, temperature: float, stretch: float
) -> None:
    logits = torch.tensor([logit, logit + 1], requires_grad=True)
    gate = hard_concrete(
        logits, torch.full((2,), uniform), temperature=temperature, low=-stretch, high=1 + stretch
    )
    assert 0 <= gate[0] <= gate[1] <= 1
    (gradient,) = torch.autograd.grad(gate.sum(), logits)
    assert gradient.isfinite().all()
    assert (gradient >= 0).all()


def test_gradient_against_finite_differences() -> None:
    uniform = torch.rand(20, generator=torch_generator("gate"), dtype=torch.float64)
    logits = torch.randn(20, generator=torch_generator("logits"), dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda z: hard_concrete(z, uniform, temperature=0.7, low=-0.1, high=1.1), logits
    )


def test_straight_through_rounds_and_passes_the_gradient() -> None:
    gate = torch.tensor([0.0, 0.2, 0.5, 0.7, 1.0], requires_grad=True)
    hard = straight_through(gate)
    assert hard.tolist() == [0, 0, 0.5, 1, 1]
    (gradient,) = torch.autograd.grad((hard * torch.arange(5.0)).sum(), gate)
    assert gradient.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("weight", [0.0, 0.4, 1.0])
@pytest.mark.parametrize(("bias", "stretch"), [(0.05, 0.05), (0.0006, 0.499), (0.2, 0.0006)])
def test_the_released_hard_mask_keeps_what_its_closed_form_says(
    weight: float, bias: float, stretch: float
) -> None:
    uniform = torch.rand(DRAWS, generator=torch_generator("released"))
    soft = released_gate(torch.full((DRAWS,), weight), uniform, bias=bias, stretch=stretch)
    kept = straight_through(soft).double().mean().item()
    limit = (0.5 + stretch) / (1 + stretch)
    below = 1 / (1 + math.exp(weight - math.log(limit / (1 - limit))))
    expected = ((1 - bias) - below) / (1 - 2 * bias)
    assert kept == pytest.approx(expected, abs=4 * 0.5 / math.sqrt(DRAWS))

"""Which of the three alterations a sample gets, and how strong they are."""

from __future__ import annotations

import pytest
import torch

from tsrep.rng import torch_generator
from tsrep.views.scale_shift_jitter import ScaleShiftJitter


def test_all_three_with_their_spread() -> None:
    x = torch.zeros(4000, 2, 30)
    x[..., 15:] = 10.0
    altered = ScaleShiftJitter(std=0.3, probability=1.0)(x, generator=torch_generator(0))
    level, high = altered[..., :15].mean(2), altered[..., 15:].mean(2)
    gain = (high - level) / 10  # noise adds .011 to its spread
    assert gain.mean().item() == pytest.approx(1, abs=0.02)
    assert gain.std().item() == pytest.approx(0.3, abs=0.01)
    assert level.mean().item() == pytest.approx(0, abs=0.02)
    assert level.std().item() == pytest.approx((0.3**2 + 0.3**2 / 15) ** 0.5, abs=0.01)
    assert altered[..., :15].std(2).mean().item() == pytest.approx(0.3, abs=0.01)


def test_each_is_tossed_for_each_sample() -> None:
    x = torch.ones(8000, 1, 4)
    x[..., 2:] = 2.0
    altered = ScaleShiftJitter()(x, generator=torch_generator(1))[:, 0]
    noisy = altered[:, 0] != altered[:, 1]
    scaled = (altered[:, 2] - altered[:, 1] - 1).abs() > 1e-6
    untouched = (altered == x[:, 0]).all(1)
    assert noisy.float().mean().item() == pytest.approx(0.5, abs=0.03)
    assert scaled[~noisy].float().mean().item() == pytest.approx(0.5, abs=0.03)
    assert untouched.float().mean().item() == pytest.approx(0.125, abs=0.02)


def test_nothing_at_probability_zero() -> None:
    x = torch.randn(5, 3, 20, generator=torch_generator("signals"))
    assert torch.equal(ScaleShiftJitter(probability=0.0)(x, generator=torch_generator(2)), x)

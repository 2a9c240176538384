"""Views of amplitude: what they keep, and what their settings mean."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from tsrep.rng import torch_generator
from tsrep.views.amplitude import BaselineWander, Jitter, MagnitudeWarp, Scale, ScaleShiftJitter, Shift
from tsrep.views.view import normal, uniform

VIEWS = (Jitter, Scale, Shift, BaselineWander, MagnitudeWarp)


@pytest.fixture
def x() -> Tensor:
    return torch.randn(5, 3, 40, generator=torch_generator("signals"))


def test_missing_stays_missing_where_a_view_does_not_overwrite(x: Tensor) -> None:
    x[2, :, 10:15] = torch.nan
    for view in VIEWS:
        torch.testing.assert_close(view()(x, generator=torch_generator(3)).isnan(), x.isnan())


@pytest.mark.parametrize("view", VIEWS)
def test_without_spread_nothing_changes(view: type[Scale], x: Tensor) -> None:
    assert torch.equal(view(std=0.0)(x, generator=torch_generator(0)), x)


def test_shift_is_one_constant_for_each_channel(x: Tensor) -> None:
    added = Shift(0.5)(x, generator=torch_generator(1)) - x
    torch.testing.assert_close(added, added[..., :1].expand_as(x), rtol=1e-4, atol=1e-6)
    assert len(added[..., 0].unique()) == 15


def test_jitter_is_white() -> None:
    noise = Jitter(0.3)(torch.zeros(50, 4, 500), generator=torch_generator(1))
    assert noise.std().item() == pytest.approx(0.3, rel=0.01)
    neighbours = (noise[..., 1:] * noise[..., :-1]).mean().item()
    assert abs(neighbours) < 0.3**2 * 0.02


def test_scale_multiplies_whole_channels(x: Tensor) -> None:
    ratio = Scale(0.5)(x, generator=torch_generator(1)) / x
    torch.testing.assert_close(ratio, ratio[..., :1].expand_as(x))
    assert len(ratio[..., 0].unique()) == 15


def test_baseline_wander_is_a_sine_of_the_drawn_cycles_and_phase() -> None:
    x = torch.zeros(3, 2, 100)
    wander = BaselineWander(0.5, cycles=4.0)(x, generator=torch_generator(2))
    generator = torch_generator(2)
    amplitude = 0.5 * normal(x, 2, generator=generator)
    drawn = uniform(x, 2, generator=generator)
    for i, (speed, phase) in enumerate(drawn.tolist()):
        sine = [math.sin(2 * math.pi * (4 * speed * t / 100 + phase)) for t in range(100)]
        torch.testing.assert_close(
            wander[i], amplitude[i][:, None] * torch.tensor(sine), rtol=1e-4, atol=1e-5
        )
    assert drawn.unique().numel() == 6


@pytest.mark.parametrize("view", [Shift, Jitter])
def test_what_is_added_has_the_given_spread(view: type[Shift]) -> None:
    added = view(0.5)(torch.zeros(4000, 3, 2), generator=torch_generator(2))
    assert added.std().item() == pytest.approx(0.5, rel=0.02)
    assert added.mean().item() == pytest.approx(0, abs=0.02)


@pytest.mark.parametrize("view", [Scale(0.3), MagnitudeWarp(0.3, knots=4)])
def test_logarithm_of_a_gain_has_the_given_spread_and_the_gain_is_positive(view: Scale) -> None:
    gain = view(torch.ones(3000, 2, 31), generator=torch_generator(3))
    assert gain.min() > 0
    assert gain[..., 0].log().std().item() == pytest.approx(0.3, rel=0.03)
    assert gain[..., 10].log().std().item() == pytest.approx(0.3, rel=0.03)


def test_magnitude_warp_is_smooth_and_differs_between_channels(x: Tensor) -> None:
    gain = MagnitudeWarp(0.3, knots=5)(torch.ones(20, 3, 400), generator=torch_generator(4))
    assert gain.diff(dim=-1).abs().max() < 0.05
    assert gain.diff(dim=-1, n=2).abs().max() < 0.002
    assert not torch.allclose(gain[:, 0], gain[:, 1], atol=0.05)


def test_magnitude_warp_of_two_knots_is_an_exponential(x: Tensor) -> None:
    slope = MagnitudeWarp(0.3, knots=2)(torch.ones(4, 2, 50), generator=torch_generator(5)).log().diff(dim=-1)
    torch.testing.assert_close(slope, slope[..., :1].expand_as(slope), rtol=0, atol=1e-6)


def test_scale_shift_jitter_does_all_three_with_their_spread() -> None:
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


def test_each_of_scale_shift_jitter_is_tossed_for_each_sample() -> None:
    x = torch.ones(8000, 1, 4)
    x[..., 2:] = 2.0
    altered = ScaleShiftJitter()(x, generator=torch_generator(1))[:, 0]
    noisy = altered[:, 0] != altered[:, 1]
    scaled = (altered[:, 2] - altered[:, 1] - 1).abs() > 1e-6
    untouched = (altered == x[:, 0]).all(1)
    assert noisy.float().mean().item() == pytest.approx(0.5, abs=0.03)
    assert scaled[~noisy].float().mean().item() == pytest.approx(0.5, abs=0.03)
    assert untouched.float().mean().item() == pytest.approx(0.125, abs=0.02)


def test_scale_shift_jitter_does_nothing_at_probability_zero() -> None:
    x = torch.randn(5, 3, 20, generator=torch_generator("signals"))
    assert torch.equal(ScaleShiftJitter(probability=0.0)(x, generator=torch_generator(2)), x)

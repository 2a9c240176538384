"""Changes of amplitude: closed forms, and how missing values pass through."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from tsrep.rng import torch_generator
from tsrep.views import functional


@pytest.fixture
def x() -> Tensor:
    return torch.randn(5, 3, 40, generator=torch_generator("signals"))


def test_jitter_has_the_given_spread_and_is_white() -> None:
    noise = functional.jitter(torch.zeros(50, 4, 500), 0.3, generator=torch_generator(1))
    assert noise.std().item() == pytest.approx(0.3, rel=0.01)
    neighbours = (noise[..., 1:] * noise[..., :-1]).mean().item()
    assert abs(neighbours) < 0.3**2 * 0.02


def test_scale_multiplies_whole_channels(x: Tensor) -> None:
    factor = torch.rand(5, 3) + 0.5
    ratio = functional.scale(x, factor) / x
    torch.testing.assert_close(ratio, factor[:, :, None].expand_as(x))


def test_drop_leads_zeroes_even_missing_values(x: Tensor) -> None:
    x[0, 1, 3] = torch.nan
    drop = torch.zeros(5, 3, dtype=torch.bool)
    drop[0, 1] = True
    dropped = functional.drop_leads(x, drop)
    assert not dropped[0, 1].any()
    torch.testing.assert_close(dropped[1:], x[1:])


def test_cut_out_zeroes_exactly_the_stretch() -> None:
    cut = functional.cut_out(torch.ones(2, 3, 10), torch.tensor([2, 7]), torch.tensor([3, 0]))
    assert cut[0, 1].tolist() == [1, 1, 0, 0, 0, 1, 1, 1, 1, 1]
    assert cut[1].all()


def test_baseline_wander_is_a_sine_of_the_given_cycles() -> None:
    amplitude = torch.tensor([[0.5, -0.2]])
    wander = functional.baseline_wander(
        torch.zeros(1, 2, 100), amplitude, torch.tensor([2.0]), torch.tensor([math.pi / 2])
    )
    spectrum = torch.fft.rfft(wander[0], dim=-1).abs()
    assert spectrum.argmax(-1).tolist() == [2, 2]
    torch.testing.assert_close(wander[0, :, 0], amplitude[0])


def test_dropout_keeps_the_mean_and_the_rate() -> None:
    z = functional.dropout(torch.ones(100, 100, 20), 0.1, generator=torch_generator(2))
    assert (z == 0).float().mean().item() == pytest.approx(0.1, abs=0.005)
    assert z.mean().item() == pytest.approx(1, abs=0.005)


def test_dropout_of_nothing_is_the_identity(x: Tensor) -> None:
    assert functional.dropout(x, 0.0, generator=torch_generator(2)) is x

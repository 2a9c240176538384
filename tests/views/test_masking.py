"""Views that take away: how much at most, and what always stays."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tsrep.rng import torch_generator
from tsrep.views.masking import CutOut, FrequencyDropout, LeadDropout, drop_bands


@pytest.fixture
def x() -> Tensor:
    return torch.randn(5, 3, 40, generator=torch_generator("signals"))


def test_lead_dropout_always_leaves_a_lead() -> None:
    view = LeadDropout(probability=1.0)
    left = view(torch.ones(200, 4, 3), generator=torch_generator(5)).any(-1).sum(1)
    assert (left == 1).all()
    assert LeadDropout(1.0)(torch.ones(3, 1, 3), generator=torch_generator(5)).all()


def test_lead_dropout_zeroes_even_missing_values_and_nothing_else(x: Tensor) -> None:
    x[0, 1, 3] = torch.nan
    dropped = LeadDropout(0.5)(x, generator=torch_generator(5))
    lost = (dropped == 0).all(-1)
    assert lost[0, 1]  # this seed drops it
    assert torch.equal(dropped[~lost], x[~lost])


def test_lead_dropout_rate() -> None:
    kept = LeadDropout(0.2)(torch.ones(4000, 12, 1), generator=torch_generator(5))
    assert (kept == 0).float().mean().item() == pytest.approx(0.2, abs=0.01)


@given(most=st.floats(0, 1), seed=st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_cut_out_respects_its_limit(most: float, seed: int) -> None:
    cut = CutOut(most)(torch.ones(20, 1, 30), generator=torch_generator(seed))
    assert (cut == 0).sum(-1).max() <= most * 30


def test_cut_out_zeroes_one_segment_of_all_channels() -> None:
    cut = CutOut(0.5)(torch.ones(400, 3, 10), generator=torch_generator(6)) == 0
    assert torch.equal(cut, cut[:, :1].expand_as(cut))
    assert (cut[:, 0].int().diff(dim=1, prepend=torch.zeros(400, 1)) == 1).sum(1).max() == 1
    assert set(cut[:, 0].sum(1).tolist()) == set(range(5))
    assert cut[:, 0].any(0).all()


@pytest.mark.parametrize("settings", [{"bands": 0}, {"most": 0.0}])
def test_frequency_dropout_of_nothing_is_the_identity(settings: dict[str, float], x: Tensor) -> None:
    x[0, 1, 4:9] = torch.nan
    same = FrequencyDropout(**settings)(x, generator=torch_generator(0))  # type: ignore[arg-type]  # parametrised
    assert torch.equal(same.nan_to_num(9), x.nan_to_num(9))


def test_frequency_dropout_of_everything_leaves_the_mean(x: Tensor) -> None:
    flat = FrequencyDropout(bands=400, most=1.0)(x, generator=torch_generator(1))
    torch.testing.assert_close(flat, x.mean(2, keepdim=True).expand_as(x), rtol=0, atol=1e-5)


@given(bands=st.integers(0, 4), most=st.floats(0, 1), time=st.integers(1, 41), seed=st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_frequency_dropout_keeps_the_mean_and_never_raises_energy(
    bands: int, most: float, time: int, seed: int
) -> None:
    x = 3 + torch.randn(6, 2, time, generator=torch_generator(seed))
    view = FrequencyDropout(bands, most)(x, generator=torch_generator(seed))
    torch.testing.assert_close(view.mean(2), x.mean(2))
    assert (view.square().sum(2) <= x.square().sum(2) * (1 + 1e-5)).all()


def test_frequency_dropout_removes_at_most_what_it_may() -> None:
    impulse = torch.zeros(300, 1, 200)
    impulse[..., 7] = 1
    kept = torch.fft.rfft(FrequencyDropout(1, 0.3)(impulse, generator=torch_generator(2))).abs()
    lost = (kept < 1e-4).sum(-1)
    assert lost.max() in (28, 29)
    assert lost.min() == 0
    assert (kept[:, 0, 0] > 0.99).all()
    torch.testing.assert_close(kept[kept > 0.5], torch.ones_like(kept[kept > 0.5]))


def _bands(*bands: tuple[int, int]) -> tuple[torch.Tensor, torch.Tensor]:
    start, width = zip(*bands, strict=True)
    return torch.tensor([start]), torch.tensor([width])


def test_only_the_sine_in_the_band_goes() -> None:
    time = torch.arange(100) / 100
    slow, fast = (torch.sin(2 * math.pi * cycles * time)[None, None] for cycles in (5, 20))
    torch.testing.assert_close(drop_bands(slow + fast + 1, *_bands((18, 5))), slow + 1, rtol=0, atol=1e-5)
    torch.testing.assert_close(drop_bands(slow + fast, *_bands((5, 1))), fast, rtol=0, atol=1e-5)
    torch.testing.assert_close(
        drop_bands(slow + fast, *_bands((6, 14), (21, 30))), slow + fast, rtol=0, atol=1e-5
    )


def test_overlapping_bands_count_once_and_samples_have_their_own() -> None:
    time = torch.arange(64) / 64
    wave = torch.sin(2 * math.pi * 8 * time).expand(2, 3, 64)
    start, width = torch.tensor([[7, 8], [1, 12]]), torch.tensor([[3, 4], [5, 9]])
    one, other = drop_bands(wave, start, width)
    torch.testing.assert_close(one, torch.zeros(3, 64), rtol=0, atol=1e-5)
    torch.testing.assert_close(other, wave[1], rtol=0, atol=1e-5)


def test_missing_values_stay_alone_and_energy_about_the_mean_does_not_rise() -> None:
    x = 5 + torch.randn(8, 3, 60, generator=torch_generator(0))
    x[:, 1, 10:25] = torch.nan
    x[2] = torch.nan
    view = drop_bands(x, torch.full((8, 1), 2), torch.full((8, 1), 12))
    assert torch.equal(view.isnan(), x.isnan())
    mean = x.nanmean(2, keepdim=True)
    assert ((view - mean).square().nansum(2) <= (x - mean).square().nansum(2) + 1e-4).all()
    torch.testing.assert_close(
        drop_bands(x[:, ::2], torch.full((8, 1), 2), torch.full((8, 1), 12)), view[:, ::2], equal_nan=True
    )


def test_half_precision_goes_through_single() -> None:
    x = torch.randn(2, 1, 30, generator=torch_generator(1)).bfloat16()
    view = drop_bands(x, *_bands((3, 4)))
    assert view.dtype == torch.bfloat16
    torch.testing.assert_close(view, drop_bands(x.float(), *_bands((3, 4))).bfloat16())

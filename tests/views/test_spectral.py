"""Dropped bands: which frequencies go, and what missing values do."""

from __future__ import annotations

import math

import torch

from tsrep.rng import torch_generator
from tsrep.views.spectral import drop_bands


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

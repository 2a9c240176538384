"""The two crops of TS2Vec share the steps that they say they share."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from tsrep.errors import ConfigError
from tsrep.objectives.ts2vec import OverlappingCrops, overlapping_crops
from tsrep.rng import torch_generator


def crops_of(x: Tensor, seed: int, *, unit: int = 1) -> OverlappingCrops:
    generator = torch_generator(seed)
    return overlapping_crops(x, torch.rand(4, generator=generator), unit=unit, least=2, generator=generator)


@given(time=st.integers(8, 70), unit=st.integers(1, 4), seed=st.integers(0, 999))
@settings(max_examples=150, deadline=None)
def test_crops_stay_inside_and_overlap_on_the_same_steps(time: int, unit: int, seed: int) -> None:
    x = torch.arange(time).expand(6, 2, time) + 1000 * torch.arange(6)[:, None, None]
    crops = crops_of(x, seed, unit=unit)
    assert ((crops.first // 1000) == torch.arange(6)[:, None, None]).all()  # never another sample's values
    assert (crops.first.diff(dim=2) == 1).all()
    assert (crops.second.diff(dim=2) == 1).all()
    # An encoder of this stride that keeps the first of its steps shows what is compared.
    left, right = crops.first[..., ::unit], crops.second[..., ::unit]
    torch.testing.assert_close(left[..., -crops.shared :], right[..., : crops.shared])
    assert crops.shared >= 2


@given(seed=st.integers(0, 999))
@settings(max_examples=50, deadline=None)
def test_pooled_steps_align_too(seed: int) -> None:
    crops = crops_of(torch.randn(4, 1, 64, generator=torch_generator(0)), seed, unit=4)
    left, right = (F.avg_pool1d(crop, 4) for crop in (crops.first, crops.second))
    torch.testing.assert_close(left[..., -crops.shared :], right[..., : crops.shared])


def test_law_of_the_borders() -> None:
    x = torch.arange(20).expand(64, 1, 20)
    drawn = [crops_of(x, seed) for seed in range(400)]
    lengths = torch.tensor([c.shared for c in drawn])
    assert (lengths.min(), lengths.max()) == (2, 20)
    assert lengths.float().mean() == pytest.approx(11, abs=0.8)  # uniform on 2 to 20
    assert any(c.first.shape[2] > c.shared for c in drawn)
    assert any(c.second.shape[2] > c.shared for c in drawn)
    assert any(c.first.min() == 0 for c in drawn)
    assert any(c.second.max() == 19 for c in drawn)
    assert any(len(c.first[:, 0, 0].unique()) > 1 for c in drawn)


def test_too_short_samples_are_refused() -> None:
    with pytest.raises(ConfigError, match="at least 8 steps"):
        crops_of(torch.zeros(2, 1, 7), 0, unit=4)

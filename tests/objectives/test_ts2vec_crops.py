"""The two crops of TS2Vec share the steps that they say they share."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from tsrep.errors import ConfigError
from tsrep.objectives.ts2vec import overlapping_crops
from tsrep.rng import torch_generator


def crops_of(x: Tensor, seed: int, *, unit: int = 1) -> tuple[Tensor, Tensor, int]:
    generator = torch_generator(seed)
    return overlapping_crops(x, torch.rand(4, generator=generator), unit=unit, least=2, generator=generator)


@given(time=st.integers(8, 70), unit=st.integers(1, 4), seed=st.integers(0, 999))
@settings(max_examples=150, deadline=None)
def test_crops_stay_inside_and_overlap_on_the_same_steps(time: int, unit: int, seed: int) -> None:
    x = torch.arange(time).expand(6, 2, time) + 1000 * torch.arange(6)[:, None, None]
    first, second, shared = crops_of(x, seed, unit=unit)
    assert ((first // 1000) == torch.arange(6)[:, None, None]).all()  # never another sample's values
    assert (first.diff(dim=2) == 1).all()
    assert (second.diff(dim=2) == 1).all()
    # An encoder of this stride that keeps the first of its steps shows what is compared.
    left, right = first[..., ::unit], second[..., ::unit]
    torch.testing.assert_close(left[..., -shared:], right[..., :shared])
    assert shared >= 2


@given(seed=st.integers(0, 999))
@settings(max_examples=50, deadline=None)
def test_pooled_steps_align_too(seed: int) -> None:
    *crops, shared = crops_of(torch.randn(4, 1, 64, generator=torch_generator(0)), seed, unit=4)
    left, right = (F.avg_pool1d(crop, 4) for crop in crops)
    torch.testing.assert_close(left[..., -shared:], right[..., :shared])


def test_law_of_the_borders() -> None:
    x = torch.arange(20).expand(64, 1, 20)
    drawn = [crops_of(x, seed) for seed in range(400)]
    lengths = torch.tensor([shared for _, _, shared in drawn])
    assert (lengths.min(), lengths.max()) == (2, 20)
    assert lengths.float().mean() == pytest.approx(11, abs=0.8)  # uniform on 2 to 20
    assert any(first.shape[2] > shared for first, _, shared in drawn)
    assert any(second.shape[2] > shared for _, second, shared in drawn)
    assert any(first.min() == 0 for first, _, _ in drawn)
    assert any(second.max() == 19 for _, second, _ in drawn)
    assert any(len(first[:, 0, 0].unique()) > 1 for first, _, _ in drawn)


def test_too_short_samples_are_refused() -> None:
    with pytest.raises(ConfigError, match="at least 8 steps"):
        crops_of(torch.zeros(2, 1, 7), 0, unit=4)

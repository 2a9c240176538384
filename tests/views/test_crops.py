"""The two crops of TS2Vec share the stretch that they say they share."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from tsrep.errors import ConfigError
from tsrep.rng import torch_generator
from tsrep.views.crops import draw_overlapping_crops


@given(time=st.integers(8, 70), unit=st.integers(1, 4), seed=st.integers(0, 999))
@settings(max_examples=150, deadline=None)
def test_crops_stay_inside_and_overlap_on_the_same_steps(time: int, unit: int, seed: int) -> None:
    x = torch.arange(time).expand(6, 2, time) + 1000 * torch.arange(6)[:, None, None]
    crops = draw_overlapping_crops(x, unit=unit, generator=torch_generator(seed))
    first, second = crops.first(x), crops.second(x)
    assert ((first // 1000) == torch.arange(6)[:, None, None]).all()  # never another sample's values
    assert (first.diff(dim=2) == 1).all()
    assert (second.diff(dim=2) == 1).all()
    # An encoder of this stride that keeps the first step of each stretch shows what is compared.
    left, right = crops.overlap(first[..., ::unit], second[..., ::unit])
    torch.testing.assert_close(left, right)
    assert left.shape[-1] == (crops.right - crops.left) // unit >= 2


@given(seed=st.integers(0, 999))
@settings(max_examples=50, deadline=None)
def test_pooled_steps_align_too(seed: int) -> None:
    x = torch.randn(4, 1, 64, generator=torch_generator(0))
    crops = draw_overlapping_crops(x, unit=4, generator=torch_generator(seed))
    left, right = crops.overlap(*(F.avg_pool1d(crop, 4) for crop in (crops.first(x), crops.second(x))))
    torch.testing.assert_close(left, right)


def test_law_of_the_borders() -> None:
    x = torch.zeros(64, 1, 20)
    drawn = [draw_overlapping_crops(x, generator=torch_generator(seed)) for seed in range(400)]
    lengths = torch.tensor([c.right - c.left for c in drawn])
    assert (lengths.min(), lengths.max()) == (2, 20)
    assert lengths.float().mean() == pytest.approx(11, abs=0.8)  # uniform on 2 to 20
    assert any(c.outer_left == 0 < c.left for c in drawn)
    assert any(c.outer_left + c.offset.min() == 0 for c in drawn)
    assert any(c.outer_right + c.offset.max() == 20 for c in drawn)
    assert any(len(c.offset.unique()) > 1 for c in drawn)


def test_too_short_samples_are_refused() -> None:
    with pytest.raises(ConfigError, match="at least 8 steps"):
        draw_overlapping_crops(torch.zeros(2, 1, 7), unit=4, generator=torch_generator(0))

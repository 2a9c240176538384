"""Views of time: every step from inside the sample, in an order that the view allows."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tsrep.rng import torch_generator
from tsrep.views.timing import Permutation, TimeShift, TimeWarp, WindowSlice, WindowWarp


def test_time_shift_respects_its_limit() -> None:
    shifted = TimeShift(0.2)(torch.ones(300, 1, 50), generator=torch_generator(6))
    missing = shifted.isnan().sum(-1)
    assert missing.max() == 10
    assert shifted[..., 0].isnan().any()
    assert shifted[..., -1].isnan().any()


def _ramp(batch: int, time: int) -> Tensor:
    return torch.arange(float(time), dtype=torch.float64).expand(batch, 1, time)


@given(segments=st.integers(1, 9), time=st.integers(1, 40), seed=st.integers(0, 99))
@settings(max_examples=50, deadline=None)
def test_permutation_keeps_the_values_of_every_channel(segments: int, time: int, seed: int) -> None:
    x = torch.randn(6, 3, time, generator=torch_generator(seed))
    view = Permutation(segments)(x, generator=torch_generator(seed))
    assert torch.equal(view.sort(2).values, x.sort(2).values)
    joins = (Permutation(segments)(_ramp(6, time), generator=torch_generator(seed)).diff(dim=2) != 1).sum(2)
    assert (joins < min(segments, time)).all()


def test_permutation_moves_all_channels_alike() -> None:
    x = _ramp(50, 30).expand(50, 4, 30)
    view = Permutation(4)(x, generator=torch_generator(0))
    assert torch.equal(view, view[:, :1].expand_as(view))
    assert len({tuple(row) for row in view[:, 0].tolist()}) > 40


def test_permutation_of_one_segment_is_the_identity() -> None:
    x = _ramp(3, 20)
    assert torch.equal(Permutation(1)(x, generator=torch_generator(0)), x)


def test_each_cut_and_each_order_is_as_likely_as_another() -> None:
    view = Permutation(2)(_ramp(6000, 4), generator=torch_generator(1))[:, 0]
    first = torch.bincount(view[:, 0].long(), minlength=4) / 6000
    torch.testing.assert_close(first, torch.tensor([3, 1, 1, 1]) / 6, rtol=0, atol=0.02)


@given(std=st.floats(0, 1.5), knots=st.integers(2, 9), time=st.integers(2, 60), seed=st.integers(0, 99))
@settings(max_examples=50, deadline=None)
def test_time_warp_is_monotone_and_fixes_both_ends(std: float, knots: int, time: int, seed: int) -> None:
    where = TimeWarp(std, knots)(_ramp(6, time), generator=torch_generator(seed))
    assert (where.diff(dim=2) > 0).all()
    assert (where[..., 0] == 0).all()
    torch.testing.assert_close(where[..., -1], torch.full_like(where[..., -1], time - 1))


def test_time_warp_without_spread_changes_nothing() -> None:
    x = torch.randn(3, 2, 50, generator=torch_generator(2))
    x[1, 1, 7] = torch.nan
    same = TimeWarp(0.0)(x, generator=torch_generator(3))
    torch.testing.assert_close(same, x, rtol=0, atol=0, equal_nan=True)


@given(window=st.floats(0.01, 1), factor=st.floats(1, 5), seed=st.integers(0, 99))
@settings(max_examples=50, deadline=None)
def test_window_warp_is_monotone_and_fixes_both_ends(window: float, factor: float, seed: int) -> None:
    where = WindowWarp(window, factor)(_ramp(8, 50), generator=torch_generator(seed))
    assert (where.diff(dim=2) > 0).all()
    assert (where[..., 0].abs() < 1e-9).all()
    torch.testing.assert_close(where[..., -1], torch.full_like(where[..., -1], 49))


def test_window_warp_slows_down_and_speeds_up() -> None:
    where = WindowWarp(0.2, 3.0)(_ramp(400, 201), generator=torch_generator(4))
    speed = where[:, 0].diff(dim=1)
    slower = speed.median(1).values > 1  # the rest runs faster where the window lasts longer
    assert slower.float().mean().item() == pytest.approx(0.5, abs=0.06)
    ratio = speed.amax(1) / speed.amin(1)
    torch.testing.assert_close(ratio, torch.full_like(ratio, 3.0))


@given(least=st.floats(0.1, 1), seed=st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_window_slice_keeps_at_least_its_share(least: float, seed: int) -> None:
    where = WindowSlice(least)(_ramp(8, 50), generator=torch_generator(seed))[:, 0]
    kept = where[:, -1] - where[:, 0] + 1
    assert (kept >= least * 50 - 1e-6).all()
    assert (kept <= 50).all()

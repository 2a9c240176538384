"""Warps of time: closed forms on ramps, and what stays where it is."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tsrep.rng import torch_generator
from tsrep.views import timing


@pytest.fixture
def x() -> Tensor:
    return torch.randn(5, 3, 40, generator=torch_generator("signals"))


def test_shift_moves_and_marks_what_is_unknown() -> None:
    ramp = torch.arange(5.0).expand(2, 1, 5)
    later, earlier = timing.time_shift(ramp, torch.tensor([2, -1]))[:, 0]
    torch.testing.assert_close(later, torch.tensor([torch.nan, torch.nan, 0, 1, 2]), equal_nan=True)
    torch.testing.assert_close(earlier, torch.tensor([1, 2, 3, 4, torch.nan]), equal_nan=True)


def test_crop_resize_of_everything_is_the_identity(x: Tensor) -> None:
    x[1, 2, 7] = torch.nan
    same = timing.crop_resize(x, torch.zeros(5), torch.full((5,), 40.0))
    torch.testing.assert_close(same, x, equal_nan=True)


@given(start=st.floats(0, 10), width=st.floats(5, 20))
@settings(max_examples=30, deadline=None)
def test_crop_resize_of_a_line_is_a_line(start: float, width: float) -> None:
    line = 3 * torch.arange(30.0).expand(1, 2, 30) - 1
    cropped = timing.crop_resize(line, torch.tensor([start]), torch.tensor([width]))[0, 0]
    expected = 3 * torch.linspace(start, start + width - 1, 30) - 1
    torch.testing.assert_close(cropped, expected, rtol=1e-4, atol=1e-4)


def test_resample_interpolates_and_clamps() -> None:
    x = torch.tensor([[[0.0, 10.0, 40.0]]])
    out = timing.resample(x, torch.tensor([[-1.0, 0.5, 1.0, 1.25, 2.0, 7.0]]))
    assert out.tolist() == [[[0.0, 5.0, 10.0, 17.5, 40.0, 40.0]]]


def test_resample_takes_missing_values_only_where_they_count() -> None:
    x = torch.tensor([[[0.0, torch.nan, 4.0, 6.0]]])
    out = timing.resample(x, torch.tensor([[0.0, 0.5, 1.5, 2.0, 2.5]]))
    assert out.isnan().tolist() == [[[False, True, True, False, False]]]


def test_window_warp_of_a_ramp_shows_its_map() -> None:
    ramp = torch.arange(101.0).expand(2, 1, 101)
    slow, fast = timing.window_warp(
        ramp, torch.tensor([20.0, 50.0]), torch.tensor([40.0, 20.0]), torch.tensor([2.0, 0.5])
    )[:, 0]
    # 140 steps in place of 100, of which 20 to 100 show the window; 90 in place of 100
    expected = [min(u, 20) + min(max(u - 20, 0), 80) / 2 + max(u - 100, 0) for u in 1.4 * torch.arange(101.0)]
    torch.testing.assert_close(slow, torch.tensor(expected))
    expected = [min(u, 50) + min(max(u - 50, 0), 10) * 2 + max(u - 60, 0) for u in 0.9 * torch.arange(101.0)]
    torch.testing.assert_close(fast, torch.tensor(expected))


def test_a_window_that_keeps_its_length_changes_nothing(x: Tensor) -> None:
    same = timing.window_warp(x, torch.full((5,), 3.0), torch.full((5,), 9.0), torch.ones(5))
    torch.testing.assert_close(same, x, rtol=1e-5, atol=1e-5)


def test_travelled_at_constant_speed_is_the_clock() -> None:
    torch.testing.assert_close(timing.travelled(torch.full((2, 9), 0.3)), torch.arange(9.0).expand(2, 9))


def test_travelled_is_the_integral_of_the_speed() -> None:
    t = torch.linspace(0, 1, 1001, dtype=torch.float64)[None]
    torch.testing.assert_close(timing.travelled(1 + 2 * t), 1000 * (t + t**2) / 2, rtol=0, atol=1e-9)


def test_permute_puts_segments_where_they_go() -> None:
    x = torch.arange(7.0).expand(2, 1, 7)
    cuts = torch.tensor([[5, 2], [1, 2]])
    order = torch.tensor([[2, 0, 1], [0, 2, 1]])
    one, other = timing.permute(x, cuts, order)[:, 0].tolist()
    assert one == [2, 3, 4, 5, 6, 0, 1]
    assert other == [0, 2, 3, 4, 5, 6, 1]

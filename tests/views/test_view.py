"""Smooth curves against the spline of SciPy, and what they reproduce exactly."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.interpolate import CubicSpline

from tsrep.rng import torch_generator
from tsrep.views.view import smooth_curve


@pytest.mark.parametrize("knots", [2, 3, 4, 9])
@pytest.mark.parametrize("time", [2, 7, 100])
def test_is_the_natural_cubic_spline(knots: int, time: int) -> None:
    points = torch.randn(3, 2, knots, generator=torch_generator(knots), dtype=torch.float64)
    at = np.linspace(0, knots - 1, time)
    expected = CubicSpline(np.arange(knots), points.numpy(), axis=-1, bc_type="natural")(at)
    torch.testing.assert_close(smooth_curve(points, time), torch.from_numpy(expected))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_goes_through_its_points_and_keeps_the_dtype(dtype: torch.dtype) -> None:
    points = torch.randn(4, 5, generator=torch_generator(1), dtype=dtype)
    curve = smooth_curve(points, 41)
    assert curve.dtype == dtype
    torch.testing.assert_close(curve[:, ::10], points)


def test_of_a_line_is_the_line() -> None:
    torch.testing.assert_close(smooth_curve(torch.arange(4.0), 31), torch.linspace(0, 3, 31))


def test_a_single_step_takes_the_first_point() -> None:
    assert smooth_curve(torch.tensor([4.0, 7.0]), 1).tolist() == [4.0]


def test_half_precision_autocast_leaves_curves_exact() -> None:
    points = torch.randn(3, 2, 6, generator=torch_generator(0))
    plain = smooth_curve(points, 600)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(smooth_curve(points, 600), plain)

"""Normalising windows by their own level."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tsrep.errors import ConfigError
from tsrep.forecasting.instance_norm import InstanceNorm

KINDS = ["none", "mean-std", "last", "revin"]


def draw(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def norm(kind, channels=3):
    """With a gain and a shift that are not those of the start."""
    made = InstanceNorm(kind, channels).double()
    with torch.no_grad():
        for seed, parameter in enumerate(made.parameters()):
            parameter.copy_(0.5 * draw(*parameter.shape, seed=seed + 7))
    return made


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=15, deadline=None)
@given(
    batch=st.integers(1, 3),
    channels=st.integers(1, 4),
    time=st.integers(1, 12),
    seed=st.integers(0, 99),
    gaps=st.floats(0, 1),
)
def test_undo_inverts_whatever_is_missing(kind, batch, channels, time, seed, gaps):
    x = 3 * draw(batch, channels, time, seed=seed) + 5
    missing = torch.rand(x.shape, generator=torch.Generator().manual_seed(seed)) < gaps
    x[missing] = torch.nan
    layer = norm(kind, channels)

    normalised, level = layer(x)

    assert torch.equal(normalised.isnan(), missing)
    assert level.mean.shape == level.scale.shape == (batch, channels, 1)
    assert level.mean.isfinite().all()
    assert (level.scale > 0).all()
    torch.testing.assert_close(layer.undo(normalised, level), x, equal_nan=True)


@pytest.mark.parametrize("kind", ["mean-std", "revin"])
def test_statistics_are_those_of_the_present_values(kind):
    x = draw(2, 3, 20) * 4 + 2
    x[0, 1, 3:9], x[1, 2, 15:] = torch.nan, torch.nan

    _, level = norm(kind)(x)

    np.testing.assert_allclose(level.mean[..., 0], np.nanmean(x, axis=-1))
    np.testing.assert_allclose(level.scale[..., 0], np.sqrt(np.nanvar(x, axis=-1) + 1e-5))


def test_last_is_the_last_present_value():
    x = torch.tensor([[[1.0, 2.0, 3.0], [4.0, 5.0, torch.nan], [6.0, torch.nan, torch.nan]]])

    normalised, level = InstanceNorm("last", 3)(x)

    assert level.mean.flatten().tolist() == [3, 5, 6]
    assert level.scale.flatten().tolist() == [1, 1, 1]
    assert normalised[0, 0].tolist() == [-2, -1, 0]


@pytest.mark.parametrize("kind", KINDS)
def test_window_without_values_has_level_zero_and_scale_one(kind):
    x = draw(1, 3, 8)
    x[0, 1] = torch.nan
    x.requires_grad_()

    normalised, level = norm(kind)(x)
    normalised.nan_to_num().square().sum().backward()

    assert (level.mean[0, 1], level.scale[0, 1]) == (0, 1)
    assert normalised[0, 1].isnan().all()
    assert x.grad.isfinite().all()


@pytest.mark.parametrize(
    ("kind", "scales"), [("none", False), ("last", False), ("mean-std", True), ("revin", True)]
)
def test_forecast_follows_scale_and_offset_of_the_window(kind, scales):
    """``forecast(a x + b) = a forecast(x) + b`` for a map that is not linear, where the kind promises it."""
    layer, x = norm(kind), draw(2, 3, 16)

    def forecast(window):
        normalised, level = layer(window)
        return layer.undo(torch.tanh(normalised[..., -4:]) + 0.3, level)

    plain = forecast(x)

    shifted = (forecast(x + 7) - plain - 7).abs().max()
    scaled = (forecast(0.4 * x) - 0.4 * plain).abs().max()
    assert (shifted < 1e-9) == (kind != "none")
    assert (scaled < 1e-4) == scales


@pytest.mark.parametrize("kind", ["mean-std", "revin"])
@pytest.mark.parametrize("value", [0.0, 3.0, -1e3])
def test_constant_windows_do_not_explode(kind, value):
    layer = InstanceNorm(kind, 1)
    x = torch.full((1, 1, 50), value).requires_grad_()

    normalised, level = layer(x)
    forecast = layer.undo(torch.tanh(normalised[..., -3:]) + 1, level)
    forecast.sum().backward()

    assert normalised.abs().max() < 0.1
    torch.testing.assert_close(forecast, torch.full((1, 1, 3), value), atol=0.01, rtol=0)
    torch.testing.assert_close(x.grad.sum(), torch.tensor(3.0), atol=1e-3, rtol=0)


def test_noise_below_the_floor_is_not_blown_up():
    faint = 2 + 1e-4 * draw(1, 1, 500)

    assert InstanceNorm("mean-std", 1)(faint)[0].std() < 0.05


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_run_through_the_statistics(kind):
    layer, x = norm(kind), draw(2, 3, 6)
    x[0, 0, 2], x[1, 1, 5] = torch.nan, torch.nan
    there = ~x.isnan()

    def forecast(values):
        window = x.masked_scatter(there, values)
        normalised, level = layer(window)
        return layer.undo(torch.sin(normalised.nan_to_num()), level)

    assert torch.autograd.gradcheck(forecast, (x[there].clone().requires_grad_(),))


def test_gain_and_shift_of_revin_are_learned_and_undone():
    layer, x = InstanceNorm("revin", 2), draw(4, 2, 10, dtype=torch.float32)
    plain, level = InstanceNorm("mean-std", 2)(x)
    torch.testing.assert_close(layer(x)[0], plain)
    with torch.no_grad():
        layer.log_gain.fill_(np.log(2.0))
        layer.shift.fill_(0.3)

    torch.testing.assert_close(layer(x)[0], 2 * plain + 0.3)
    torch.testing.assert_close(layer.undo(2 * plain + 0.3, level), x)
    layer.undo(layer(x)[0].square(), level).sum().backward()
    assert layer.log_gain.grad.abs().min() > 0
    assert layer.shift.grad.abs().min() > 0


def test_only_revin_has_parameters():
    assert [len(list(InstanceNorm(kind, 2).parameters())) for kind in KINDS] == [0, 0, 0, 2]


@pytest.mark.parametrize("kind", KINDS)
def test_statistics_and_forecast_are_float32_under_autocast(kind):
    layer, x = InstanceNorm(kind, 2), 500 + draw(2, 2, 64, dtype=torch.float32)
    exact, _ = layer(x)

    with torch.autocast("cpu", torch.bfloat16):
        normalised, level = layer(x)
        forecast = layer.undo(normalised.bfloat16(), level)

    assert torch.equal(normalised, exact)
    assert level.mean.dtype == level.scale.dtype == forecast.dtype == torch.float32
    torch.testing.assert_close(forecast, x, atol=0.03, rtol=4e-3 if kind == "none" else 0)


def test_level_of_half_precision_windows_is_float32():
    x = (100 + draw(1, 1, 512, dtype=torch.float32)).bfloat16()

    _, level = InstanceNorm("mean-std", 1)(x)

    torch.testing.assert_close(level.mean[0, 0, 0], x.double().mean().float())


def test_unknown_kind_is_refused_with_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'mean-std'"):
        InstanceNorm("mean_std", 1)

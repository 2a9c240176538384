"""The learned view: what it changes, what it leaves, and trunks of any stride and length."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tsrep.encoders.dilated_conv import DilatedConv
from tsrep.encoders.resnet1d import ResNet1d
from tsrep.errors import ConfigError
from tsrep.rng import torch_generator
from tsrep.testing.examples import example_signal
from tsrep.views.autotcl_augmenter import Augmented, PaperAugmenter, ReleasedAugmenter, on_grid, soft_bound

CHANNELS, COVARIATES = 5, 2


def paper(mask_per: str = "time") -> PaperAugmenter:
    torch.manual_seed(0)
    trunk = DilatedConv(CHANNELS, hidden=8, dim=6, depth=2)
    return PaperAugmenter(trunk, CHANNELS, COVARIATES, mask_per=mask_per)


def released() -> ReleasedAugmenter:
    torch.manual_seed(0)
    return ReleasedAugmenter(
        DilatedConv(CHANNELS, hidden=8, dim=6, depth=2), CHANNELS, bias=0.05, stretch=0.05, hard=True
    )


def made(view: torch.nn.Module, x: torch.Tensor, key: int = 0) -> Augmented:
    out: Augmented = view(x, generator=torch_generator("view", key))
    return out


@pytest.mark.parametrize(("mask_per", "maps"), [("time", 1), ("time-channel", CHANNELS - COVARIATES)])
def test_the_view_is_gain_times_mask_times_signal_and_covariates_stay(mask_per: str, maps: int) -> None:
    x = example_signal(4, CHANNELS, 37)
    augmented = made(paper(mask_per), x)
    assert augmented.mask.shape == augmented.log_gain.shape == augmented.keep.shape == (4, maps, 37)
    assert torch.equal(augmented.view[:, :COVARIATES], x[:, :COVARIATES])
    values = augmented.gain * augmented.mask * x[:, COVARIATES:]
    torch.testing.assert_close(augmented.view[:, COVARIATES:], values)


def test_the_released_view_changes_every_channel_and_its_gain_only_shrinks() -> None:
    x = example_signal(4, CHANNELS, 37)
    augmented = made(released(), x)
    assert augmented.mask.shape == (4, CHANNELS, 37)
    assert set(augmented.mask.unique().tolist()) == {0, 1}
    assert (augmented.gain < 1).all()
    torch.testing.assert_close(augmented.view, augmented.gain * augmented.mask * x)


def test_the_trunk_sees_covariates() -> None:
    x = example_signal(2, CHANNELS, 20)
    other = x.clone()
    other[:, 0] += 1
    assert not torch.equal(made(paper(), x).keep, made(paper(), other).keep)


@pytest.mark.parametrize("make", [paper, released])
def test_missing_steps_stay_missing_and_break_no_gradient(make) -> None:
    x = example_signal(3, CHANNELS, 30)
    x[0, 3, 4:9] = torch.nan
    x[1] = torch.nan
    view = make()
    augmented = made(view, x)
    assert torch.equal(augmented.view.isnan(), x.isnan())
    torch.autograd.backward(augmented.view.nan_to_num().square().sum())
    assert all(p.grad is not None and p.grad.isfinite().all() for p in view.parameters())


def test_equal_generators_give_equal_views_and_others_do_not() -> None:
    x = example_signal(2, CHANNELS, 30)
    view = paper()
    assert torch.equal(made(view, x).view, made(view, x).view)
    assert not torch.equal(made(view, x).view, made(view, x, 1).view)


@pytest.mark.parametrize("time", [64, 65, 79, 33])
def test_a_strided_trunk_serves_any_length(time: int) -> None:
    trunk = ResNet1d(CHANNELS, width=8, dim=6)
    assert trunk.stride > 1
    augmented = made(PaperAugmenter(trunk, CHANNELS, COVARIATES), example_signal(2, CHANNELS, time))
    assert augmented.view.shape == (2, CHANNELS, time)
    assert augmented.mask.shape == (2, 1, time)


def test_a_signal_shorter_than_the_trunks_stride_is_refused() -> None:
    trunk = ResNet1d(CHANNELS, width=8, dim=6)
    with pytest.raises(ConfigError, match="too short for a trunk of stride"):
        made(PaperAugmenter(trunk, CHANNELS, COVARIATES), example_signal(2, CHANNELS, trunk.stride - 1))


@given(st.integers(1, 9), st.integers(1, 6), st.integers(0, 8))
def test_interpolation_meets_a_line_at_the_middle_of_each_step(stride: int, steps: int, rest: int) -> None:
    time = stride * steps + min(rest, stride - 1)
    line = torch.arange(steps, dtype=torch.float64)[None, None]
    fine = on_grid(line, stride, time)[0, 0]
    assert fine.shape == (time,)
    at = (torch.arange(time, dtype=torch.float64) - (stride - 1) / 2) / stride
    torch.testing.assert_close(fine, at.clamp(0, steps - 1), atol=1e-6, rtol=0)


def test_bounds_hold_and_gradients_never_die() -> None:
    values = torch.tensor([-1e4, -3.0, 0.0, 3.0, 1e4], requires_grad=True)
    bounded = soft_bound(values, 5.0)
    assert (bounded.abs() < 5).all()
    (slope,) = torch.autograd.grad(bounded.sum(), values)
    assert (slope > 0).all()
    assert slope[2] == 1


def test_the_gain_can_be_inverted_whatever_the_head_says() -> None:
    view = paper()
    torch.nn.init.constant_(view.gain_head.bias, -1e6)
    x = example_signal(2, CHANNELS, 30)
    augmented = made(view, x)
    assert augmented.gain.min() > 0.3
    seen = augmented.mask.expand(-1, CHANNELS - COVARIATES, -1) > 0.1
    back = augmented.view[:, COVARIATES:] / augmented.gain / augmented.mask
    torch.testing.assert_close(back[seen], x[:, COVARIATES:][seen])

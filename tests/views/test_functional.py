"""Augmentations: closed forms, and how missing values pass through."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tsrep.rng import torch_generator
from tsrep.views import augmentations, functional


@pytest.fixture(autouse=True)
def _same_weights() -> None:
    torch.manual_seed(0)


@pytest.fixture
def x() -> Tensor:
    return torch.randn(5, 3, 40, generator=torch_generator("signals"))


def test_jitter_has_the_given_spread_and_is_white() -> None:
    noise = functional.jitter(torch.zeros(50, 4, 500), 0.3, generator=torch_generator(1))
    assert noise.std().item() == pytest.approx(0.3, rel=0.01)
    neighbours = (noise[..., 1:] * noise[..., :-1]).mean().item()
    assert abs(neighbours) < 0.3**2 * 0.02


def test_scale_multiplies_whole_channels(x: Tensor) -> None:
    factor = torch.rand(5, 3) + 0.5
    ratio = functional.scale(x, factor) / x
    torch.testing.assert_close(ratio, factor[:, :, None].expand_as(x))


def test_drop_leads_zeroes_even_missing_values(x: Tensor) -> None:
    x[0, 1, 3] = torch.nan
    drop = torch.zeros(5, 3, dtype=torch.bool)
    drop[0, 1] = True
    dropped = functional.drop_leads(x, drop)
    assert not dropped[0, 1].any()
    torch.testing.assert_close(dropped[1:], x[1:])


def test_cut_out_zeroes_exactly_the_stretch() -> None:
    cut = functional.cut_out(torch.ones(2, 3, 10), torch.tensor([2, 7]), torch.tensor([3, 0]))
    assert cut[0, 1].tolist() == [1, 1, 0, 0, 0, 1, 1, 1, 1, 1]
    assert cut[1].all()


def test_shift_moves_and_marks_what_is_unknown() -> None:
    ramp = torch.arange(5.0).expand(2, 1, 5)
    later, earlier = functional.shift(ramp, torch.tensor([2, -1]))[:, 0]
    torch.testing.assert_close(later, torch.tensor([torch.nan, torch.nan, 0, 1, 2]), equal_nan=True)
    torch.testing.assert_close(earlier, torch.tensor([1, 2, 3, 4, torch.nan]), equal_nan=True)


def test_crop_resize_of_everything_is_the_identity(x: Tensor) -> None:
    x[1, 2, 7] = torch.nan
    same = functional.crop_resize(x, torch.zeros(5), torch.full((5,), 40.0))
    torch.testing.assert_close(same, x, equal_nan=True)


@given(start=st.floats(0, 10), width=st.floats(5, 20))
@settings(max_examples=30, deadline=None)
def test_crop_resize_of_a_line_is_a_line(start: float, width: float) -> None:
    line = 3 * torch.arange(30.0).expand(1, 2, 30) - 1
    cropped = functional.crop_resize(line, torch.tensor([start]), torch.tensor([width]))[0, 0]
    expected = 3 * torch.linspace(start, start + width - 1, 30) - 1
    torch.testing.assert_close(cropped, expected, rtol=1e-4, atol=1e-4)


def test_baseline_wander_is_a_sine_of_the_given_cycles() -> None:
    amplitude = torch.tensor([[0.5, -0.2]])
    wander = functional.baseline_wander(
        torch.zeros(1, 2, 100), amplitude, torch.tensor([2.0]), torch.tensor([math.pi / 2])
    )
    spectrum = torch.fft.rfft(wander[0], dim=-1).abs()
    assert spectrum.argmax(-1).tolist() == [2, 2]
    torch.testing.assert_close(wander[0, :, 0], amplitude[0])


def test_dropout_keeps_the_mean_and_the_rate() -> None:
    z = functional.dropout(torch.ones(100, 100, 20), 0.1, generator=torch_generator(2))
    assert (z == 0).float().mean().item() == pytest.approx(0.1, abs=0.005)
    assert z.mean().item() == pytest.approx(1, abs=0.005)


def test_dropout_of_nothing_is_the_identity(x: Tensor) -> None:
    assert functional.dropout(x, 0.0, generator=torch_generator(2)) is x


def test_missing_stays_missing_where_a_view_does_not_overwrite(x: Tensor) -> None:
    x[2, :, 10:15] = torch.nan
    for view in (augmentations.Jitter(), augmentations.Scale(), augmentations.BaselineWander()):
        torch.testing.assert_close(view(x, generator=torch_generator(3)).isnan(), x.isnan())


def test_samples_draw_their_own_parameters(x: Tensor) -> None:
    same = x[:1].expand(5, -1, -1)
    for view in (augmentations.Scale(), augmentations.ResizedCrop(), augmentations.TimeShift()):
        altered = view(same, generator=torch_generator(4)).nan_to_num(9)
        assert all(not torch.equal(altered[0], other) for other in altered[1:])


def test_lead_dropout_always_leaves_a_lead() -> None:
    view = augmentations.LeadDropout(probability=1.0)
    left = view(torch.ones(200, 4, 3), generator=torch_generator(5)).any(-1).sum(1)
    assert (left == 1).all()
    assert augmentations.LeadDropout(1.0)(torch.ones(3, 1, 3), generator=torch_generator(5)).all()


def test_lead_dropout_rate() -> None:
    kept = augmentations.LeadDropout(0.2)(torch.ones(4000, 12, 1), generator=torch_generator(5))
    assert (kept == 0).float().mean().item() == pytest.approx(0.2, abs=0.01)


@given(most=st.floats(0, 1), seed=st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_cut_out_respects_its_limit(most: float, seed: int) -> None:
    cut = augmentations.CutOut(most)(torch.ones(20, 1, 30), generator=torch_generator(seed))
    assert (cut == 0).sum(-1).max() <= most * 30


def test_time_shift_respects_its_limit() -> None:
    shifted = augmentations.TimeShift(0.2)(torch.ones(300, 1, 50), generator=torch_generator(6))
    missing = shifted.isnan().sum(-1)
    assert missing.max() == 10
    assert shifted[..., 0].isnan().any()
    assert shifted[..., -1].isnan().any()


def test_compose_applies_in_order() -> None:
    both = augmentations.Compose((augmentations.CutOut(1.0), augmentations.Jitter(0.1)))
    assert (both(torch.ones(5, 1, 30), generator=torch_generator(7)) != 0).all()

"""Views that take away: how much at most, and what always stays."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tsrep.rng import torch_generator
from tsrep.views.masking import CutOut, FrequencyDropout, LeadDropout


@pytest.fixture
def x() -> Tensor:
    return torch.randn(5, 3, 40, generator=torch_generator("signals"))


def test_lead_dropout_always_leaves_a_lead() -> None:
    view = LeadDropout(probability=1.0)
    left = view(torch.ones(200, 4, 3), generator=torch_generator(5)).any(-1).sum(1)
    assert (left == 1).all()
    assert LeadDropout(1.0)(torch.ones(3, 1, 3), generator=torch_generator(5)).all()


def test_lead_dropout_rate() -> None:
    kept = LeadDropout(0.2)(torch.ones(4000, 12, 1), generator=torch_generator(5))
    assert (kept == 0).float().mean().item() == pytest.approx(0.2, abs=0.01)


@given(most=st.floats(0, 1), seed=st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_cut_out_respects_its_limit(most: float, seed: int) -> None:
    cut = CutOut(most)(torch.ones(20, 1, 30), generator=torch_generator(seed))
    assert (cut == 0).sum(-1).max() <= most * 30


@pytest.mark.parametrize("settings", [{"bands": 0}, {"most": 0.0}])
def test_frequency_dropout_of_nothing_is_the_identity(settings: dict[str, float], x: Tensor) -> None:
    x[0, 1, 4:9] = torch.nan
    same = FrequencyDropout(**settings)(x, generator=torch_generator(0))  # type: ignore[arg-type]  # parametrised
    assert torch.equal(same.nan_to_num(9), x.nan_to_num(9))


def test_frequency_dropout_of_everything_leaves_the_mean(x: Tensor) -> None:
    flat = FrequencyDropout(bands=400, most=1.0)(x, generator=torch_generator(1))
    torch.testing.assert_close(flat, x.mean(2, keepdim=True).expand_as(x), rtol=0, atol=1e-5)


@given(bands=st.integers(0, 4), most=st.floats(0, 1), time=st.integers(1, 41), seed=st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_frequency_dropout_keeps_the_mean_and_never_raises_energy(
    bands: int, most: float, time: int, seed: int
) -> None:
    x = 3 + torch.randn(6, 2, time, generator=torch_generator(seed))
    view = FrequencyDropout(bands, most)(x, generator=torch_generator(seed))
    torch.testing.assert_close(view.mean(2), x.mean(2))
    assert (view.square().sum(2) <= x.square().sum(2) * (1 + 1e-5)).all()


def test_frequency_dropout_removes_at_most_what_it_may() -> None:
    impulse = torch.zeros(300, 1, 200)
    impulse[..., 7] = 1
    kept = torch.fft.rfft(FrequencyDropout(1, 0.3)(impulse, generator=torch_generator(2))).abs()
    lost = (kept < 1e-4).sum(-1)
    assert lost.max() in (28, 29)
    assert lost.min() == 0
    assert (kept[:, 0, 0] > 0.99).all()
    torch.testing.assert_close(kept[kept > 0.5], torch.ones_like(kept[kept > 0.5]))

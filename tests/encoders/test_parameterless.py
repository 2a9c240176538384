"""Encoders without parameters: the signal itself, and the signal taken apart."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch.nn import functional as F

from tsrep.encoders.parameterless import Identity, TrendSeasonal
from tsrep.registry import ENCODERS
from tsrep.testing import check_encoder


def signals(batch=2, time=60, key=0):
    return torch.randn(batch, 3, time, generator=torch.Generator().manual_seed(key))


@pytest.mark.parametrize("name", ["identity", "trend-seasonal"])
@pytest.mark.parametrize("channels", [1, 5])
def test_conforms_without_parameters(name, channels):
    encoder = ENCODERS.build({"name": name}, channels=channels)

    assert not encoder.state_dict()
    check_encoder(lambda channels: ENCODERS.build({"name": name}, channels=channels), channels=channels)


def test_identity_gives_the_signal_and_its_gradient_back():
    encoder, x = Identity(3), signals().requires_grad_()
    z = encoder(x)
    z.square().sum().backward()

    assert torch.equal(z, x)
    assert torch.equal(x.grad, 2 * x)
    assert (encoder.dim, encoder.stride, encoder.receptive_field, encoder.causal) == (3, 1, 1, True)


def test_steps_that_are_not_kept_are_zero():
    x, keep = signals(), torch.rand(2, 60, generator=torch.Generator().manual_seed(1)) < 0.6
    x[0, 1, 7] = torch.nan
    gone = ~keep
    gone[0, 7] = True

    z = Identity(3)(x, keep)
    remainder = TrendSeasonal(3)(x, keep)[:, 3:]

    assert torch.equal(z, torch.where(gone[:, None], 0, x))
    assert (remainder.mT[gone] == 0).all()
    assert (remainder.mT[~gone] != 0).all()


def literal(x, keep, kernel):
    """Moving average of one channel by a loop, over the steps that are there."""
    reach, time = kernel // 2, len(x)
    trend = torch.zeros(time)
    for t in range(time):
        around = [min(max(s, 0), time - 1) for s in range(t - reach, t + reach + 1)]
        there = [x[s] for s in around if keep[s]]
        if there:
            trend[t] = torch.stack(there).mean()
    return trend


@settings(deadline=None, max_examples=40)
@given(
    time=st.integers(1, 40),
    kernel=st.sampled_from([1, 3, 7, 25]),
    kept=st.floats(0, 1),
    key=st.integers(0, 99),
)
def test_the_average_runs_over_the_steps_that_are_there(time, kernel, kept, key):
    x = signals(1, time, key)
    keep = torch.rand(1, time, generator=torch.Generator().manual_seed(key)) < kept

    z = TrendSeasonal(3, kernel)(x, keep)[0]

    trend = torch.stack([literal(channel, keep[0], kernel) for channel in x[0]])
    torch.testing.assert_close(z[:3], trend, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(z[3:], (x[0] - trend) * keep[0], rtol=1e-5, atol=1e-5)


def test_parts_sum_to_the_signal_and_a_line_is_all_trend():
    encoder, x = TrendSeasonal(3), signals()
    line = torch.arange(60.0).expand(1, 3, 60)

    trend, remainder = encoder(x).chunk(2, dim=1)

    torch.testing.assert_close(trend + remainder, x)
    torch.testing.assert_close(encoder(line)[0, :3, 12:-12], line[0, :, 12:-12])
    assert (encoder.dim, encoder.receptive_field, encoder.causal) == (6, 25, False)


def test_one_linear_map_over_each_part_is_dlinear():
    """The two maps of DLinear beside one flat map of both parts of a channel."""
    x, encoder = signals(4, 48)[:, :1], TrendSeasonal(1)
    seasonal, trend = torch.nn.Linear(48, 12), torch.nn.Linear(48, 12)
    repeated = torch.cat([x[..., :1].repeat(1, 1, 12), x, x[..., -1:].repeat(1, 1, 12)], dim=-1)
    average = F.avg_pool1d(repeated, 25, stride=1)

    flat = torch.cat([trend.weight, seasonal.weight], dim=1)
    got = encoder(x).flatten(1) @ flat.T + trend.bias + seasonal.bias

    torch.testing.assert_close(got, (seasonal(x - average) + trend(average))[:, 0], rtol=1e-5, atol=1e-5)


def test_the_average_is_exact_to_its_reach():
    x = signals(1).requires_grad_()
    TrendSeasonal(3, 7)(x)[:, :3, 30].sum().backward()

    reached = x.grad.abs().sum((0, 1)).nonzero()[:, 0]
    assert (int(reached.min()), int(reached.max())) == (27, 33)


@pytest.mark.parametrize("kernel", [0, 4, -3])
def test_impossible_kernels_are_refused(kernel):
    with pytest.raises(ValidationError):
        ENCODERS.entry("trend-seasonal").settings(kernel=kernel)

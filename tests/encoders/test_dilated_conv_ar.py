"""The encoder with autoregressive experts against its literal form."""

import pytest
import torch
from pydantic import ValidationError
from torch import nn
from torch.nn import functional as F

from tsrep.encoders.dilated_conv_ar import CausalExperts, DilatedConvAR
from tsrep.registry import ENCODERS


def small(**changes):
    torch.manual_seed(0)
    return DilatedConvAR(**{"channels": 3, "hidden": 6, "dim": 10, "depth": 4, "experts": 4} | changes)


def signals(batch=2, channels=3, time=40, dtype=torch.float32):
    return torch.randn(batch, channels, time, generator=torch.Generator().manual_seed(1), dtype=dtype)


def literal_experts(experts, features):
    return torch.stack(
        [F.conv1d(F.pad(features, (e.weight.shape[-1] - 1, 0)), e.weight, e.bias) for e in experts]
    ).mean(0)


def literal(encoder, x):
    """Every tap of every convolution at every step."""
    z = F.linear(x.mT, encoder.input.weight, encoder.input.bias).mT
    for i, block in enumerate(encoder.blocks):

        def conv(layer, maps, d=2**i):
            return F.conv1d(
                maps, layer.weight, layer.bias, padding=d * (layer.weight.shape[-1] // 2), dilation=d
            )

        skip = z if block.skip is None else conv(block.skip, z)
        z = conv(block.conv2, F.gelu(conv(block.conv1, F.gelu(z)))) + skip
    return literal_experts(encoder.experts, z)


@pytest.mark.parametrize("experts", [1, 2, 5])
@pytest.mark.parametrize(("batch", "time"), [(1, 3), (1, 20), (8, 64)])
def test_merged_experts_are_their_mean(experts, batch, time):
    torch.manual_seed(0)
    module, x = CausalExperts(10, experts), signals(batch, 10, time)

    torch.testing.assert_close(module(x), literal_experts(module, x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("time", [1, 5, 16, 33, 64])
def test_values_and_gradients_are_those_of_the_literal_form(time):
    encoder, x = small().double(), signals(time=time, dtype=torch.float64)
    target = torch.randn(2, 10, time, generator=torch.Generator().manual_seed(3), dtype=torch.float64)

    ours, theirs = encoder(x), literal(encoder, x)

    torch.testing.assert_close(ours, theirs)
    parameters = list(encoder.parameters())
    for a, b in zip(
        torch.autograd.grad((ours * target).sum(), parameters),
        torch.autograd.grad((theirs * target).sum(), parameters),
        strict=True,
    ):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("kernel", [1, 3, 5])
@pytest.mark.parametrize("depth", [2, 3, 6])
@pytest.mark.parametrize("time", [1, 3, 8, 9, 31, 32, 33, 70])
def test_last_step_is_that_of_the_whole_pass(kernel, depth, time):
    encoder, x = small(kernel=kernel, depth=depth), signals(time=time)
    x[0, 1, 0] = torch.nan
    whole = encoder(x)[..., -1]

    torch.testing.assert_close(encoder.last_step(x), whole, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(encoder.last_step_reader()(x), whole, rtol=1e-5, atol=1e-5)


def test_last_step_has_the_gradients_of_the_whole_pass():
    encoder, x = small().double(), signals(time=20, dtype=torch.float64)
    parameters = list(encoder.parameters())

    ours = torch.autograd.grad(encoder.last_step(x).square().sum(), parameters)
    whole = torch.autograd.grad(encoder(x)[..., -1].square().sum(), parameters)

    for a, b in zip(ours, whole, strict=True):
        torch.testing.assert_close(a, b)


def test_published_width_agrees_with_the_literal_form():
    encoder = small(channels=8, hidden=64, dim=320, depth=10, experts=8)
    x = signals(2, 8, 201)
    with torch.no_grad():
        slow = literal(encoder, x)

        assert (encoder(x) - slow).abs().max() < 1e-5
        assert (encoder.last_step(x) - slow[..., -1]).abs().max() < 1e-5
        assert (encoder.last_step_reader()(x) - slow[..., -1]).abs().max() < 1e-5


def test_convolved_are_the_features_below_the_experts():
    encoder, x = small(), signals()
    keep = torch.rand(2, 40, generator=torch.Generator().manual_seed(2)) < 0.5

    assert torch.equal(encoder(x, keep), encoder.experts(encoder.convolved(x, keep)))


def test_receptive_field_is_what_gradients_reach():
    encoder, x = small(depth=2), signals(1, time=90).requires_grad_()

    encoder(x)[0, :, 50].sum().backward()

    reached = x.grad.abs().sum((0, 1)).nonzero()
    assert encoder.receptive_field == reached.max() - reached.min() + 1 == 29 + 7
    assert not encoder.causal


def test_weights_are_created_in_the_published_order():
    torch.manual_seed(44)
    encoder = DilatedConvAR(3, hidden=6, dim=10, depth=4, experts=4)
    torch.manual_seed(44)
    layers = [nn.Linear(3, 6)]
    for out in (6, 6, 6, 6, 10):
        layers += [nn.Conv1d(6, out, 3), nn.Conv1d(out, out, 3)]
    layers += [nn.Conv1d(6, 10, 1)]
    layers += [nn.Conv1d(10, 10, taps) for taps in (1, 2, 4, 8)]

    published = [parameter for layer in layers for parameter in layer.parameters()]

    for ours, theirs in zip(encoder.parameters(), published, strict=True):
        assert torch.equal(ours, theirs)


def test_last_block_projects_though_the_widths_agree():
    encoder = small(hidden=8, dim=8)

    assert [block.skip is not None for block in encoder.blocks] == [False] * 4 + [True]


def test_exports_with_any_batch_and_length():
    encoder, x = small().eval(), signals(time=24)
    batch, time = torch.export.Dim("batch", min=1), torch.export.Dim("time", min=2)

    exported = torch.export.export(encoder, (x,), dynamic_shapes={"x": {0: batch, 2: time}}).module()

    for size, steps in [(2, 24), (5, 9), (3, 50)]:
        x = signals(size, time=steps)
        torch.testing.assert_close(exported(x), encoder(x), rtol=1e-5, atol=1e-6)


def test_bfloat16_autocast_stays_close():
    encoder, x = small(hidden=32, dim=64, experts=8), signals(4, time=100)
    with torch.autocast("cpu", torch.bfloat16):
        z = encoder(x)
    z.float().square().mean().backward()

    exact = encoder(x)
    assert (z - exact).norm() < 0.02 * exact.norm()
    assert all(p.grad.dtype == torch.float32 and p.grad.isfinite().all() for p in encoder.parameters())


def test_weights_survive():
    encoder, other = small(), DilatedConvAR(3, hidden=6, dim=10, depth=4, experts=4)
    other.load_state_dict(encoder.state_dict())

    assert torch.equal(encoder(signals()), other(signals()))
    assert {"input.weight", "blocks.4.skip.bias", "experts.3.weight"} <= set(encoder.state_dict())


def test_is_registered_with_the_published_size():
    encoder = ENCODERS.build({"name": "dilated-conv-ar"}, channels=8)

    assert sum(p.numel() for p in encoder.parameters()) == 26_752_256
    assert (encoder.dim, encoder.stride, encoder.receptive_field) == (320, 1, 8189 + 127)


@pytest.mark.parametrize("settings", [{"experts": 0}, {"kernel": 2}, {"depth": 0}])
def test_impossible_settings_are_refused(settings):
    with pytest.raises(ValidationError):
        ENCODERS.entry("dilated-conv-ar").settings(**settings)

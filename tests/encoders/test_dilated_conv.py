import copy

import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load, save
from torch import nn
from torch.nn import functional as F

from tsrep.encoders.dilated_conv import DilatedConv
from tsrep.encoders.residual_block import ResidualBlock
from tsrep.registry import ENCODERS


def small(**changes):
    torch.manual_seed(0)
    return DilatedConv(**{"channels": 3, "hidden": 6, "dim": 10, "depth": 4} | changes)


def signals(batch=2, channels=3, time=20, dtype=torch.float32):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(batch, channels, time, generator=generator, dtype=dtype)


def literal(encoder, x, keep=None):
    """Every tap of every convolution, in torch's own layers."""
    z = F.linear(x.mT, encoder.input.weight, encoder.input.bias)
    z = (z if keep is None else z * keep[..., None]).mT
    for i, block in enumerate(encoder.blocks):

        def conv(layer, maps, dilation=2**i):
            padding = dilation * (layer.weight.shape[-1] // 2)
            return F.conv1d(maps, layer.weight, layer.bias, padding=padding, dilation=dilation)

        skip = z if block.skip is None else conv(block.skip, z)
        z = conv(block.conv2, F.gelu(conv(block.conv1, F.gelu(z)))) + skip
    return z


@pytest.mark.parametrize("time", [1, 2, 5, 16, 17, 40])
@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_values_and_gradients_are_those_of_all_taps(time, kernel):
    encoder, x = small(kernel=kernel).double(), signals(time=time, dtype=torch.float64)
    keep = torch.rand(2, time, generator=torch.Generator().manual_seed(2)) < 0.6
    target = torch.randn(2, 10, time, generator=torch.Generator().manual_seed(3), dtype=torch.float64)

    ours, theirs = encoder(x, keep), literal(encoder, x, keep)

    torch.testing.assert_close(ours, theirs)
    parameters = list(encoder.parameters())
    for a, b in zip(
        torch.autograd.grad((ours * target).sum(), parameters),
        torch.autograd.grad((theirs * target).sum(), parameters),
        strict=True,
    ):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize(("inputs", "dilation"), [(4, 1), (4, 2), (4, 8), (3, 2)])
def test_gradcheck_of_a_block(inputs, dilation):
    torch.manual_seed(0)
    block = ResidualBlock(inputs, 4, 3, dilation).double()
    x = torch.randn(2, inputs, 1, 6, dtype=torch.float64, requires_grad=True)
    names = [name for name, _ in block.named_parameters()]

    def run(x, *parameters):
        return torch.func.functional_call(block, dict(zip(names, parameters, strict=True)), x)

    assert torch.autograd.gradcheck(run, (x, *block.parameters()))


def test_saves_two_maps_per_block():
    encoder, x = small(hidden=16, dim=16, depth=6), signals(batch=4, time=64)
    saved = {}

    def pack(tensor):
        if tensor.numel() >= 4 * 16 * 64:
            saved[tensor.data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        z = encoder(x)

    assert z.requires_grad
    assert len(saved) == 2 * 7


def test_receptive_field_is_what_gradients_reach():
    encoder = small(depth=2)
    x = signals(batch=1, time=64).requires_grad_()

    encoder(x)[0, :, 32].sum().backward()

    reached = x.grad.abs().sum((0, 1)).nonzero()
    assert encoder.receptive_field == reached.max() - reached.min() + 1 == 29
    assert not encoder.causal


@pytest.mark.parametrize("time", [1, 7, 33])
def test_any_length(time):
    assert small()(signals(time=time)).shape == (2, 10, time)


def test_batch_mates_are_independent():
    encoder, x = small().eval(), signals(batch=5)

    torch.testing.assert_close(encoder(x)[3:4], encoder(x[3:4]))


def test_missing_steps_equal_masked_steps():
    encoder, x = small(), signals()
    keep = torch.ones(2, 20, dtype=torch.bool)
    keep[0, 4], keep[1, 19] = False, False
    broken = x.clone()
    broken[0, 1, 4], broken[1, :, 19] = torch.nan, torch.nan

    z = encoder(broken)

    torch.testing.assert_close(z, encoder(x, keep))
    gradients = torch.autograd.grad(z.square().sum(), encoder.parameters())
    assert all(gradient.isfinite().all() for gradient in gradients)


def test_all_steps_missing_is_finite():
    assert small()(torch.full((1, 3, 20), torch.nan)).isfinite().all()


def test_masked_steps_do_not_matter():
    encoder, x = small(), signals()
    keep = torch.ones(2, 20, dtype=torch.bool)
    keep[:, 5:9] = False
    other = x.clone()
    other[..., 5:9] += 100

    torch.testing.assert_close(encoder(x, keep), encoder(other, keep))


def test_time_reversal_reverses_where_taps_are_mirrored():
    encoder, x = small(), signals()
    mirrored = copy.deepcopy(encoder)
    for layer in mirrored.modules():
        if isinstance(layer, nn.Conv1d):
            layer.weight.data = layer.weight.data.flip(-1)

    torch.testing.assert_close(mirrored(x.flip(-1)), encoder(x).flip(-1))


@pytest.mark.parametrize("time", [1, 2, 7, 20, 33, 40])
def test_last_step_on_the_decimated_grid_is_that_of_the_whole_pass(time):
    encoder, x = small(), signals(time=time)
    x[0, 0, 0] = torch.nan

    torch.testing.assert_close(encoder.last_step(x), encoder(x)[..., -1])


def test_bfloat16_autocast_stays_close():
    encoder, x = small(hidden=32, dim=64), signals(time=100)
    with torch.autocast("cpu", torch.bfloat16):
        z = encoder(x)
    z.float().square().mean().backward()

    assert z.dtype == torch.bfloat16
    exact = encoder(x)
    assert (z - exact).norm() < 0.02 * exact.norm()
    assert all(p.grad.dtype == torch.float32 and p.grad.isfinite().all() for p in encoder.parameters())


def test_exports_with_any_batch_and_length():
    encoder, x = small().eval(), signals(time=24)
    keep = torch.rand(2, 24) < 0.5
    batch, time = torch.export.Dim("batch", min=1), torch.export.Dim("time", min=2)
    shapes = {"x": {0: batch, 2: time}, "keep": {0: batch, 1: time}}

    exported = torch.export.export(encoder, (x, keep), dynamic_shapes=shapes).module()

    for size, steps in [(2, 24), (5, 9), (3, 50)]:
        x, keep = signals(size, time=steps), torch.rand(size, steps) < 0.5
        torch.testing.assert_close(exported(x, keep), encoder(x, keep))


def test_weights_survive_safetensors():
    encoder, other = small(), DilatedConv(channels=3, hidden=6, dim=10, depth=4)

    other.load_state_dict(load(save(encoder.state_dict())))

    assert torch.equal(encoder(signals()), other(signals()))
    assert {"input.weight", "blocks.0.conv1.weight", "blocks.4.skip.bias"} <= set(encoder.state_dict())


def test_is_registered_with_the_published_size():
    encoder = ENCODERS.build({"name": "dilated-conv"}, channels=15)

    assert sum(p.numel() for p in encoder.parameters()) == 638_144
    assert (encoder.dim, encoder.stride, encoder.receptive_field) == (320, 1, 8189)


@pytest.mark.parametrize("settings", [{"hidden": 0}, {"kernel": 2}, {"depth": 0}])
def test_impossible_settings_are_refused(settings):
    with pytest.raises(ValidationError):
        ENCODERS.entry("dilated-conv").settings(**settings)


@pytest.mark.parametrize(("inputs", "outputs"), [(4, 4), (4, 6)])
def test_frozen_layers_change_no_other_gradient(inputs: int, outputs: int) -> None:
    block = ResidualBlock(inputs, outputs, 3, 2)
    x = torch.randn(2, inputs, 1, 30, requires_grad=True)
    names = dict(block.named_parameters())
    whole = dict(
        zip(["x", *names], torch.autograd.grad(block(x).square().sum(), [x, *names.values()]), strict=True)
    )
    block.requires_grad_(False)
    assert torch.equal(torch.autograd.grad(block(x).square().sum(), [x])[0], whole["x"])
    for name in ("conv1.bias", "conv2.weight"):
        names[name].requires_grad_(True)
    some = torch.autograd.grad(block(x).square().sum(), [x, names["conv1.bias"], names["conv2.weight"]])
    for name, gradient in zip(("x", "conv1.bias", "conv2.weight"), some, strict=True):
        assert torch.equal(gradient, whole[name])

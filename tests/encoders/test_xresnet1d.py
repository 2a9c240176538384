"""What the deep residual encoder promises beyond the conformance checks."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tsrep.encoders.xresnet1d import XResNet1d
from tsrep.rng import torch_generator


@pytest.fixture(autouse=True)
def _same_weights() -> None:
    torch.manual_seed(0)


def signals(time: int) -> torch.Tensor:
    return torch.randn(1, 2, time, generator=torch_generator("signals"))


@pytest.mark.parametrize(("layers", "kernel", "dim"), [(18, 3, 4), (50, 3, 16), (50, 5, 16)])
def test_receptive_field_is_what_can_be_reached(layers: Any, kernel: int, dim: int) -> None:
    encoder = XResNet1d(2, layers=layers, width=4, kernel=kernel).double()
    # the part of the network that is linear reaches as far, and no ReLU or maximum hides it
    for module in encoder.modules():
        if isinstance(module, torch.nn.Conv1d):
            module.weight.data.abs_()
    steps = 2 * encoder.receptive_field // 32 * 32
    x = (10 + signals(steps).abs()).double().requires_grad_()
    z = encoder(x)
    (grad,) = torch.autograd.grad(z[0, :, z.shape[2] // 2].sum(), x)
    reached = grad[0].abs().sum(0).nonzero()[:, 0]
    extent = int(reached.max() - reached.min()) + 1
    assert encoder.dim == z.shape[1] == dim
    assert 0.9 * encoder.receptive_field < extent <= encoder.receptive_field


def test_as_many_layers_as_it_says() -> None:
    for layers in (18, 34, 50, 101):
        convolutions = [
            m for m in XResNet1d(2, layers=layers, width=4).modules() if isinstance(m, torch.nn.Conv1d)
        ]
        skips = [
            m for m in XResNet1d(2, layers=layers, width=4).blocks if isinstance(m.skip, torch.nn.Conv1d)
        ]
        # three of the stem stand for one, and the classifier is not here
        assert len(convolutions) - len(skips) - 3 + 2 == layers


def test_shifting_by_the_stride_shifts_the_representation() -> None:
    encoder, x = XResNet1d(2, layers=18, width=8, kernel=3), signals(32 * 40)
    margin = encoder.receptive_field // 64 + 2
    z, shifted = encoder(x[..., :-32]), encoder(x[..., 32:])
    inner = slice(margin, 39 - margin - 1)
    torch.testing.assert_close(z[..., 1:][..., inner], shifted[..., :-1][..., inner], rtol=1e-4, atol=1e-5)


def test_voltage_reaches_the_representation() -> None:
    encoder, x = XResNet1d(2, layers=18, width=16), signals(320)
    assert encoder(10 * x).std() > 3 * encoder(x).std()

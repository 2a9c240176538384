"""What the residual encoder promises beyond the conformance checks."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError

from tsrep.encoders.resnet1d import ResNet1d
from tsrep.registry import ENCODERS
from tsrep.rng import torch_generator


@pytest.fixture(autouse=True)
def _same_weights() -> None:
    torch.manual_seed(0)


@pytest.fixture
def x() -> torch.Tensor:
    return torch.randn(3, 2, 240, generator=torch_generator("signals"))


@pytest.mark.parametrize(("blocks", "kernel", "field"), [(1, 5, 37), (2, 5, 79), (1, 7, 45)])
def test_receptive_field_is_exact(x: torch.Tensor, blocks: int, kernel: int, field: int) -> None:
    encoder = ResNet1d(2, width=8, dim=8, blocks=blocks, kernel=kernel)
    x = x[:1].requires_grad_()
    (grad,) = torch.autograd.grad(encoder(x)[0, :, 30].sum(), x)
    reached = grad[0].abs().sum(0).nonzero()[:, 0]
    assert encoder.receptive_field == field == int(reached.max() - reached.min()) + 1


def test_shifting_by_the_stride_shifts_the_representation(x: torch.Tensor) -> None:
    encoder = ResNet1d(2, width=8, dim=8)
    z, shifted = encoder(x[..., :-4]), encoder(x[..., 4:])
    torch.testing.assert_close(z[..., 13:-12], shifted[..., 12:-13], rtol=1e-4, atol=1e-5)


def test_training_and_evaluation_agree(x: torch.Tensor) -> None:
    encoder = ResNet1d(2, width=8, dim=8)
    torch.testing.assert_close(encoder.train()(x), encoder.eval()(x), rtol=0, atol=0)


def test_a_masked_stretch_leaves_distant_steps_alone(x: torch.Tensor) -> None:
    encoder = ResNet1d(2, width=8, dim=8)
    keep = torch.ones(3, 240, dtype=torch.bool)
    keep[:, 100:110] = False
    change = (encoder(x, keep) - encoder(x)).abs().amax((0, 1)).nonzero()[:, 0]
    assert 4 * int(change.min()) >= 100 - encoder.receptive_field
    assert 4 * int(change.max()) <= 110 + encoder.receptive_field


def test_voltage_reaches_the_representation(x: torch.Tensor) -> None:
    # Normalisation over a whole sample would make these nearly equal.
    encoder = ResNet1d(2, width=16, dim=16)
    assert encoder(10 * x).std() > 3 * encoder(x).std()


def test_even_kernels_are_refused() -> None:
    with pytest.raises(ValidationError, match="odd number of taps"):
        ENCODERS.entry("resnet1d").settings(kernel=4)

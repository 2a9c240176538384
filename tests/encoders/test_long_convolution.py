"""Convolution by blocks against convolution tap by tap."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tsrep.encoders.long_convolution import by_blocks, causal_convolution, cheapest_blocks, directly


def example(batch, inputs, outputs, time, taps, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(batch, inputs, time, generator=generator, dtype=dtype)
    return x, torch.randn(outputs, inputs, taps, generator=generator, dtype=dtype)


def literal(x, weight):
    y = x.new_zeros(len(x), len(weight), x.shape[-1])
    for j in range(min(weight.shape[-1], x.shape[-1])):
        y[..., j:] += torch.einsum("oi,bit->bot", weight[..., -1 - j], x[..., : x.shape[-1] - j])
    return y


size = st.integers(1, 3)


@settings(max_examples=40, deadline=None)
@given(size, size, size, st.integers(1, 23), st.integers(1, 9), st.integers(1, 6))
def test_blocks_and_taps_are_the_sum_they_stand_for(batch, inputs, outputs, time, taps, blocks):
    x, weight = example(batch, inputs, outputs, time, taps)

    torch.testing.assert_close(by_blocks(x, weight, blocks), literal(x, weight))
    torch.testing.assert_close(directly(x, weight), literal(x, weight))
    torch.testing.assert_close(causal_convolution(x, weight), literal(x, weight))


@pytest.mark.parametrize("blocks", [1, 2, 3])
def test_gradients_by_blocks(blocks):
    x, weight = (tensor.requires_grad_() for tensor in example(2, 2, 3, 7, 4))

    assert torch.autograd.gradcheck(lambda *both: by_blocks(*both, blocks), (x, weight))


def test_gradients_by_blocks_are_those_tap_by_tap_in_float32():
    x, weight = (tensor.requires_grad_() for tensor in example(3, 16, 16, 90, 64, torch.float32))
    target = torch.randn(3, 16, 90, generator=torch.Generator().manual_seed(1))

    fast = torch.autograd.grad((by_blocks(x, weight, 2) * target).sum(), (x, weight))
    slow = torch.autograd.grad((directly(x, weight) * target).sum(), (x, weight))

    for a, b in zip(fast, slow, strict=True):
        assert (a - b).norm() < 1e-5 * b.norm()


def test_chooses_blocks_for_long_kernels_on_batches_and_taps_for_short_input():
    kernel = torch.Size((320, 320, 128))

    assert cheapest_blocks(torch.Size((64, 320, 257)), kernel) > 0
    assert cheapest_blocks(torch.Size((64, 320, 4000)), kernel) > 4
    assert cheapest_blocks(torch.Size((1, 320, 16)), torch.Size((320, 320, 16))) == 0
    assert cheapest_blocks(torch.Size((64, 320, 257)), torch.Size((320, 320, 2))) == 0


def test_float32_under_autocast():
    x, weight = example(4, 8, 8, 64, 32, torch.float32)
    half = x.bfloat16()

    with torch.autocast("cpu", torch.bfloat16):
        y = by_blocks(half, weight, 2)

    assert y.dtype == torch.bfloat16
    assert torch.equal(y, by_blocks(half.float(), weight, 2).bfloat16())

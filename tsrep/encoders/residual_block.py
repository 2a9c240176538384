"""A residual block of dilated convolutions that keeps two maps for its backward pass instead of four.

Maps are ``(batch, width, 1, time)`` in channels-last memory, that is ``(batch, time, width)`` rows, the
layout in which convolutions of these widths run without reordering on CPUs and on tensor cores.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

aten = torch.ops.aten


class ResidualBlock(nn.Module):
    """``conv2(gelu(conv1(gelu(x)))) + skip(x)`` with "same" zero padding and the exact GELU.

    Parameters
    ----------
    inputs, outputs : int
        Widths; where they differ the skip is a 1x1 convolution, else the identity.
    kernel : int
        Odd number of taps.
    dilation : int
        Distance of neighbouring taps, in steps.
    last : bool
        The published networks give their last block a 1x1 convolution whatever the widths.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, dilation: int, *, last: bool = False) -> None:
        super().__init__()
        self.dilation = dilation
        self.conv1 = nn.Conv1d(inputs, outputs, kernel)
        self.conv2 = nn.Conv1d(outputs, outputs, kernel)
        self.skip = nn.Conv1d(inputs, outputs, 1) if last or inputs != outputs else None

    def forward(self, x: Tensor, dilation: int | None = None) -> Tensor:
        """Map ``(batch, inputs, 1, time)`` to ``(batch, outputs, 1, time)``.

        Parameters
        ----------
        dilation : int, optional
            Replaces the block's own, for input on a decimated grid.
        """
        dilation = self.dilation if dilation is None else dilation
        layers = [self.conv1, self.conv2] + ([] if self.skip is None else [self.skip])
        tensors = [_tensors(layer, x, dilation) for layer in layers]
        flat = [tensor for pair in tensors for tensor in pair]
        if torch.compiler.is_compiling() or not torch.is_grad_enabled():
            return _block(x, dilation, *flat)[0]
        out: Tensor = _Block.apply(x, dilation, *flat)  # type: ignore[no-untyped-call]  # torch leaves it untyped
        return out

    def on_single_steps(self) -> list[tuple[Tensor, Tensor]]:
        """Weight ``(outputs, inputs)`` and bias of ``conv1``, ``conv2`` and the skip, if there is one.

        These are all that acts on signals no longer than the dilation.
        """
        layers = [self.conv1, self.conv2] + ([] if self.skip is None else [self.skip])
        pairs = [_tensors(layer, layer.weight[..., :1], 1) for layer in layers]
        return [(weight[:, :, 0, 0], bias) for weight, bias in pairs]


def _tensors(layer: nn.Conv1d, x: Tensor, dilation: int) -> tuple[Tensor, Tensor]:
    """Weight as a 2-d kernel without the taps that would meet padding only, and bias, as ``x`` is typed."""
    assert layer.bias is not None
    weight, bias = layer.weight, layer.bias
    middle = weight.shape[-1] // 2
    reach = middle if torch.compiler.is_exporting() else min(middle, (x.shape[-1] - 1) // dilation)
    taps = weight[:, :, None, middle - reach : middle + reach + 1]
    return taps.to(x.dtype, memory_format=torch.channels_last), bias.to(x.dtype)


def _conv(x: Tensor, weight: Tensor, bias: Tensor, dilation: int) -> Tensor:
    padding = dilation * (weight.shape[-1] // 2)
    return F.conv2d(x, weight, bias, padding=(0, padding), dilation=(1, dilation))


def _conv_backward(
    grad: Tensor, x: Tensor, weight: Tensor, dilation: int, trained: bool
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Gradients of input and, of a layer that is trained, of weight and bias."""
    padding = dilation * (weight.shape[-1] // 2)
    wanted = [True, trained, False]
    gx, gw, _ = aten.convolution_backward(
        grad, x, weight, None, [1, 1], [0, padding], [1, dilation], False, [0, 0], 1, wanted
    )
    # the library's own bias gradient takes several times as long
    return gx, gw, grad.sum((0, 2, 3)) if trained else None


def _block(x: Tensor, dilation: int, *tensors: Tensor) -> tuple[Tensor, Tensor]:
    """Output and the hidden map before its GELU; weights and biases of conv1, conv2 and the skip, if any."""
    hidden = _conv(F.gelu(x), tensors[0], tensors[1], dilation)
    out = _conv(F.gelu(hidden), tensors[2], tensors[3], dilation)
    shortcut = x if len(tensors) == 4 else _conv(x, tensors[4], tensors[5], 1)
    return out.add_(shortcut), hidden


class _Block(torch.autograd.Function):
    """Saves the input and the hidden map and computes both GELUs again in the backward pass."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, dilation: int, *tensors: Tensor) -> Tensor:
        out, hidden = _block(x, dilation, *tensors)
        ctx.save_for_backward(x, hidden, *tensors[::2])
        ctx.dilation = dilation
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, hidden, w1, w2, *skip = ctx.saved_tensors
        asked = ctx.needs_input_grad[2:]
        trained = [weight or bias for weight, bias in zip(asked[::2], asked[1::2], strict=True)]
        grad = grad.contiguous(memory_format=torch.channels_last)
        g, gw2, gb2 = _conv_backward(grad, F.gelu(hidden), w2, ctx.dilation, trained[1])
        g = aten.gelu_backward(g, hidden)
        g, gw1, gb1 = _conv_backward(g, F.gelu(x), w1, ctx.dilation, trained[0])
        g = aten.gelu_backward(g, x)
        if not skip:
            return g.add_(grad), None, gw1, gb1, gw2, gb2
        gx, gws, gbs = _conv_backward(grad, x, skip[0], 1, trained[2])
        return g.add_(gx), None, gw1, gb1, gw2, gb2, gws, gbs

"""Convolution of each channel with a kernel as long as the signal, by the discrete Fourier transform."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F


def depthwise_convolution(x: Tensor, kernel: Tensor, backward: Tensor | None = None) -> Tensor:
    """``y[t] = sum over s <= t of kernel[t - s] x[s]``, and later steps where there is a backward kernel.

    Parameters
    ----------
    x : Tensor, shape (batch, channel, time)
    kernel : Tensor, shape (channel, time)
    backward : Tensor, shape (channel, time), optional
        Adds the sum over ``s > t`` of ``backward[s - t - 1] x[s]``: it begins with the next step.

    Returns
    -------
    Tensor, shape (batch, channel, time)
        As ``x`` is typed; computed in the type of the kernel, in float32 at least, also under autocast.

    Notes
    -----
    Time and memory grow as ``time * log(time)``. A program that is exported multiplies by matrices of
    cosines and sines instead, as file formats know no complex numbers; it needs ``time ** 2`` of both.
    """
    time, dtype = x.shape[-1], torch.promote_types(kernel.dtype, torch.float32)
    exporting = torch.compiler.is_exporting()
    span = 2 * time + 1 if exporting else _fast_length(2 * time)
    taps = _circular(kernel.to(dtype), backward, span)
    if exporting:
        return _by_matrices(x.to(dtype), taps)
    y: Tensor = _OnCircle.apply(x.to(dtype), taps)  # type: ignore[no-untyped-call]  # torch leaves it untyped
    return y.to(x.dtype)


class _OnCircle(torch.autograd.Function):
    """The product of spectra; its gradients need real transforms only, where those of torch are complex."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, taps: Tensor) -> Tensor:
        span = taps.shape[-1]
        signal, response = torch.fft.rfft(x, n=span), torch.fft.rfft(taps)
        ctx.save_for_backward(signal, response)
        ctx.time, ctx.span = x.shape[-1], span
        y: Tensor = torch.fft.irfft(signal * response, n=span)[..., : x.shape[-1]]
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None]:
        signal, response = ctx.saved_tensors
        wanted = torch.fft.rfft(grad, n=ctx.span)
        of_x = of_taps = None
        if ctx.needs_input_grad[0]:
            of_x = torch.fft.irfft(wanted * response.conj(), n=ctx.span)[..., : ctx.time]
        if ctx.needs_input_grad[1]:
            of_taps = torch.fft.irfft((wanted * signal.conj()).sum(0), n=ctx.span)
        return of_x, of_taps


def _fast_length(least: int) -> int:
    """The next power of two, or three or five times one: others take longer than the steps that they save."""
    return min(odd << max(0, math.ceil(math.log2(least / odd))) for odd in (1, 3, 5))


def _circular(kernel: Tensor, backward: Tensor | None, span: int) -> Tensor:
    """Taps on a circle of ``span`` steps, on which negative lags stand at the end; shape (channel, span)."""
    time = kernel.shape[-1]
    taps = F.pad(kernel, (0, span - time))
    if backward is None:
        return taps
    return taps + F.pad(backward.to(kernel.dtype).flip(-1), (span - time, 0))


def _by_matrices(x: Tensor, taps: Tensor) -> Tensor:
    """The product of spectra in real numbers, on a circle of odd length."""
    time, span = x.shape[-1], taps.shape[-1]
    harmonic = torch.arange(time + 1, device=x.device)  # (span + 1) / 2, as the span is odd
    turns = harmonic[:, None].double() * torch.arange(span, device=x.device) / span
    angle = (2 * math.pi * (turns - turns.floor())).to(x.dtype)  # whole turns do nothing
    cos, sin = angle.cos(), angle.sin()  # (harmonic, step)
    x_cos, x_sin = x @ cos[:, :time].T, x @ sin[:, :time].T  # (batch, channel, harmonic)
    taps_cos, taps_sin = taps @ cos.T, taps @ sin.T  # (channel, harmonic)
    share = torch.where(harmonic == 0, 1 / span, 2 / span)
    even = (x_cos * taps_cos - x_sin * taps_sin) * share
    odd = (x_cos * taps_sin + x_sin * taps_cos) * share
    return even @ cos[:, :time] + odd @ sin[:, :time]

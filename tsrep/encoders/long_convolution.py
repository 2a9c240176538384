"""Causal convolution with many taps by blocks of a discrete Fourier transform, where that costs less.

The transforms are matrix products with cosines and sines: the blocks are short enough that these are
cheap, spectra come out in the order in which the product over channels needs them, and nothing is
complex, so that it compiles and differentiates like any other product.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

MOST_BLOCKS = 64


def causal_convolution(x: Tensor, weight: Tensor) -> Tensor:
    """``y[t] = sum over j of weight[..., -1 - j] @ x[t - j]``, with zeros before the start.

    Parameters
    ----------
    x : Tensor, shape (batch, inputs, time)
    weight : Tensor, shape (outputs, inputs, taps)

    Returns
    -------
    Tensor, shape (batch, outputs, time)
        As ``x`` is typed; by blocks it is computed in float32 at least, also under autocast.
    """
    if torch.compiler.is_exporting():
        return directly(x, weight)
    weight = weight[..., -x.shape[-1] :]  # the other taps meet nothing but the zeros before the start
    blocks = cheapest_blocks(x.shape, weight.shape)
    return by_blocks(x, weight, blocks) if blocks else directly(x, weight)


def directly(x: Tensor, weight: Tensor) -> Tensor:
    """The convolution tap by tap."""
    return F.conv1d(F.pad(x, (weight.shape[-1] - 1, 0)), weight.to(x.dtype))


def by_blocks(x: Tensor, weight: Tensor, blocks: int) -> Tensor:
    """The convolution in the frequency domain, the time axis cut into ``blocks`` that overlap by the taps.

    References
    ----------
    Overlap-save: Oppenheim & Schafer, "Discrete-Time Signal Processing", 8.7.3.
    """
    with torch.autocast(x.device.type, enabled=False):
        dtype = torch.promote_types(x.dtype, torch.float32)
        return _by_blocks(x.to(dtype), weight.to(dtype), blocks).to(x.dtype)


def _by_blocks(x: Tensor, weight: Tensor, blocks: int) -> Tensor:
    (batch, inputs, time), (outputs, _, taps) = x.shape, weight.shape
    hop = -(-time // blocks)
    span = hop + taps - 1
    harmonics, rows = span // 2 + 1, batch * blocks
    basis = _cosines_and_sines(span, like=x)  # (2 * harmonics, span)
    padded = F.pad(x.mT, (0, 0, taps - 1, blocks * hop - time))
    cut = padded.unfold(1, span, hop).permute(3, 0, 1, 2).reshape(span, rows * inputs)
    signal = (basis @ cut).view(harmonics, 2 * rows, inputs)
    kernel = (basis[:, :taps] @ weight.flatten(0, 1).T).view(harmonics, 2 * outputs, inputs)
    product = (signal @ kernel.mT).view(harmonics, 2, rows, 2, outputs)  # axes 1, 3: cosine or sine
    by_cosine, by_sine = (half.unbind(1) for half in product.unbind(3))
    real, imaginary = by_cosine[0] + by_sine[1], by_cosine[1] - by_sine[0]
    spectrum = torch.stack([real, imaginary], dim=1).view(2 * harmonics, rows * outputs)
    y = (_inverse(basis)[:hop] @ spectrum).view(hop, batch, blocks, outputs)
    return y.permute(1, 2, 0, 3).reshape(batch, blocks * hop, outputs)[:, :time].mT


def _cosines_and_sines(span: int, like: Tensor) -> Tensor:
    """Rows cos, sin of harmonic 0, of harmonic 1, ...; shape (2 * harmonics, span)."""
    harmonic = torch.arange(span // 2 + 1, device=like.device)
    turns = torch.outer(harmonic, torch.arange(span, device=like.device)) % span  # whole turns do nothing
    angle = (2 * math.pi / span) * turns.double()
    return torch.stack([angle.cos(), angle.sin()], dim=1).flatten(0, 1).to(like.dtype)


def _inverse(basis: Tensor) -> Tensor:
    """Matrix from cosine and sine sums back to steps, shape (span, 2 * harmonics)."""
    span = basis.shape[1]
    share = torch.full_like(basis[:, :1], 2 / span)
    share[:2] = 1 / span
    if span % 2 == 0:
        share[-2:] = 1 / span
    return (basis * share).T


def cheapest_blocks(x_shape: torch.Size, weight_shape: torch.Size) -> int:
    """Number of blocks with the fewest multiplications, or 0 where tap by tap is no dearer."""
    (batch, inputs, time), (outputs, _, taps) = x_shape, weight_shape

    def products(blocks: int) -> int:
        hop = -(-time // blocks)
        span = hop + taps - 1
        transforms = inputs * outputs * taps + batch * blocks * (inputs * span + outputs * hop)
        return 2 * (span // 2 + 1) * (transforms + 2 * batch * blocks * inputs * outputs)

    best = min(range(1, min(time, MOST_BLOCKS) + 1), key=products)
    tap_by_tap = batch * time * inputs * outputs * taps
    return best if 2 * products(best) < tap_by_tap else 0  # twice: moving blocks about takes time too

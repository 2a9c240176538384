"""The dilated-convolution encoder of CoST and AutoTCL: autoregressive experts over dilated convolutions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from tsrep.encoders.dilated_conv import DilatedConv
from tsrep.encoders.encoder import Odd, Positive
from tsrep.encoders.long_convolution import causal_convolution
from tsrep.encoders.residual_block import ResidualBlock
from tsrep.registry import ENCODERS


class CausalExperts(nn.ModuleList):
    """The mean of causal convolutions with 1, 2, 4, ... taps, as one convolution.

    Each expert keeps its own parameters, as optimisers are not indifferent to merging.

    Parameters
    ----------
    dim : int
        Width in and out.
    experts : int
        How many; the last has ``2 ** (experts - 1)`` taps.
    """

    def __init__(self, dim: int, experts: int) -> None:
        super().__init__(nn.Conv1d(dim, dim, 2**i) for i in range(experts))
        self.taps = 2 ** (experts - 1)

    def merged(self) -> tuple[Tensor, Tensor]:
        """Weight ``(dim, dim, taps)`` and bias ``(dim,)`` of the one convolution."""
        weights: list[Tensor] = [p for p in self.parameters() if p.ndim == 3]
        biases: list[Tensor] = [p for p in self.parameters() if p.ndim == 1]
        if torch.compiler.is_compiling() or not torch.is_grad_enabled():
            return _merge(weights), torch.stack(biases).mean(0)
        weight: Tensor = _Merge.apply(*weights)  # type: ignore[no-untyped-call]  # torch leaves it untyped
        return weight, torch.stack(biases).mean(0)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, dim, time)`` to the same shape."""
        weight, bias = self.merged()
        return causal_convolution(x, weight) + bias.to(x.dtype)[:, None]


def _merge(weights: Sequence[Tensor]) -> Tensor:
    """Mean of kernels that end together, the longest last."""
    merged = weights[-1] / len(weights)
    for weight in weights[:-1]:
        merged[..., -weight.shape[-1] :].add_(weight, alpha=1 / len(weights))
    return merged


class _Merge(torch.autograd.Function):
    """:func:`_merge`, whose backward pass shares one gradient among the kernels instead of padding each."""

    @staticmethod
    def forward(ctx: Any, *weights: Tensor) -> Tensor:
        ctx.taps = [weight.shape[-1] for weight in weights]
        return _merge(weights)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, ...]:
        share = grad / len(ctx.taps)
        return tuple(share[..., -taps:] for taps in ctx.taps)


@ENCODERS.register("dilated-conv-ar", runtime=("channels",))
class DilatedConvAR(DilatedConv):
    """Dilated convolutions followed by the mean of causal autoregressive experts of doubling length.

    The experts are causal, the convolutions below them are not.

    Parameters
    ----------
    channels : int
        Channels of the signal.
    hidden : int
        Width of the latent and of all blocks but the last.
    dim : int
        Width of the representation.
    depth : int
        Number of hidden blocks; one output block follows, so the dilations are ``2 ** 0`` to ``2 ** depth``.
    kernel : int
        Odd number of taps of the dilated convolutions.
    experts : int
        Number of experts, with 1, 2, 4, ... taps.

    References
    ----------
    Woo et al., "CoST", ICLR 2022 (trend branch); Zheng et al., "Parametric Augmentation for Time Series
    Contrastive Learning" (AutoTCL), ICLR 2024, whose released encoder this is. The seasonal branch of
    CoST is left out, and the experts have the full width, as there. Parameters are created in the order
    of that release, so that equal seeds give equal weights.
    """

    def __init__(
        self,
        channels: int,
        hidden: Positive = 64,
        dim: Positive = 320,
        depth: Positive = 10,
        kernel: Odd = 3,
        experts: Annotated[int, Field(gt=0, le=12)] = 8,
    ) -> None:
        super().__init__(channels, hidden, dim, depth, kernel)
        self.reach = kernel - 1  # dilated steps to either side, over the two convolutions of a block
        self.experts = CausalExperts(dim, experts)
        self.receptive_field += self.experts.taps - 1

    def forward(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        out: Tensor = self.experts(self.convolved(x, keep))
        return out

    def convolved(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        """Features before the experts.

        Parameters
        ----------
        x : Tensor, shape (batch, channel, time)
        keep : Tensor, shape (batch, time), bool, optional

        Returns
        -------
        Tensor, shape (batch, dim, time)
        """
        return super().forward(x, keep)

    def last_step(self, x: Tensor) -> Tensor:
        return self._read(x, *self.experts.merged())

    def last_step_reader(self) -> Callable[[Tensor], Tensor]:
        """Convolutions only at steps that reach the last one, then one product with all that is linear.

        In a window no longer than the last dilation the second half of the last block acts on each step
        alone and is linear, so it goes into the merged weights of the experts.
        """
        weight, bias = self.experts.merged()
        last = self.blocks[-1]
        assert isinstance(last, ResidualBlock)
        first, second, skip = last.on_single_steps()
        rows = weight.flatten(0, 1).T.contiguous().view(-1, self.dim, self.dim).transpose(0, 1)
        rows = rows.contiguous()  # (dim, taps, dim), made in two steps that both are fast
        over_hidden, over_maps, offset = rows @ second[0], rows @ skip[0], rows @ (second[1] + skip[1])

        def last_step(x: Tensor) -> Tensor:
            if x.shape[-1] > last.dilation:
                return self._read(x, weight, bias)
            maps = self._last_maps(x, weight.shape[-1], len(self.blocks) - 1)
            steps = maps.shape[1]
            hidden = F.gelu(F.linear(F.gelu(maps), *first))
            out = F.linear(hidden.flatten(1), over_hidden[:, -steps:].flatten(1), bias)
            out = out + F.linear(maps.flatten(1), over_maps[:, -steps:].flatten(1))
            return out + offset[:, -steps:].sum(1)

        return last_step

    def _read(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """Experts at the last step, as one product."""
        maps = self._last_maps(x, weight.shape[-1], len(self.blocks)).mT  # (batch, dim, steps)
        return F.linear(maps.flatten(1), weight[..., -maps.shape[-1] :].flatten(1), bias)

    def _last_maps(self, x: Tensor, steps: int, blocks: int) -> Tensor:
        """Output of the first ``blocks`` blocks at the last ``steps`` of ``x``, shape (batch, steps, width).

        Each block runs at no more steps than reach these.
        """
        maps = self.latent(x)
        for block, needed in zip(self.blocks, self._needed(x.shape[-1], steps, blocks), strict=False):
            maps = block(maps[..., -needed:].contiguous(memory_format=torch.channels_last))
        return maps[:, :, 0, -steps:].mT

    def _needed(self, time: int, steps: int, blocks: int) -> list[int]:
        """How many last input steps of each of the first ``blocks`` blocks reach ``steps`` last outputs."""
        needed = []
        for i in reversed(range(blocks)):
            steps = steps if 2**i >= time else steps + self.reach * 2**i
            needed.append(min(time, steps))
        return needed[::-1]

"""The dilated-convolution encoder of CoST and AutoTCL: autoregressive experts over dilated convolutions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from tsrep.encoders.dilated_conv import DilatedConv
from tsrep.encoders.long_convolution import causal_convolution
from tsrep.encoders.sizes import Odd, Positive
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
        weight = weights[0]
        for other in weights[1:]:
            weight = nn.functional.pad(weight, (other.shape[-1] - weight.shape[-1], 0)) + other
        return weight / len(self), torch.stack([p for p in self.parameters() if p.ndim == 1]).mean(0)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, dim, time)`` to the same shape."""
        weight, bias = self.merged()
        return causal_convolution(x, weight) + bias.to(x.dtype)[:, None]


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

    Source
    ------
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
        return self.last_step_reader()(x)

    def last_step_reader(self) -> Callable[[Tensor], Tensor]:
        """Convolutions only at steps that reach the last one, then one product with the merged experts."""
        weight, bias = self.experts.merged()
        rows = weight.permute(2, 1, 0).contiguous()  # (taps, dim, dim)

        def last_step(x: Tensor) -> Tensor:
            z = self._last_convolved(x, len(rows))
            return torch.addmm(bias, z.flatten(1), rows[-z.shape[1] :].flatten(0, 1))

        return last_step

    def _last_convolved(self, x: Tensor, steps: int) -> Tensor:
        """The last ``steps`` features, ``(batch, steps, dim)``; each block at no more steps than it must."""
        maps = self.latent(x)
        for block, needed in zip(self.blocks, self._needed(x.shape[-1], steps), strict=True):
            maps = block(maps[..., -needed:].contiguous(memory_format=torch.channels_last))
        return maps[:, :, 0, -steps:].mT

    def _needed(self, time: int, steps: int) -> list[int]:
        """How many last input steps of each block reach the last ``steps`` outputs."""
        needed = []
        for i in reversed(range(len(self.blocks))):
            steps = steps if 2**i >= time else steps + self.reach * 2**i
            needed.append(min(time, steps))
        return needed[::-1]

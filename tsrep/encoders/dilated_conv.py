"""The dilated-convolution encoder of TS2Vec and COMET."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from tsrep.encoders.encoder import Encoder, without_missing
from tsrep.registry import ENCODERS

Positive = Annotated[int, Field(gt=0)]


class ResidualBlock(nn.Module):
    """``conv2(gelu(conv1(gelu(x)))) + skip(x)`` with "same" zero padding."""

    def __init__(self, inputs: int, outputs: int, kernel: int, dilation: int) -> None:
        super().__init__()
        padding = dilation * (kernel // 2)
        self.conv1 = nn.Conv1d(inputs, outputs, kernel, padding=padding, dilation=dilation)
        self.conv2 = nn.Conv1d(outputs, outputs, kernel, padding=padding, dilation=dilation)
        self.skip = nn.Conv1d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, inputs, time)`` to ``(batch, outputs, time)``."""
        hidden: Tensor = self.conv1(F.gelu(x))
        out: Tensor = self.conv2(F.gelu(hidden)) + self.skip(x)
        return out


@ENCODERS.register("dilated-conv", runtime=("channels",))
class DilatedConv(Encoder):
    """Residual blocks of dilated convolutions over a per-step linear map.

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
        Odd number of taps.

    Source
    ------
    Yue et al., "TS2Vec", AAAI 2022; Wang et al., "Contrast Everything" (COMET), NeurIPS 2023.
    """

    def __init__(
        self,
        channels: int,
        hidden: Positive = 64,
        dim: Positive = 320,
        depth: Positive = 10,
        kernel: Positive = 3,
    ) -> None:
        super().__init__()
        self.input = nn.Linear(channels, hidden)
        widths = [hidden] * (depth + 1) + [dim]
        self.blocks = nn.ModuleList(
            ResidualBlock(widths[i], widths[i + 1], kernel, 2**i) for i in range(depth + 1)
        )
        self.dim, self.stride, self.causal = dim, 1, False
        self.receptive_field = 1 + 2 * (kernel - 1) * (2 ** (depth + 1) - 1)

    def forward(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        x, keep = without_missing(x, keep)
        latent: Tensor = (self.input(x.transpose(1, 2)) * keep[..., None]).transpose(1, 2)
        for block in self.blocks:
            latent = block(latent)
        return latent

"""The dilated-convolution encoder of TS2Vec and COMET."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tsrep.encoders.encoder import Encoder, Odd, Positive, StemWeight, without_missing
from tsrep.encoders.residual_block import ResidualBlock
from tsrep.registry import ENCODERS


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

    References
    ----------
    Yue et al., "TS2Vec", AAAI 2022; Wang et al., "Contrast Everything" (COMET), NeurIPS 2023.
    """

    def __init__(
        self,
        channels: int,
        hidden: Positive = 64,
        dim: Positive = 320,
        depth: Positive = 10,
        kernel: Odd = 3,
    ) -> None:
        super().__init__()
        self.input = nn.Linear(channels, hidden)
        widths = [hidden] * (depth + 1) + [dim]
        self.blocks = nn.ModuleList(
            ResidualBlock(widths[i], widths[i + 1], kernel, 2**i, last=i == depth) for i in range(depth + 1)
        )
        self.dim, self.stride, self.causal = dim, 1, False
        self.receptive_field = 1 + 2 * (kernel - 1) * (2 ** (depth + 1) - 1)

    def forward(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        maps = self.latent(x, keep)
        for block in self.blocks:
            maps = block(maps)
        return maps.squeeze(2)

    def latent(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        """Linear map of each step, zero where the step is missing or not kept.

        Returns
        -------
        Tensor, shape (batch, hidden, 1, time), channels-last
        """
        x, keep = without_missing(x, keep)
        latent: Tensor = self.input(x.mT) * keep[..., None]
        return latent.mT.unsqueeze(2)

    def last_step(self, x: Tensor) -> Tensor:
        """Representation of the last step alone.

        Block ``i`` is evaluated only at steps a multiple of ``2 ** i`` before the last one, which are all
        that reach it through the later blocks: about two block evaluations per step instead of eleven.

        Parameters
        ----------
        x : Tensor, shape (batch, channel, time)

        Returns
        -------
        Tensor, shape (batch, dim)
        """
        latent = self.latent(x)
        for block in self.blocks:
            latent = block(latent.contiguous(memory_format=torch.channels_last), dilation=1)
            latent = latent[..., (latent.shape[-1] - 1) % 2 :: 2]
        return latent[:, :, 0, -1]

    def stem_weights(self) -> list[StemWeight]:
        """See :meth:`Encoder.stem_weights`."""
        return [StemWeight("input.weight")]

"""The temporal convolutional network: causal dilated convolutions."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from tsrep.encoders.encoder import Encoder, Positive, StemWeight, without_missing
from tsrep.encoders.step_rows import StepConv
from tsrep.registry import ENCODERS


class CausalBlock(nn.Module):
    """``relu(relu(conv2(relu(conv1(x)))) + x)`` with zeros before the start only."""

    def __init__(self, width: int, kernel: int, dilation: int) -> None:
        super().__init__()
        self.padding = dilation * (kernel - 1)
        self.conv1 = StepConv(width, width, kernel, dilation=dilation)
        self.conv2 = StepConv(width, width, kernel, dilation=dilation)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, width, 1, time)`` to the same shape."""
        hidden = F.relu(self.conv1(F.pad(x, (self.padding, 0))), inplace=True)
        out = F.relu(self.conv2(F.pad(hidden, (self.padding, 0))), inplace=True)
        return F.relu(out + x, inplace=True)


@ENCODERS.register("causal-tcn", runtime=("channels",))
class CausalTCN(Encoder):
    """Residual blocks of causal dilated convolutions between two per-step linear maps.

    Parameters
    ----------
    channels : int
        Channels of the signal.
    hidden : int
        Width of the latent and of all blocks.
    dim : int
        Width of the representation.
    depth : int
        Number of blocks, with dilations ``2 ** 0`` to ``2 ** (depth - 1)``.
    kernel : int
        Number of taps.

    Notes
    -----
    The receptive field is ``1 + 2 * (kernel - 1) * (2 ** depth - 1)`` steps, 187 by default: it fits the
    window of 201 steps of the forecasting protocol, so that one pass encodes a whole series.

    References
    ----------
    Bai et al., "An empirical evaluation of generic convolutional and recurrent networks for sequence
    modeling", 2018. Deviations: no dropout (noise belongs to the objective), no weight normalisation, and
    the first map to the width of the blocks is linear and on its own, so that a step can be left out.
    """

    def __init__(
        self,
        channels: int,
        hidden: Positive = 64,
        dim: Positive = 320,
        depth: Positive = 5,
        kernel: Positive = 4,
    ) -> None:
        super().__init__()
        self.input = nn.Linear(channels, hidden)
        self.blocks = nn.Sequential(*(CausalBlock(hidden, kernel, 2**i) for i in range(depth)))
        self.output = nn.Linear(hidden, dim)
        self.dim, self.stride, self.causal = dim, 1, True
        self.receptive_field = 1 + 2 * (kernel - 1) * (2**depth - 1)

    def forward(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        x, keep = without_missing(x, keep)
        latent: Tensor = self.input(x.mT) * keep[..., None]
        maps: Tensor = self.blocks(latent.mT.unsqueeze(2))
        out: Tensor = self.output(maps.squeeze(2).mT)
        return out.mT

    def stem_weights(self) -> list[StemWeight]:
        """See :meth:`Encoder.stem_weights`."""
        return [StemWeight("input.weight")]

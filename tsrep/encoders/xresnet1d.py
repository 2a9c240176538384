"""The deep residual network of the PTB-XL benchmark."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from torch import Tensor, nn

from tsrep.encoders.encoder import Encoder, Odd, Positive, StemWeight, without_missing
from tsrep.encoders.step_rows import RectifiedStepNorm, StepConv, as_rows, mean_of_steps
from tsrep.registry import ENCODERS

STRIDE = 32
BLOCKS: Mapping[int, tuple[int, int, int, int]] = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
}
NARROW = (50, 101)  # their blocks work on a quarter of the width, between two maps of single steps


class Stage(nn.Module):
    """A residual block: normalisation, ReLU and convolution, two or three times, beside a short cut.

    A block that strides does so in its first convolution over several steps; its short cut averages.

    Parameters
    ----------
    inputs, outputs : int
    kernel, stride : int
    narrow : int or None
        Width between two maps of single steps; None for two convolutions without them.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, narrow: int | None) -> None:
        super().__init__()
        self.stride = stride
        middle = outputs if narrow is None else narrow
        first = [] if narrow is None else [_layer(inputs, middle, 1, 1)]
        strided = _layer(inputs if narrow is None else middle, middle, kernel, stride)
        last = _layer(middle, outputs, kernel if narrow is None else 1, 1)
        self.branch = nn.Sequential(*first, strided, last)
        self.skip = StepConv(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, inputs, 1, time)`` to ``(batch, outputs, 1, time // stride)``; time is a multiple."""
        out: Tensor = self.branch(x) + self.skip(mean_of_steps(x, self.stride))
        return out


def _layer(inputs: int, outputs: int, kernel: int, stride: int) -> nn.Sequential:
    convolution = StepConv(inputs, outputs, kernel, stride=stride, padding=kernel // 2)
    return nn.Sequential(RectifiedStepNorm(inputs), convolution)


@ENCODERS.register("xresnet1d", runtime=("channels",))
class XResNet1d(Encoder):
    """Deep residual network with a stem of three convolutions and short cuts that average.

    Parameters
    ----------
    channels : int
        Channels of the signal.
    layers : int
        18 or 34 (two convolutions a block), 50 or 101 (a narrow one between two maps of single steps).
    width : int
        Of the stem's output and of the convolutions in the blocks.
    kernel : int
        Odd number of taps.

    Notes
    -----
    The stride is 32: by 2 in the stem, 2 in a maximum over three steps, and 2 in each stage after the first.
    The representation is ``width`` wide with 18 and 34 layers, and four times as wide with 50 and 101.
    Blocks are pre-activated and the stem is not normalised, so the voltage of the signal reaches the
    representation.

    References
    ----------
    Strodthoff et al., "Deep learning for ECG analysis: benchmarks and insights from PTB-XL", IEEE JBHI 2021
    (xresnet1d), after He et al., "Bag of tricks for image classification", CVPR 2019. Deviations:
    normalisation per step in place of over the batch, pre-activation, and no branch starts at zero.
    """

    def __init__(
        self,
        channels: int,
        layers: Literal[18, 34, 50, 101] = 50,
        width: Positive = 64,
        kernel: Odd = 5,
    ) -> None:
        super().__init__()
        half = max(1, width // 2)
        sizes = [(channels, half, 2), (half, half, 1), (half, width, 1)]
        stem: list[nn.Module] = []
        for inputs, outputs, stride in sizes:
            convolution = StepConv(inputs, outputs, kernel, stride=stride, padding=kernel // 2)
            nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")  # keeps the amplitude
            stem += [convolution, nn.ReLU(inplace=True)]
        self.stem = nn.Sequential(*stem, nn.MaxPool2d((1, 3), stride=(1, 2), padding=(0, 1)))
        narrow = width if layers in NARROW else None
        dim = 4 * width if layers in NARROW else width
        field, jump = 1 + (1 + 2 * 2) * (kernel - 1) + 2 * 2, 4  # one convolution at full rate, two at half
        stages, before = [], width
        for number, blocks in enumerate(BLOCKS[layers]):
            for block in range(blocks):
                stride = 2 if number > 0 and block == 0 else 1
                stages.append(Stage(before, dim, kernel, stride, narrow))
                # the convolution that strides is the first, so that a second one steps further
                field += jump * (kernel - 1) + (jump * stride * (kernel - 1) if narrow is None else 0)
                before, jump = dim, jump * stride
        self.blocks = nn.ModuleList(stages)
        self.dim, self.stride, self.causal, self.receptive_field = dim, STRIDE, False, field

    def forward(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        x, keep = without_missing(x, keep)
        x = (x * keep[:, None])[..., : x.shape[-1] // STRIDE * STRIDE]
        latent: Tensor = self.stem(as_rows(x))
        for block in self.blocks:
            latent = block(latent)
        return latent.squeeze(2)

    def stem_weights(self) -> list[StemWeight]:
        """See :meth:`Encoder.stem_weights`."""
        return [StemWeight("stem.0.weight")]

"""A short 1-d residual network."""

from __future__ import annotations

from torch import Tensor, nn

from tsrep.encoders.encoder import Encoder, Odd, Positive, StemWeight, without_missing
from tsrep.encoders.step_rows import RectifiedStepNorm, StepConv, as_rows, mean_of_steps
from tsrep.registry import ENCODERS


class PreactivationBlock(nn.Module):
    """``conv2(relu(norm(conv1(relu(norm(x))))) + skip(x)``; with ``stride`` 2 an odd last step is dropped."""

    def __init__(self, inputs: int, outputs: int, kernels: tuple[int, int], stride: int) -> None:
        super().__init__()
        first, second = kernels
        self.stride = stride
        self.norm1 = RectifiedStepNorm(inputs)
        self.conv1 = StepConv(inputs, outputs, first, stride=stride, padding=first // 2)
        self.norm2 = RectifiedStepNorm(outputs)
        self.conv2 = StepConv(outputs, outputs, second, padding=second // 2)
        self.skip = StepConv(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, inputs, 1, time)`` to ``(batch, outputs, 1, time // stride)``."""
        x = x[..., : x.shape[-1] // self.stride * self.stride]
        hidden: Tensor = self.conv1(self.norm1(x))
        out: Tensor = self.conv2(self.norm2(hidden))
        shortcut: Tensor = self.skip(mean_of_steps(x, self.stride))
        return out + shortcut


@ENCODERS.register("resnet1d", runtime=("channels",))
class ResNet1d(Encoder):
    """Three stages of residual blocks; each stage after the first halves the number of steps.

    Parameters
    ----------
    channels : int
        Channels of the signal.
    width : int
        Width of the stem and the first two stages.
    dim : int
        Width of the representation.
    blocks : int
        Residual blocks in each stage.
    stem, kernel, second_kernel : int
        Odd numbers of taps: of the stem, and of the two convolutions of a block.

    Notes
    -----
    The stride is 4. Blocks are pre-activated: the residual stream is never normalised, so the voltage
    of the signal reaches the representation.

    References
    ----------
    Wang et al., "Time series classification from scratch", IJCNN 2017, with the kernels of the PTB-XL
    benchmark (Strodthoff et al. 2021). Deviations: normalisation per step in place of over the batch,
    and pre-activation (He et al. 2016).
    """

    def __init__(
        self,
        channels: int,
        width: Positive = 128,
        dim: Positive = 256,
        blocks: Positive = 1,
        stem: Odd = 7,
        kernel: Odd = 5,
        second_kernel: Odd = 3,
    ) -> None:
        super().__init__()
        self.stem = StepConv(channels, width, stem, padding=stem // 2)
        stages, inputs, jump, field = [], width, 1, stem
        for outputs, stride in ((width, 1), (width, 2), (dim, 2)):
            for i in range(blocks):
                step = stride if i == 0 else 1
                stages.append(PreactivationBlock(inputs, outputs, (kernel, second_kernel), step))
                field += jump * (kernel - 1) + jump * step * (second_kernel - 1)
                inputs, jump = outputs, jump * step
        self.blocks = nn.ModuleList(stages)
        self.dim, self.stride, self.causal, self.receptive_field = dim, jump, False, field

    def forward(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        x, keep = without_missing(x, keep)
        latent: Tensor = self.stem(as_rows(x * keep[:, None]))
        for block in self.blocks:
            latent = block(latent)
        return latent.squeeze(2)

    def stem_weights(self) -> list[StemWeight]:
        """See :meth:`Encoder.stem_weights`."""
        return [StemWeight("stem.weight")]

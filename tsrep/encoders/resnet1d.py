"""A short 1-d residual network."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from tsrep.encoders.encoder import Encoder, Odd, Positive, StemWeight, without_missing
from tsrep.registry import ENCODERS


class StepNorm(nn.LayerNorm):
    """Standardisation over the channels of each time step.

    Unlike batch normalisation it knows no batch mates and is the same in training and evaluation;
    unlike group normalisation it does not mix time steps, so masked or missing steps do not move the
    others and the receptive field stays finite.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Standardised ``(batch, dim, time)``."""
        return super().forward(x.mT).mT


class PreactivationBlock(nn.Module):
    """``conv2(relu(norm(conv1(relu(norm(x))))) + skip(x)``; with ``stride`` 2 an odd last step is dropped."""

    def __init__(self, inputs: int, outputs: int, kernels: tuple[int, int], stride: int) -> None:
        super().__init__()
        first, second = kernels
        self.stride = stride
        self.norm1 = StepNorm(inputs)
        self.conv1 = nn.Conv1d(inputs, outputs, first, stride=stride, padding=first // 2)
        self.norm2 = StepNorm(outputs)
        self.conv2 = nn.Conv1d(outputs, outputs, second, padding=second // 2)
        self.skip = nn.Conv1d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, inputs, time)`` to ``(batch, outputs, time // stride)``."""
        x = x[..., : x.shape[-1] // self.stride * self.stride]
        hidden: Tensor = self.conv1(F.relu(self.norm1(x)))
        out: Tensor = self.conv2(F.relu(self.norm2(hidden)))
        shortcut: Tensor = self.skip(F.avg_pool1d(x, self.stride) if self.stride > 1 else x)
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
        self.stem = nn.Conv1d(channels, width, stem, padding=stem // 2)
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
        latent: Tensor = self.stem(x * keep[:, None])
        for block in self.blocks:
            latent = block(latent)
        return latent

    def stem_weights(self) -> list[StemWeight]:
        """See :meth:`Encoder.stem_weights`."""
        return [StemWeight("stem.weight")]

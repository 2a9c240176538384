"""State spaces over a convolutional stem, as predictive coding of ECG has them."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from tsrep.encoders.encoder import Positive
from tsrep.encoders.s4d import Norm, StateSpaceEncoder
from tsrep.encoders.state_space import Discretisation, Limit, StateSpaceSettings, StepSize
from tsrep.encoders.state_space_starts import Start
from tsrep.errors import ConfigError
from tsrep.registry import ENCODERS


class ShorteningConv(nn.Conv1d):
    """A convolution over ``kernel`` steps, the last of which are the ``stride`` new ones."""

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, inputs, time)`` to ``(batch, outputs, time // stride)``."""
        return super().forward(F.pad(x, (self.kernel_size[0] - self.stride[0], 0)))


@ENCODERS.register("conv-s4d", runtime=("channels",))
class ConvS4D(StateSpaceEncoder):
    """State spaces over a stem of one convolution and three maps of single steps, as in ECG-CPC.

    Parameters
    ----------
    channels : int
        Channels of the signal.
    width : int
        Of the stem, and state spaces in each block.
    dim : int, optional
        Width of the representation; that of a block when missing.
    depth : int
        Blocks.
    kernel, stride : int
        Of the stem's convolution, in steps; a kernel is no shorter than the stride.
    states, start, discretisation, step_sizes, band_limit, bidirectional, norm, trained_states
        As for ``s4d``.

    Raises
    ------
    ConfigError
        When the kernel leaves gaps.

    References
    ----------
    Mehari & Strodthoff, "Towards quantitative precision for ECG analysis", IEEE JBHI 2023, and the ECG-CPC of
    "Benchmarking ECG foundation models", 2025. Deviations: no batch normalisation in the stem, through which
    a step would know of later ones, normalisation first (``norm="post"`` as published), trained states
    (``trained_states=False`` as published), diagonal states in place of those with a rank-one term, and no
    dropout.
    """

    def __init__(
        self,
        channels: int,
        width: Positive = 512,
        dim: Positive | None = None,
        depth: Positive = 4,
        kernel: Positive = 3,
        stride: Positive = 2,
        states: Positive = 4,
        start: Start = "legs",
        discretisation: Discretisation = "bilinear",
        step_sizes: tuple[StepSize, StepSize] = (1e-3, 1e-1),
        band_limit: Limit = None,
        bidirectional: bool = False,
        norm: Norm = "pre",
        trained_states: bool = True,
    ) -> None:
        if kernel < stride:
            raise ConfigError(
                f"a kernel of {kernel} steps every {stride} steps leaves gaps; give one of at least {stride}"
            )
        settings = StateSpaceSettings(
            states, start, discretisation, step_sizes, band_limit, bidirectional, trained_states
        )
        layers: list[nn.Module] = [ShorteningConv(channels, width, kernel, stride=stride), nn.ReLU()]
        for _ in range(3):
            layers += [nn.Conv1d(width, width, 1), nn.ReLU()]
        stem = nn.Sequential(*layers)
        super().__init__(
            stem, width=width, dim=dim or width, stride=stride, depth=depth, norm=norm, settings=settings
        )

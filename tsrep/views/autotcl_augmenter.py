"""The augmenter of AutoTCL: a mask and a gain over time that a small network chooses for each sample.

The network sees whole signals, covariates included; how its choice becomes a view is a matter of the form,
the paper's or that of the public code.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tsrep.errors import ConfigError
from tsrep.views.hard_concrete import hard_concrete, open_probability, released_gate, straight_through

MaskPer = Literal["time", "time-channel"]
Parts = Literal["both", "mask", "gain"]


@dataclass(frozen=True)
class Augmented:
    """A view and what it was made with.

    Attributes
    ----------
    view : Tensor, shape (batch, channel, time)
        Missing where the signal is.
    mask : Tensor, shape (batch, map, time), in [0, 1]
        As drawn; one map for all channels that change, or one for each.
    log_gain : Tensor, shape (batch, map, time)
        Logarithm of the gain, which is positive.
    keep : Tensor, shape (batch, map, time), in [0, 1]
        Probability that the mask is nearer to 1 than to 0 (in the released form, what stands for it).
    nonzero : Tensor, shape (batch, map, time), in [0, 1]
        Probability that the mask is not zero.
    """

    view: Tensor
    mask: Tensor
    log_gain: Tensor
    keep: Tensor
    nonzero: Tensor

    @property
    def gain(self) -> Tensor:
        """The gain, shape (batch, map, time)."""
        return self.log_gain.exp()


class Trunk(Protocol):
    """What the network is built on: any encoder (which this floor does not know)."""

    dim: int
    stride: int

    def __call__(self, x: Tensor, /) -> Tensor:
        """Map (batch, channel, time) to (batch, dim, time // stride)."""


class Augmenter(nn.Module, ABC):
    """Turns signals into views by parameters that can be learned.

    Two 1x1 convolutions on a trunk give the numbers from which a form makes the mask and the gain.

    Parameters
    ----------
    trunk : module, such as an encoder
        Where it strides, its steps are interpolated linearly.
    maps : int
        Outputs of each of the two: 1 where all channels share mask and gain.
    """

    def __init__(self, trunk: Trunk, maps: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.mask_head = nn.Conv1d(trunk.dim, maps, 1)
        self.gain_head = nn.Conv1d(trunk.dim, maps, 1)

    def mask_and_gain(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Unbounded numbers for the mask and for the gain, each of shape (batch, map, time), float32.

        Raises
        ------
        ConfigError
            When the signal is shorter than one step of the trunk.
        """
        if x.shape[-1] < self.trunk.stride:
            raise ConfigError(
                f"samples of {x.shape[-1]} steps are too short for a trunk of stride {self.trunk.stride}; "
                "raise window.seconds or window.steps, or use another trunk"
            )
        z = self.trunk(x)  # (batch, dim, time // stride)
        both = torch.cat([self.mask_head(z), self.gain_head(z)], dim=1)
        mask, gain = on_grid(both.float(), self.trunk.stride, x.shape[-1]).chunk(2, dim=1)
        return mask, gain

    @abstractmethod
    def forward(self, x: Tensor, *, generator: torch.Generator) -> Augmented:
        """A view of signals of shape (batch, channel, time)."""

    if TYPE_CHECKING:

        def __call__(self, x: Tensor, *, generator: torch.Generator) -> Augmented: ...


class PaperAugmenter(Augmenter):
    """The view of the AutoTCL paper, corrected: ``gain * mask * x``, the mask a hard-concrete sample.

    Parameters
    ----------
    trunk : module, such as an encoder
    channels, covariates : int
        Of the signal; the first ``covariates`` channels stay as they are.
    mask_per : {"time", "time-channel"}
        Whether channels share mask and gain.
    temperature : float
        Of the gate.
    stretch : float
        The gate is stretched by so much beyond 0 and beyond 1.
    logit_bound, log_gain_bound : float
        Bounds of the gate's logits and of the gain's logarithm, approached slowly enough that gradients
        never die. The gain is never zero, so it can be inverted.
    parts : {"both", "mask", "gain"}
        What is learned; the other one is 1 everywhere.

    References
    ----------
    Zheng et al., "Parametric Augmentation for Time Series Contrastive Learning", ICLR 2024, section 3.3,
    equations 4 and 5 (the mask). Deviations: the bounds, and the gain is positive, where the paper asks only
    that it is not zero.
    """

    def __init__(
        self,
        trunk: Trunk,
        channels: int,
        covariates: int = 0,
        *,
        mask_per: MaskPer = "time",
        temperature: float = 2 / 3,
        stretch: float = 0.1,
        logit_bound: float = 5.0,
        log_gain_bound: float = 1.0,
        parts: Parts = "both",
    ) -> None:
        super().__init__(trunk, 1 if mask_per == "time" else channels - covariates)
        self.covariates, self.parts = covariates, parts
        self.gate = {"temperature": temperature, "low": -stretch, "high": 1 + stretch}
        self.logit_bound, self.log_gain_bound = logit_bound, log_gain_bound

    def forward(self, x: Tensor, *, generator: torch.Generator) -> Augmented:
        """A view of signals of shape (batch, channel, time)."""
        mask, gain = self.mask_and_gain(x)
        logits = soft_bound(mask, self.logit_bound)
        log_gain = soft_bound(gain, self.log_gain_bound)
        # Drawn for every choice of parts, so that ablations share their random numbers.
        uniform = torch.rand(logits.shape, generator=generator, device=x.device)
        sample = hard_concrete(logits, uniform, **self.gate)
        keep, nonzero = logits.sigmoid(), open_probability(logits, **self.gate)
        if self.parts == "mask":
            log_gain = torch.zeros_like(log_gain)
        if self.parts == "gain":
            sample = keep = nonzero = torch.ones_like(logits)
        view = _applied(sample * log_gain.exp(), x, self.covariates)
        return Augmented(view, sample, log_gain, keep, nonzero)


class ReleasedAugmenter(Augmenter):
    """The view of AutoTCL's public code: mask and gain for every channel, covariates included.

    Parameters
    ----------
    trunk : module, such as an encoder
    channels : int
    bias, stretch, hard
        See :func:`tsrep.views.hard_concrete.released_gate`; a hard mask is rounded to 0 or 1.

    References
    ----------
    The public code of Zheng et al., ICLR 2024, as of March 2024.
    """

    def __init__(self, trunk: Trunk, channels: int, *, bias: float, stretch: float, hard: bool) -> None:
        super().__init__(trunk, channels)
        self.bias, self.stretch, self.hard = bias, stretch, hard

    def forward(self, x: Tensor, *, generator: torch.Generator) -> Augmented:
        """A view of signals of shape (batch, channel, time)."""
        mask, gain = self.mask_and_gain(x)
        weight = mask.sigmoid()
        uniform = torch.rand(weight.shape, generator=generator, device=x.device)
        sample = released_gate(weight, uniform, bias=self.bias, stretch=self.stretch)
        if self.hard:
            sample = straight_through(sample)
        view = _applied(gain.sigmoid() * sample, x, 0)
        return Augmented(view, sample, F.logsigmoid(gain), weight, weight)


def soft_bound(values: Tensor, bound: float) -> Tensor:
    """The identity near zero and within ``bound`` everywhere; its slope falls only as the inverse square."""
    return values / (1 + values.abs() / bound)


def on_grid(values: Tensor, stride: int, time: int) -> Tensor:
    """Interpolate strided steps linearly to ``time`` steps; before the first and after the last they hold.

    Parameters
    ----------
    values : Tensor, shape (batch, map, time // stride)

    Returns
    -------
    Tensor, shape (batch, map, time)
    """
    if stride == 1:
        return values
    fine = F.interpolate(values, size=values.shape[-1] * stride, mode="linear", align_corners=False)
    return F.pad(fine, (0, time - fine.shape[-1]), mode="replicate")


def _applied(factor: Tensor, x: Tensor, covariates: int) -> Tensor:
    """Signals times a factor, without covariates; the gradient of missing values is zero, not NaN."""
    given, values = x[:, :covariates], x[:, covariates:]
    missing = values.isnan()
    changed = torch.where(missing, values, factor.to(x.dtype) * values.masked_fill(missing, 0.0))
    return torch.cat([given, changed], dim=1)

"""Representations without parameters: the signal itself, and its moving average beside the rest."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from tsrep.encoders.encoder import Encoder, Odd, StemWeight, without_missing
from tsrep.registry import ENCODERS


@ENCODERS.register("identity", runtime=("channels",))
class Identity(Encoder):
    """Each step represents itself; without parameters, and causal.

    Parameters
    ----------
    channels : int
        Channels of the signal, and width of the representation.

    Notes
    -----
    A step that is missing or not kept is zero. There is nothing to train in it: it is for forecasts, as
    below, and as the floor that a trained representation must rise above.

    References
    ----------
    Under a flatten head and last-value normalisation, channels on their own, it is NLinear of Zeng et al.,
    "Are transformers effective for time series forecasting?", AAAI 2023.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.dim, self.stride, self.causal, self.receptive_field = channels, 1, True, 1

    def forward(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        x, keep = without_missing(x, keep)
        return x * keep[:, None]

    def stem_weights(self) -> list[StemWeight]:
        """None, as there are no weights."""
        return []


@ENCODERS.register("trend-seasonal", runtime=("channels",))
class TrendSeasonal(Encoder):
    """Centred moving average and remainder side by side; without parameters.

    Parameters
    ----------
    channels : int
        Channels of the signal; the representation is twice as wide, the averages first.
    kernel : int
        Odd number of steps that are averaged.

    Notes
    -----
    The first and the last step are repeated beyond the ends. The average at a step runs over the steps
    around it that are there: those missing or not kept do not count, the average without any is zero,
    and so is the remainder at such a step.

    References
    ----------
    Under a flatten head it is DLinear of Zeng et al., "Are transformers effective for time series
    forecasting?", AAAI 2023, with their kernel; missing steps are an addition.
    """

    def __init__(self, channels: int, kernel: Odd = 25) -> None:
        super().__init__()
        self.kernel = kernel
        self.dim, self.stride, self.causal, self.receptive_field = 2 * channels, 1, False, kernel

    def forward(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        x, keep = without_missing(x, keep)
        there = keep[:, None].to(x.dtype)
        x = x * there
        present = self._average(there)
        trend = torch.where(present > 0, self._average(x) / present.clamp(min=0.5 / self.kernel), 0)
        return torch.cat([trend, (x - trend) * there], dim=1)

    def _average(self, x: Tensor) -> Tensor:
        """Moving average of (batch, channel, time), its ends repeated."""
        reach = self.kernel // 2
        return F.avg_pool1d(F.pad(x, (reach, reach), mode="replicate"), self.kernel, stride=1)

    def stem_weights(self) -> list[StemWeight]:
        """None, as there are no weights."""
        return []

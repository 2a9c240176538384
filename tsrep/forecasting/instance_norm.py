"""Normalising each window by its own level, undone on the forecast."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor, nn

from tsrep.errors import ConfigError
from tsrep.registry import nearest

Normalisation = Literal["none", "mean-std", "last", "revin"]

EPS = 1e-5


class Level(NamedTuple):
    """What was taken off windows: ``mean`` and ``scale``, shape (batch, channel, 1), in their units."""

    mean: Tensor
    scale: Tensor


class InstanceNorm(nn.Module):
    """Shift and scale every channel of every window by statistics of its present values.

    Parameters
    ----------
    kind : {"none", "mean-std", "last", "revin"}
        ``"none"``: windows stay as they are. ``"mean-std"``: less the mean, over
        ``sqrt(variance + 1e-5)``. ``"last"``: less the last present value. ``"revin"``: as ``"mean-std"``,
        then a learned gain and shift per channel.
    channels : int
        Of the windows; where channels are rows of their own, 1.

    Raises
    ------
    ConfigError
        When ``kind`` is none of them.

    Notes
    -----
    The ``1e-5`` is in squared units of the signal, which is standardised on the training part: a constant
    window becomes zeros, noise below 0.003 is not blown up to unit size, and the forecast of a window ``a
    * x + b`` is ``a * forecast + b`` up to a relative error of about ``5e-6 / variance`` in the scale.
    A window without any value has mean 0 and scale 1. The standard deviation is that of the present values
    (division by their number), computed in float32 at least.

    Gradients run through the statistics, so that the derivative of a forecast with respect to the window
    is the true one; in training, where windows need no gradient, it costs nothing.

    References
    ----------
    Kim et al., "Reversible instance normalization for accurate time-series forecasting against
    distribution shift", ICLR 2022; ``"last"`` is NLinear of Zeng et al., AAAI 2023. Deviations: statistics
    are not detached, missing values are left out of them, and the gain of RevIN is the exponential of its
    parameter, so that undoing it never divides by zero.
    """

    log_gain: nn.Parameter | None
    shift: nn.Parameter | None

    def __init__(self, kind: Normalisation, channels: int) -> None:
        super().__init__()
        if kind not in (kinds := get_args(Normalisation)):
            raise ConfigError(f"unknown normalisation {kind!r}; {nearest(kind, list(kinds))}")
        self.kind, self.channels = kind, channels
        for name in ("log_gain", "shift"):
            self.register_parameter(name, nn.Parameter(torch.zeros(channels, 1)) if kind == "revin" else None)

    def forward(self, x: Tensor) -> tuple[Tensor, Level]:
        """Normalise windows.

        Parameters
        ----------
        x : Tensor, shape (batch, channel, time)
            NaN where a value is missing.

        Returns
        -------
        normalised : Tensor, shape (batch, channel, time), float32 at least
            NaN where ``x`` is.
        level : Level
            For :meth:`undo`.
        """
        x = _at_least_float32(x)
        level = self._level(x)
        return self.at(x, level), level

    def at(self, x: Tensor, level: Level) -> Tensor:
        """Values, shape (batch, channel, time), normalised by a level; NaN where they are missing."""
        x = _at_least_float32(x)
        normalised = torch.where(x.isnan(), torch.nan, (x.nan_to_num(nan=0.0) - level.mean) / level.scale)
        if self.log_gain is not None and self.shift is not None:
            normalised = normalised * self.log_gain.exp() + self.shift
        return normalised

    def undo(self, y: Tensor, level: Level) -> Tensor:
        """Give forecasts, shape (batch, channel, horizon), the level of the windows they continue."""
        y = _at_least_float32(y)
        if self.log_gain is not None and self.shift is not None:
            y = (y - self.shift) * torch.exp(-self.log_gain)
        return y * level.scale + level.mean

    def of_channel(self, channel: int) -> InstanceNorm:
        """The normalisation of one channel, with its own learned parameters."""
        one = InstanceNorm(self.kind, 1)
        own = {name: value[channel : channel + 1] for name, value in self.state_dict().items()}
        one.load_state_dict(own, assign=True)
        return one

    def _level(self, x: Tensor) -> Level:
        present, filled = ~x.isnan(), x.nan_to_num(nan=0.0)
        none, one = torch.zeros_like(x[..., :1]), torch.ones_like(x[..., :1])
        if self.kind == "none":
            return Level(none, one)
        if self.kind == "last":
            steps = torch.arange(x.shape[-1], device=x.device)
            return Level(filled.gather(-1, (steps * present).amax(dim=-1, keepdim=True)), one)
        count = present.sum(dim=-1, keepdim=True)
        mean = filled.sum(dim=-1, keepdim=True) / count.clamp(min=1)
        deviation = torch.where(present, filled - mean, 0)
        variance = deviation.square().sum(dim=-1, keepdim=True) / count.clamp(min=1)
        return Level(mean, torch.where(count > 0, torch.sqrt(variance + EPS), one))


def _at_least_float32(x: Tensor) -> Tensor:
    return x.to(torch.promote_types(x.dtype, torch.float32))

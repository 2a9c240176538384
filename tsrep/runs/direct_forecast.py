"""What a trained forecaster says from any step of a series, and how an encoder represents what it saw."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from tsrep.encoders.encoder import Encoder
from tsrep.evaluation.forecast_errors import Forecast as Forecasts
from tsrep.forecasting.forecast import Forecast, Seen
from tsrep.forecasting.forecaster import Forecaster
from tsrep.signals import Series
from tsrep.signals.panel import Floats, Ints

AT_ONCE = 256  # windows; keeps their representations small beside the series


class Windows:
    """Look-backs of series on a device, with the covariates of the steps ahead of them.

    Parameters
    ----------
    instances : sequence of Series
        Standardised.
    lookback, horizon : int
        In steps.
    device : torch.device
    """

    def __init__(
        self, instances: Sequence[Series], lookback: int, horizon: int, device: torch.device
    ) -> None:
        self.lookback, self.horizon = lookback, horizon
        self.covariates = len(instances[0].covariate_names)
        self.x = [torch.from_numpy(np.ascontiguousarray(series.x)).to(device) for series in instances]

    def at(self, instance: int, steps: Ints) -> tuple[Tensor, Tensor]:
        """Past and covariates ahead of the windows that end at ``steps``, shapes as a forecaster takes."""
        x = self.x[instance]
        last = torch.from_numpy(np.asarray(steps, np.int64)).to(x.device)
        past = x.unfold(1, self.lookback, 1)[:, last - self.lookback + 1]
        ahead = x[: self.covariates].unfold(1, self.horizon, 1)[:, last + 1]
        return past.transpose(0, 1), ahead.transpose(0, 1)


def forecast_of(forecaster: Forecaster, instances: Sequence[Series], device: torch.device) -> Forecasts:
    """Forecasts from given steps, shape (row, horizon, channel), standardised.

    Parameters
    ----------
    forecaster : Forecaster
        Moved to the device and into evaluation mode.
    instances : sequence of Series
        Standardised as in training.
    device : torch.device
    """
    forecaster.to(device).eval()
    windows = Windows(instances, forecaster.lookback, forecaster.horizon, device)

    @torch.no_grad()
    def forecast(instance: int, steps: Ints) -> Floats:
        parts = [
            forecaster(*windows.at(instance, steps[at : at + AT_ONCE])).transpose(1, 2).cpu().numpy()
            for at in range(0, len(steps), AT_ONCE)
        ]
        return np.concatenate(parts)

    return forecast


def represent_of(
    encoder: Encoder, objective: Forecast, instances: Sequence[Series], device: torch.device
) -> Callable[[int, int | None, Ints], Floats]:
    """What a linear head can say from look-backs: their flattened representation, in their own scale.

    Of each window the representation is multiplied by the scale that was taken off it, and scale and mean
    stand beside it, so that a linear map of all this can do what a linear head can.

    Returns
    -------
    callable
        ``represent(instance, channel, steps)`` gives an array of shape (row, feature): of one channel where
        channels are independent, of all where ``channel`` is None.
    """
    encoder.to(device).eval()
    objective.to(device).eval()
    windows = Windows(instances, objective.lookback, objective.horizon, device)

    @torch.no_grad()
    def represent(instance: int, channel: int | None, steps: Ints) -> Floats:
        parts = []
        for at in range(0, len(steps), AT_ONCE):
            past, ahead = windows.at(instance, steps[at : at + AT_ONCE])
            seen = objective.see(past, ahead)
            parts.append(_features(encoder, objective, seen, channel).cpu().numpy())
        return np.concatenate(parts)

    return represent


def _features(encoder: Encoder, objective: Forecast, seen: Seen, channel: int | None) -> Tensor:
    mean, scale = (level.flatten(1) for level in (seen.level.mean, seen.level.scale))  # (batch, channel)
    if channel is not None:
        each = mean.shape[1]
        mean, scale = mean[:, channel : channel + 1], scale[:, channel : channel + 1]
        seen = Seen(seen.x[channel::each], seen.ahead[channel::each], seen.level)
    z = objective.represent(encoder, seen).flatten(1)
    return torch.cat([z * scale.mean(dim=1, keepdim=True), scale, mean], dim=1)

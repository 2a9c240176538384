"""What a trained forecaster says from any step of a series, and how an encoder represents what it saw."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from tsrep.encoders.encoder import Encoder
from tsrep.evaluation.forecast_direct import Forecast as Forecasts
from tsrep.evaluation.forecast_direct import Represented
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
) -> Represented:
    """What a linear head can say from look-backs: their flattened representation, on their own scale.

    The scale that a window was divided by is multiplied back, and stands beside the representation; the mean
    that was taken off is what forecasts are relative to. A linear map of this can do what a linear head can.

    Parameters
    ----------
    encoder : Encoder
        Moved to the device and into evaluation mode.
    objective : Forecast
        Says how windows are normalised and which channels are encoded together.
    instances : sequence of Series
        Standardised as in training.
    device : torch.device
    """
    encoder.to(device).eval()
    objective.to(device).eval()
    windows = Windows(instances, objective.lookback, objective.horizon, device)

    def batches(instance: int, steps: Ints) -> Iterator[Seen]:
        for at in range(0, len(steps), AT_ONCE):
            yield objective.see(*windows.at(instance, steps[at : at + AT_ONCE]))

    @torch.no_grad()
    def read(instance: int, channel: int | None, steps: Ints) -> Floats:
        parts = [_features(encoder, objective, seen, channel) for seen in batches(instance, steps)]
        return torch.cat(parts).cpu().numpy()

    @torch.no_grad()
    def mean(instance: int, channel: int | None, steps: Ints) -> Floats:
        parts = [_of_channel(seen.level.mean, channel) for seen in batches(instance, steps)]
        return torch.cat(parts).cpu().numpy()

    return Represented(read, independent=objective.independent, base=mean)


def _features(encoder: Encoder, objective: Forecast, seen: Seen, channel: int | None) -> Tensor:
    scale = _of_channel(seen.level.scale, channel)
    if channel is not None:
        each = seen.level.scale.shape[1]
        seen = replace(seen, x=seen.x[channel::each], ahead=seen.ahead[channel::each])
    z = objective.represent(encoder, seen).flatten(1)
    return torch.cat([z * scale.mean(dim=1, keepdim=True), scale], dim=1)


def _of_channel(level: Tensor, channel: int | None) -> Tensor:
    """Of statistics of shape (batch, channel, 1) those of one channel or of all, shape (batch, any)."""
    flat = level.flatten(1)
    return flat if channel is None else flat[:, channel : channel + 1]

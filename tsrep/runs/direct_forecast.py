"""What a trained forecaster says from any step of a series, and how an encoder represents what it saw."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from tsrep.encoders.encoder import Encoder
from tsrep.evaluation.forecasts.direct import Forecast as Forecasts
from tsrep.evaluation.forecasts.direct import FrozenFeatures
from tsrep.forecasting.forecast import Forecast, Seen
from tsrep.forecasting.forecaster import Forecaster
from tsrep.forecasting.instance_norm import InstanceNorm
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

    def at(self, instance: int, steps: Ints, channel: int | None = None) -> tuple[Tensor, Tensor]:
        """Past and covariates ahead of the windows that end at ``steps``, shapes as a forecaster takes.

        With a ``channel``, the past has this one only, after the covariates.
        """
        x = self.x[instance]
        last = torch.from_numpy(np.asarray(steps, np.int64)).to(x.device)
        ahead = x[: self.covariates].unfold(1, self.horizon, 1)[:, last + 1]
        past = self._past(x[: self.covariates] if channel is not None else x, last)
        if channel is not None:
            own = x[self.covariates + channel :][:1]
            past = torch.cat([past, self._past(own, last)], dim=1)
        return past, ahead.transpose(0, 1)

    def _past(self, x: Tensor, last: Tensor) -> Tensor:
        return x.unfold(1, self.lookback, 1)[:, last - self.lookback + 1].transpose(0, 1)


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
) -> FrozenFeatures:
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

    def parts(instance: int, channel: int | None, steps: Ints) -> Iterator[tuple[Tensor, Tensor]]:
        for at in range(0, len(steps), AT_ONCE):
            yield windows.at(instance, steps[at : at + AT_ONCE], channel)

    @torch.no_grad()
    def read(instance: int, channel: int | None, steps: Ints) -> Floats:
        seen = (_seen(objective, *part, channel) for part in parts(instance, channel, steps))
        return torch.cat([_features(encoder, objective, each) for each in seen]).cpu().numpy()

    @torch.no_grad()
    def mean(instance: int, channel: int | None, steps: Ints) -> Floats:
        norm = _norm(objective, channel)
        pasts = (past for past, _ in parts(instance, channel, steps))
        means = [norm(past[:, objective.leading :])[1].mean.flatten(1) for past in pasts]
        return torch.cat(means).cpu().numpy()

    return FrozenFeatures(read, independent=objective.independent, base=mean)


def _features(encoder: Encoder, objective: Forecast, seen: Seen) -> Tensor:
    scale = seen.level.scale.flatten(1)
    z = objective.represent(encoder, seen).flatten(1)
    return torch.cat([z * scale.mean(dim=1, keepdim=True), scale], dim=1)


def _seen(objective: Forecast, past: Tensor, ahead: Tensor, channel: int | None) -> Seen:
    """As ``objective.see`` of all channels, or its rows of one channel out of windows of that channel."""
    if channel is None:
        return objective.see(past, ahead)
    known = slice(objective.leading - objective.shown, objective.leading)
    values, level = _norm(objective, channel)(past[:, objective.leading :])
    return Seen(torch.cat([past[:, known], values], dim=1), ahead[:, known], level)


def _norm(objective: Forecast, channel: int | None) -> InstanceNorm:
    """The normalisation of all channels or, with its own learned parameters, of one."""
    norm = objective.norm
    if channel is None:
        return norm
    own = {name: value[channel : channel + 1] for name, value in norm.state_dict().items()}
    one = InstanceNorm(norm.kind, 1)
    one.load_state_dict(own, assign=True)
    return one

"""What a trained forecaster says from any step of a series, and what a frozen encoder makes of look-backs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from tsrep.encoders.encoder import Encoder
from tsrep.evaluation.forecasts.errors import Forecast
from tsrep.evaluation.forecasts.ridge import FrozenFeatures
from tsrep.objectives.forecaster import Forecaster
from tsrep.objectives.objective import Objective
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

    @torch.no_grad()
    def gather(
        self,
        read: Callable[[Tensor, Tensor], Tensor],
        instance: int,
        steps: Ints,
        channel: int | None = None,
    ) -> Floats:
        """What ``read(past, ahead)`` gives for the windows that end at ``steps``, some at a time."""
        parts = [
            read(*self.at(instance, steps[at : at + AT_ONCE], channel)).cpu().numpy()
            for at in range(0, len(steps), AT_ONCE)
        ]
        return np.concatenate(parts)

    def _past(self, x: Tensor, last: Tensor) -> Tensor:
        return x.unfold(1, self.lookback, 1)[:, last - self.lookback + 1].transpose(0, 1)


def forecast_of(forecaster: Forecaster, instances: Sequence[Series], device: torch.device) -> Forecast:
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

    def said(past: Tensor, ahead: Tensor) -> Tensor:
        return forecaster(past, ahead).transpose(1, 2)

    return lambda instance, steps: windows.gather(said, instance, steps)


def frozen_features_of(
    encoder: Encoder, objective: Objective, instances: Sequence[Series], device: torch.device
) -> FrozenFeatures:
    """What a ridge forecasts with from look-backs as an objective shows them to an encoder.

    Parameters
    ----------
    encoder : Encoder
        Moved to the device and into evaluation mode.
    objective : Objective
        Says how windows are normalised and which channels are encoded together.
    instances : sequence of Series
        Standardised as in training.
    device : torch.device
    """
    encoder.to(device).eval()
    objective.to(device).eval()
    windows = Windows(instances, objective.lookback, objective.horizon, device)

    def read(instance: int, channel: int | None, steps: Ints) -> Floats:
        def features(past: Tensor, ahead: Tensor) -> Tensor:
            return objective.frozen_features(encoder, past, ahead, channel)

        return windows.gather(features, instance, steps, channel)

    def base(instance: int, channel: int | None, steps: Ints) -> Floats:
        def level(past: Tensor, _ahead: Tensor) -> Tensor:
            found = objective.forecast_base(past, channel)
            return past.new_zeros(len(past), 1) if found is None else found

        return windows.gather(level, instance, steps, channel)

    return FrozenFeatures(read, independent=objective.independent, base=base)

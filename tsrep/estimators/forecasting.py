"""What a forecaster learns from, and what it says: standardised series and sections of them."""

from __future__ import annotations

import math
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tsrep.errors import ConfigError, DataError
from tsrep.estimators.instances import Instances, places
from tsrep.estimators.learning import on_device, train
from tsrep.estimators.settings import named, seed_of, training_values, whole
from tsrep.evaluation.forecasts.conformal import calibrate
from tsrep.evaluation.forecasts.look_backs import forecast_of
from tsrep.forecasting.joint_objective import Forecast
from tsrep.objectives.forecaster import Forecaster
from tsrep.rng import initial_weights
from tsrep.runs.build import (
    blank_encoder,
    blank_objective,
    new_encoder,
    new_objective,
)
from tsrep.runs.config import Configuration, configure
from tsrep.signals import Panel, Series
from tsrep.training.distributed import pick_device

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Scale:
    """Mean and deviation of each channel, shape (channel,)."""

    mean: Array
    std: Array

    @classmethod
    def of(cls, values: Array) -> Scale:
        """Of values, shape (time, channel); a flat or missing channel has deviation 1."""
        there = np.isfinite(values)
        n = np.maximum(there.sum(axis=0), 1)
        mean = np.where(there, values, 0).sum(axis=0) / n
        std = np.sqrt((np.where(there, values - mean, 0) ** 2).sum(axis=0) / n)
        return cls(mean, np.where(std > 1e-12 * np.abs(mean), std, 1.0))

    def apply(self, values: Array) -> NDArray[np.float32]:
        """Standardised values, shape (time, channel)."""
        return ((values - self.mean) / self.std).astype(np.float32)

    def undo(self, values: NDArray[Any]) -> Array:
        """Values in their unit, shape (..., channel)."""
        return values.astype(np.float64) * self.std + self.mean


def series_configuration(estimator: Any, horizon: int) -> Configuration:
    """Configuration of a forecaster.

    Raises
    ------
    ConfigError
        When a parameter is unknown or out of range, or nothing would learn to forecast.
    """
    contrast = (
        estimator.contrast if estimator.contrast is None else named(estimator.contrast, None, "contrast")
    )
    objective = {"name": "forecast", "lookback": estimator.lookback, "horizon": horizon, "contrast": contrast}
    config = configure(
        {
            "dataset": {"name": "series-csv", "calendar": False},
            "seed": seed_of(estimator.random_state),
            "device": estimator.device,
            "encoder": named(estimator.encoder, estimator.encoder_params, "encoder"),
            "objective": named(objective, estimator.objective_params, "objective"),
            "training": training_values(estimator),
        }
    )
    if config.objective.name != "forecast" or (contrast is not None and config.objective.weight == 1):
        raise ConfigError(
            "the objective of a forecaster is forecast with a weight of the contrast below 1, or its head "
            "would learn nothing; change objective_params"
        )
    return config


def training_windows(series: list[NDArray[np.float32]], length: int, columns: pd.Index) -> Panel:
    """Panel of every section of ``length`` steps of standardised series, each of shape (time, channel)."""
    channels = tuple(map(str, columns))
    lengths = np.array([len(each) for each in series], np.int64)
    values = np.full((len(series), len(channels), int(lengths.max())), np.nan, np.float32)
    for i, each in enumerate(series):
        values[i, :, : len(each)] = each.T
    own = np.arange(len(series))
    instances = Instances(values, lengths, own, own, channels, pd.RangeIndex(len(series)))
    return instances.panel(instances.windows(length, hop=1), length)


def trained(config: Configuration, panel: Panel, start: Forecaster | None) -> Forecaster:
    """A forecaster trained on sections, from random weights or from a copy of ``start``."""
    if start is None:
        encoder = new_encoder(config, panel, config.seed)
        objective = new_objective(config, encoder, panel, config.seed)
        assert isinstance(objective, Forecast)
        model = Forecaster(encoder, objective)
    else:
        model = deepcopy(start)
    if model.objective.frozen:
        model.encoder.requires_grad_(False)
    train(config, model.encoder, model.objective, panel)
    return model.eval()


def blank_forecaster(config: Configuration, channels: int) -> Forecaster:
    """A forecaster whose weights are about to be replaced."""
    with initial_weights(0, "about to be replaced"):
        encoder = blank_encoder(config, channels, 0)
        objective = blank_objective(
            config, encoder, channels=channels, covariates=0, classes=1, multilabel=False
        )
    assert isinstance(objective, Forecast)
    return Forecaster(encoder, objective)


@dataclass(frozen=True, eq=False)
class Fitted:
    """A trained forecaster with the steps of a series that it forecasts from.

    Attributes
    ----------
    model : Forecaster
        On the CPU.
    scale : Scale
    seen : pd.DataFrame
        The steps held back from training and the look-back before them, in their unit.
    held : int
        Steps that trained nothing, at the end.
    """

    model: Forecaster
    scale: Scale
    seen: pd.DataFrame
    held: int

    def forecast(self, device: str) -> Array:
        """Values of the next steps, shape (horizon, channel).

        Raises
        ------
        DataError
            When the look-back has no value, or a forecast is not finite.
        """
        if self.seen.iloc[-self.model.lookback :].isna().all(axis=None):
            raise DataError(
                f"the last {self.model.lookback} steps of the series, on which a forecast rests, are all "
                "missing; update with newer values or lengthen lookback"
            )
        y = self._forecasts(device)[0](0, np.array([len(self.seen) - 1]))[0]
        if not np.isfinite(y).all():
            raise DataError("the forecast is not finite; look for values far from those of training")
        return self.scale.undo(y)

    def radius(self, device: str, levels: list[float]) -> dict[float, Array]:
        """Half widths of the interval of each level between 0 and 1, each of shape (horizon, channel).

        Raises
        ------
        ConfigError
            When no steps were held back.
        """
        if not self.held:
            raise ConfigError(
                "calibration is 0, so there are no errors to tell intervals from; set it to 0.2"
            )
        forecast, series = self._forecasts(device)
        m = len(self.seen)
        inner = [level for level in levels if 0 < level < 1]
        found = {0.0: np.zeros_like(self._nothing), 1.0: np.full_like(self._nothing, np.inf)}
        if inner:
            errors = calibrate(forecast, [series], (m - self.held, m), self.model.horizon, inner)
            wide = errors.radius[:, 0].astype(np.float64) * self.scale.std
            found |= dict(zip(errors.levels, wide, strict=True))
        return found

    @property
    def _nothing(self) -> Array:
        return np.zeros((self.model.horizon, self.seen.shape[1]))

    def _forecasts(self, device: str) -> tuple[Any, Series]:
        where = pick_device(device)
        past = self.scale.apply(self.seen.to_numpy(np.float64))
        ahead = np.full((self.model.horizon, past.shape[1]), np.nan, np.float32)
        values = np.concatenate([past, ahead]).T
        time = np.datetime64(0, "s") + np.arange(values.shape[1])
        series = Series(values, time, tuple(map(str, self.seen.columns)))
        return forecast_of(on_device(self.model, where), [series], where), series


def steps_held(calibration: Any, steps: int, horizon: int) -> int:
    """Steps at the end of a series that train nothing.

    Raises
    ------
    ConfigError
        When the share is out of range.
    """
    if not (isinstance(calibration, int | float) and 0 <= calibration < 1):
        raise ConfigError(f"calibration is {calibration!r}; give a share of the series from 0 up to below 1")
    return max(math.ceil(calibration * steps), horizon) if calibration else 0


def refuse_short(steps: int, held: int, lookback: Any, horizon: int, *, what: str, training: bool) -> None:
    """Check that a series holds two sections to train on, or at least a look-back, before what is held back.

    Raises
    ------
    DataError
        Saying how many steps are wanted.
    """
    lookback = whole(lookback, "lookback")
    wanted = lookback + (horizon + 1 if training else 0)
    if steps - held < wanted:
        back = f" beside the {held} held back for intervals" if held else ""
        raise DataError(
            f"{what} has {steps} steps, and look-back {lookback} and horizon {horizon} want {wanted}"
            f"{back}; give a longer series, or shorten lookback, the forecasting horizon or calibration"
        )


def refuse_infinite(values: Array) -> None:
    """Check values, shape (time, channel).

    Raises
    ------
    DataError
        Naming the first infinite one.
    """
    if np.isinf(values).any():
        step, channel = np.argwhere(np.isinf(values))[0]
        raise DataError(
            f"the series has an infinite value at step {step} of channel {channel}; mark it as missing (NaN) "
            "or mend it"
        )


def refuse_empty(values: Array, columns: pd.Index) -> None:
    """Check what trains of a series, shape (time, channel).

    Raises
    ------
    DataError
        Naming the first channel without any value.
    """
    empty = np.isnan(values).all(axis=0)
    if empty.any():
        raise DataError(
            f"channel {columns[int(empty.argmax())]} has no value in the {len(values)} steps to train on; "
            "leave it out"
        )


def standardised_each(y: pd.DataFrame, lookback: Any, horizon: int) -> list[NDArray[np.float32]]:
    """Every series of a data frame with a multi-index on its own scale, each of shape (time, channel).

    Raises
    ------
    DataError
        When one is too short or has an infinite value.
    """
    at, values = places(y.index), y.to_numpy(np.float64)
    found = []
    for number, row in enumerate(at.first):
        own = values[at.instance == number]
        name = "the series " + " ".join(map(str, y.index[row][:-1]))
        refuse_short(len(own), 0, lookback, horizon, what=name, training=True)
        refuse_infinite(own)
        found.append(Scale.of(own).apply(own))
    return found

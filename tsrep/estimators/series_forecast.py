"""From standardised series to a trained forecaster, and what it says after the last step of one."""

from __future__ import annotations

import math
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from tsrep.errors import ConfigError, DataError
from tsrep.estimators.estimator import Stored, without_prefix
from tsrep.estimators.instances import instances_of
from tsrep.estimators.parameters import whole
from tsrep.estimators.reference import begun
from tsrep.estimators.time_index import index_as_json, index_from_json
from tsrep.estimators.training import on_device, train
from tsrep.evaluation.forecasts.conformal import calibrate
from tsrep.evaluation.forecasts.errors import Forecast
from tsrep.evaluation.forecasts.look_backs import forecast_of
from tsrep.objectives.forecaster import Forecaster
from tsrep.registry import OBJECTIVES
from tsrep.rng import initial_weights
from tsrep.runs.build import blank_encoder, blank_objective
from tsrep.runs.config import Configuration
from tsrep.signals import Series
from tsrep.training.distributed import pick_device

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SeriesForecast:
    """A trained forecaster with the steps of a series that it forecasts from.

    Attributes
    ----------
    model : Forecaster
        On the CPU.
    scaler : StandardScaler
        Of the channels, fitted to what trains; in float64, so that small changes of large values stay.
    seen : pd.DataFrame
        The steps held back from training and the look-back before them, in their unit.
    held : int
        Steps that trained nothing, at the end.
    """

    model: Forecaster
    scaler: StandardScaler
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
        values: Array = self.scaler.inverse_transform(y.astype(np.float64))
        return values

    def radius(self, device: str, levels: list[float]) -> dict[float, Array]:
        """Half widths of the interval of each level from 0 to 1, each of shape (horizon, channel).

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
        shape, steps = (self.model.horizon, self.seen.shape[1]), len(self.seen)
        found = {0.0: np.zeros(shape), 1.0: np.full(shape, np.inf)}
        inner = [level for level in levels if 0 < level < 1]
        if inner:
            errors = calibrate(forecast, [series], (steps - self.held, steps), self.model.horizon, inner)
            wide = errors.radius[:, 0].astype(np.float64) * self.scaler.scale_  # (level, horizon, channel)
            found |= dict(zip(errors.levels, wide, strict=True))
        return found

    def _forecasts(self, device: str) -> tuple[Forecast, Series]:
        """Forecasts from any step, and the series with the steps ahead, both standardised."""
        past = self.scaler.transform(self.seen.to_numpy(np.float64))
        ahead = np.full((self.model.horizon, past.shape[1]), np.nan)
        values = np.concatenate([past, ahead]).T.astype(np.float32)
        time = np.datetime64(0, "s") + np.arange(values.shape[1])
        series = Series(values, time, tuple(map(str, self.seen.columns)))
        where = pick_device(device)
        return forecast_of(on_device(self.model, where), [series], where), series

    def stored(self) -> Stored:
        """Plain facts and tensors."""
        facts = {
            "horizon": self.model.horizon,
            "held": self.held,
            "index": index_as_json(self.seen.index),
            "columns": [c.item() if isinstance(c, np.generic) else c for c in self.seen.columns],
        }
        seen = self.seen.to_numpy(np.float64)
        arrays = {"mean": self.scaler.mean_, "std": self.scaler.scale_, "seen": seen}
        tensors = {name: torch.tensor(value) for name, value in arrays.items()}
        return facts, tensors | self.model.state_dict(prefix="model.")

    @classmethod
    def restored(
        cls, config: Configuration, facts: dict[str, Any], tensors: dict[str, Tensor]
    ) -> SeriesForecast:
        """What :meth:`stored` gave."""
        columns = pd.Index(facts["columns"]) if facts["columns"] != [0] else pd.RangeIndex(1)
        seen = pd.DataFrame(tensors["seen"].numpy(), index_from_json(facts["index"]), columns)
        scaler = StandardScaler()
        scaler.mean_, scaler.scale_ = tensors["mean"].numpy(), tensors["std"].numpy()
        return cls(restored_forecaster(config, len(columns), "model", tensors), scaler, seen, facts["held"])


def scaler_of(values: Array) -> StandardScaler:
    """Mean and deviation of values, shape (time, channel); a flat channel has deviation 1."""
    with np.errstate(invalid="ignore"):  # one series of many may lack a channel
        return StandardScaler().fit(values)


def trained(config: Configuration, series: pd.DataFrame, start: Forecaster | None) -> Forecaster:
    """A forecaster trained on every window of standardised series.

    Parameters
    ----------
    config : Configuration
    series : pd.DataFrame
        With a multi-index whose last level is time.
    start : Forecaster, optional
        Whose weights are copied; without one they are random, or those of a reference.

    Raises
    ------
    ConfigError
        When the objective would not train the head.
    """
    instances = instances_of(series)
    cut = OBJECTIVES.entry(config.objective.name).cls.training_windows(config.objective)
    panel = instances.panel(instances.windows(cut.steps, cut.hop), cut.steps)
    if start is None:
        new = begun(config, panel)
        model = Forecaster(new.encoder, new.objective)
    else:
        model = deepcopy(start)
    if not model.objective.has_forecasts:
        raise ConfigError(
            "a forecaster is trained with a weight of the contrast below 1, or its head would learn nothing; "
            "change objective_params"
        )
    if not model.objective.trains_encoder:
        model.encoder.requires_grad_(False)
    train(config, model.encoder, model.objective, panel)
    return model.eval()


def restored_forecaster(
    config: Configuration, channels: int, prefix: str, tensors: dict[str, Tensor]
) -> Forecaster:
    """A forecaster with stored weights, in evaluation mode."""
    with initial_weights(0, "about to be replaced"):
        encoder = blank_encoder(config, channels, 0)
        objective = blank_objective(
            config, encoder, channels=channels, covariates=0, classes=1, multilabel=False
        )
    model = Forecaster(encoder, objective).eval()
    model.load_state_dict(without_prefix(prefix, tensors))
    return model


def standardised_each(y: pd.DataFrame, lookback: Any, horizon: int) -> pd.DataFrame:
    """Every series of a data frame with a multi-index on its own scale.

    Raises
    ------
    DataError
        When one is too short or has an infinite value.
    """
    scaled = []
    for name, own in y.groupby(level=[*range(y.index.nlevels - 1)], sort=False):
        what = "the series " + " ".join(map(str, name))
        values = own.to_numpy(np.float64)
        refuse_unusable(values, 0, lookback, horizon, what=what, training=True)
        scaled.append(pd.DataFrame(scaler_of(values).transform(values), own.index, own.columns))
    return pd.concat(scaled)


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


def refuse_unusable(
    values: Array, held: int, lookback: Any, horizon: int, *, what: str, training: bool
) -> None:
    """Check that a series holds two training windows, or a look-back, before what is held back.

    Parameters
    ----------
    values : array, shape (time, channel)
    held : int
        Steps held back, at the end.
    lookback, horizon : int
        In steps.
    what : str
        The series, for messages.
    training : bool
        Whether it trains a forecaster.

    Raises
    ------
    DataError
        Saying how many steps are wanted, or naming the first infinite value.
    """
    lookback = whole(lookback, "lookback")
    wanted = lookback + (horizon + 1 if training else 0)
    if len(values) - held < wanted:
        back = f" beside the {held} held back for intervals" if held else ""
        raise DataError(
            f"{what} has {len(values)} steps, and look-back {lookback} and horizon {horizon} want {wanted}"
            f"{back}; give a longer series, or shorten lookback, the forecasting horizon or calibration"
        )
    if np.isinf(values).any():
        step, channel = np.argwhere(np.isinf(values))[0]
        raise DataError(
            f"{what} has an infinite value at step {step} of channel {channel}; mark it as missing (NaN) or "
            "fix it"
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

"""A forecaster with a contrast beside its error, pre-training on many series, and conformal intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sktime.datatypes import convert
from sktime.forecasting.base import BaseForecaster, ForecastingHorizon
from torch import Tensor

from tsrep.errors import ConfigError, DataError
from tsrep.estimators.estimator import Estimator, Stored
from tsrep.estimators.parameters import series_configuration, whole
from tsrep.estimators.reference import start_of
from tsrep.estimators.series_forecast import (
    SeriesForecast,
    refuse_empty,
    refuse_unusable,
    restored_forecaster,
    scaler_of,
    standardised_each,
    steps_held,
    trained,
)
from tsrep.estimators.time_index import continued, refuse_uneven
from tsrep.objectives.forecaster import Forecaster

SMALL: dict[str, Any] = {"encoder": "dilated-conv", "encoder_params": {"hidden": 4, "dim": 4, "depth": 1}}


@dataclass(eq=False, repr=False)
class ContrastiveForecaster(Estimator, BaseForecaster):  # type: ignore[misc]  # sktime has no types
    """Forecasts all steps of the horizon at once from a representation of the last steps.

    Parameters
    ----------
    lookback : int, default=36
        Steps that a forecast rests on.
    horizon : int, optional
        Steps ahead that are trained. None takes the furthest that is asked for in ``fit`` or ``pretrain``.
    encoder : str or mapping, default="patch-transformer"
        Name of an encoder of tsrep, or its settings with a ``name``. Or the reference of a trained
        one, such as a run folder: its weights are where training starts.
    contrast : str or mapping, optional
        Name or settings of an objective, such as ``"ts2vec"``, that is learned beside the error.
    encoder_params : mapping, optional
        Further settings of the encoder.
    objective_params : mapping, optional
        Further settings of objective ``forecast``: ``weight`` of the contrast, ``head``, ``norm``,
        ``mixing``; with a ``name``, those of another objective that forecasts.
    finetune : bool, default=True
        After ``pretrain``, whether ``fit`` continues to train on its series, or takes the weights as they
        are.
    calibration : float, default=0.2
        Share of the series, at its end and at least a horizon long, that trains nothing: the errors there
        give the prediction intervals. With 0 there are none, and all of the series trains.
    epochs : int, default=20
    batch_size : int, default=32
    lr : float, default=1e-3
    training_params : mapping, optional
        Further settings of the training loop.
    device : str, default="auto"
    random_state : int, RandomState, Generator or None, default=None

    Notes
    -----
    Each series is standardised on what trains of it. Steps are at equal distances; missing values are masked.
    Intervals are split-conformal: for each channel and step ahead they hold approximately as often as they
    say, and are infinite where too few errors are known (a level of 0.9 wants 9). ``update`` moves look-back
    and intervals on and leaves the weights as they are. Panels passed to ``fit`` get a forecaster for each
    series; ``pretrain`` learns one from all of them.

    Examples
    --------
    >>> from sktime.datasets import load_airline
    >>> from tsrep.estimators import ContrastiveForecaster
    >>> y = load_airline()
    >>> forecaster = ContrastiveForecaster(
    ...     lookback=24, encoder="dilated-conv", encoder_params={"hidden": 4, "dim": 4, "depth": 2}, epochs=1
    ... )
    >>> forecaster.fit(y, fh=[1, 2, 3]).predict().shape
    (3,)
    """

    lookback: int = 36
    horizon: int | None = None
    encoder: str | Mapping[str, Any] = "patch-transformer"
    contrast: str | Mapping[str, Any] | None = None
    encoder_params: Mapping[str, Any] | None = None
    objective_params: Mapping[str, Any] | None = None
    finetune: bool = True
    calibration: float = 0.2
    _: KW_ONLY
    batch_size: int = 32

    _tags: ClassVar[dict[str, Any]] = {
        "y_inner_mtype": "pd.DataFrame",
        "X_inner_mtype": "pd.DataFrame",
        "requires-fh-in-fit": True,
        "capability:exogenous": False,
        "capability:insample": False,
        "capability:pred_int": True,
        "capability:pred_int:insample": False,
        "capability:pretrain": True,
        "capability:update": True,
    }

    _test_params: ClassVar[list[dict[str, Any]]] = [
        {"lookback": 4, "epochs": 1, **SMALL},
        {
            "lookback": 4,
            "epochs": 1,
            "contrast": "ts2vec",
            "objective_params": {"mixing": "mixed", "weight": 0.5},
            "finetune": False,
            **SMALL,
        },
    ]

    def _pretrain(self, y: pd.DataFrame, X: Any = None, fh: Any = None) -> Self:
        del X
        horizon = self._trained_horizon(fh, y.shape[1])
        config = series_configuration(self, horizon)
        before = getattr(self, "pretrained_", None)
        self.pretrained_ = trained(config, standardised_each(y, self.lookback, horizon), before)
        self.pretrained_channels_, self._start = y.shape[1], start_of(config)
        return self

    def _fit(self, y: pd.DataFrame, X: Any, fh: Any) -> Self:
        del X
        horizon = self._trained_horizon(fh, y.shape[1])
        config = series_configuration(self, horizon)
        model: Forecaster | None = getattr(self, "pretrained_", None)
        training = model is None or self.finetune
        held = steps_held(self.calibration, len(y), horizon)
        values = y.to_numpy(np.float64)
        refuse_unusable(values, held, self.lookback, horizon, what="the series", training=training)
        refuse_uneven(y.index)
        past = values[: len(values) - held]
        refuse_empty(past, y.columns)
        scaler = scaler_of(past)
        if model is None or self.finetune:
            series = pd.DataFrame(scaler.transform(past), columns=y.columns)
            model = trained(config, pd.concat({0: series}), model)
        self._start = start_of(config)
        self.fitted_ = SeriesForecast(model, scaler, y.iloc[len(y) - held - self.lookback :].copy(), held)
        return self

    def _update(self, y: pd.DataFrame, X: Any = None, update_params: bool = True) -> Self:
        del X, update_params
        now = self.fitted_
        seen = continued(now.seen, y)
        held = now.held + len(seen) - len(now.seen) if now.held else 0
        self.fitted_ = replace(now, seen=seen.iloc[-(self.lookback + held) :], held=held)
        return self

    def _predict(self, fh: Any, X: Any) -> pd.DataFrame:
        del X
        values = self._ahead(fh, self.fitted_.forecast(self.device))
        return pd.DataFrame(values, fh.to_absolute_index(self.cutoff), self.fitted_.seen.columns)

    def _predict_interval(self, fh: Any, X: Any, coverage: list[float]) -> pd.DataFrame:
        del X
        middle = self.fitted_.forecast(self.device)
        radius = self.fitted_.radius(self.device, list(map(float, coverage)))
        ends = {
            (name, level, end): self._ahead(fh, middle[:, c] + sign * radius[float(level)][:, c])
            for c, name in enumerate(self.fitted_.seen.columns)
            for level in coverage
            for end, sign in (("lower", -1), ("upper", 1))
        }
        return pd.DataFrame(ends, fh.to_absolute_index(self.cutoff))

    def _ahead(self, fh: Any, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The steps that are asked for out of all that are forecast, shape (step, ...)."""
        steps = self._steps_ahead(fh)
        if steps.max() > len(values):
            raise ConfigError(
                f"{steps.max()} steps ahead are asked for, and {len(values)} can be forecast; fit with the "
                "horizon that is wanted"
            )
        return values[steps - 1]

    def _trained_horizon(self, fh: Any, channels: int) -> int:
        """Steps ahead to train: those pre-trained, else those set, else the furthest asked for."""
        before: Forecaster | None = getattr(self, "pretrained_", None)
        if before is None:
            return self._longest(fh)
        if channels != self.pretrained_channels_:
            raise DataError(
                f"the series has {channels} channels, the forecaster was pre-trained on "
                f"{self.pretrained_channels_}; give as many"
            )
        if fh is not None and self._longest(fh) > before.horizon:
            raise ConfigError(
                f"{self._longest(fh)} steps ahead are asked for, and the forecaster was pre-trained for "
                f"{before.horizon}; pre-train it with a longer fh"
            )
        return before.horizon

    def _longest(self, fh: Any) -> int:
        """Steps ahead that are set, else the furthest asked for."""
        if fh is None and self.horizon is None:
            raise ConfigError("how far ahead to forecast is not said; give fh, or set horizon")
        furthest = 0 if fh is None else int(self._steps_ahead(fh).max())
        horizon = furthest if self.horizon is None else whole(self.horizon, "horizon")
        if fh is not None and furthest > horizon:
            raise ConfigError(
                f"horizon is {horizon}, and {furthest} steps ahead are asked for; lengthen horizon or leave "
                "it out"
            )
        return horizon

    def _steps_ahead(self, fh: Any) -> NDArray[np.int64]:
        """Which steps after the last known one are asked for."""
        relative = fh if fh.is_relative else fh.to_relative(self.cutoff)
        steps = np.asarray(relative.to_pandas(), np.int64)
        if steps.min() < 1:
            raise ConfigError("steps that are known already cannot be forecast; give fh from 1 on")
        return steps

    def _stored(self) -> Stored:
        facts: dict[str, Any] = {"pretrained": None, "fitted": None, "start": getattr(self, "_start", None)}
        tensors: dict[str, Tensor] = {}
        if hasattr(self, "pretrained_"):
            facts["pretrained"] = {
                "horizon": self.pretrained_.horizon,
                "channels": self.pretrained_channels_,
                "attributes": list(self._pretrained_attrs),
            }
            tensors |= self.pretrained_.state_dict(prefix="pretrained.")
        if self._state != "fitted":
            return facts, tensors
        if self._is_vectorized:
            raise ConfigError(
                "the forecaster was fitted on several series and holds one for each; save those of "
                "forecasters_ one by one"
            )
        now, fitted = self.fitted_.stored()
        facts["fitted"] = now | {
            "mtype": self._y_metadata["mtype"],
            "name": self._converter_store_y.get("name"),
            "fh": self._steps_ahead(self._fh).tolist(),
            "fh_is_relative": bool(self._fh.is_relative),
        }
        return facts, tensors | fitted

    def _restore(self, facts: dict[str, Any], tensors: dict[str, Tensor]) -> None:
        before, now, self._start = facts["pretrained"], facts["fitted"], facts["start"]
        if before is not None:
            config = series_configuration(self, before["horizon"])
            self.pretrained_channels_ = before["channels"]
            self.pretrained_ = restored_forecaster(config, before["channels"], "pretrained", tensors)
            self._pretrained_attrs, self._state = before["attributes"], "pretrained"
        if now is not None:
            config = series_configuration(self, now["horizon"])
            self.fitted_ = SeriesForecast.restored(config, now, tensors)
            self._remember_series(self.fitted_.seen, now)

    def _remember_series(self, seen: pd.DataFrame, told: dict[str, Any]) -> None:
        """What fit of the base class notes about its series."""
        if told["mtype"] == "pd.Series":
            y: Any = seen.iloc[:, 0].rename(told["name"])
        else:
            y = convert(seen, "pd.DataFrame", told["mtype"], as_scitype="Series")
        _, inner = self._check_X_y(X=None, y=y)
        self._update_y_X(inner)
        self._set_cutoff(seen.index[-1:])
        fh = ForecastingHorizon(told["fh"], is_relative=True)
        self._fh = fh if told["fh_is_relative"] else fh.to_absolute(self.cutoff)
        self._is_vectorized, self._state = False, "fitted"

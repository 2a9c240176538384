"""A forecaster with a contrast beside its error, pre-training on many series, and conformal intervals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sktime.datatypes import convert
from sktime.forecasting.base import BaseForecaster, ForecastingHorizon
from torch import Tensor

from tsrep.errors import ConfigError, DataError
from tsrep.estimators.forecaster_state import restored_fit, restored_model, stored_fit
from tsrep.estimators.forecasting import (
    Fitted,
    Scale,
    refuse_empty,
    refuse_infinite,
    refuse_short,
    series_configuration,
    standardised_each,
    steps_held,
    trained,
    training_windows,
)
from tsrep.estimators.nesting import Nested
from tsrep.estimators.saving import SafeSaving, Stored
from tsrep.estimators.series_index import going_on, refuse_uneven
from tsrep.estimators.settings import whole
from tsrep.estimators.state import prefixed
from tsrep.objectives.forecaster import Forecaster


class ContrastiveForecaster(Nested, SafeSaving, BaseForecaster):  # type: ignore[misc]  # sktime has no types
    """Forecasts all steps of the horizon at once from a representation of the last steps.

    Parameters
    ----------
    lookback : int, default=36
        Steps that a forecast rests on.
    horizon : int, optional
        Steps ahead that are trained. None takes the furthest that is asked for in ``fit`` or ``pretrain``.
    encoder : str or mapping, default="patch-transformer"
        Name of an encoder of tsrep, or its settings with a ``name``.
    contrast : str or mapping, optional
        Name or settings of an objective, such as ``"ts2vec"``, that is learned beside the error.
    encoder_params : mapping, optional
        Further settings of the encoder.
    objective_params : mapping, optional
        Further settings of objective ``forecast``: ``weight`` of the contrast, ``head``, ``norm``,
        ``mixing``.
    finetune : bool, default=True
        After ``pretrain``, whether ``fit`` goes on training on its series, or takes the weights as they are.
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

    _tags = {  # noqa: RUF012 - sktime's way of declaring tags
        "authors": ["tsrep developers"],
        "maintainers": ["tsrep developers"],
        "python_dependencies": "torch",
        "y_inner_mtype": "pd.DataFrame",
        "X_inner_mtype": "pd.DataFrame",
        "requires-fh-in-fit": True,
        "capability:multivariate": True,
        "capability:exogenous": False,
        "capability:insample": False,
        "capability:pred_int": True,
        "capability:pred_int:insample": False,
        "capability:missing_values": True,
        "capability:categorical_in_X": False,
        "capability:pretrain": True,
        "capability:update": True,
        "capability:random_state": True,
        "property:randomness": "derandomized",
    }

    def __init__(
        self,
        lookback: int = 36,
        horizon: int | None = None,
        encoder: str | Mapping[str, Any] = "patch-transformer",
        contrast: str | Mapping[str, Any] | None = None,
        encoder_params: Mapping[str, Any] | None = None,
        objective_params: Mapping[str, Any] | None = None,
        finetune: bool = True,
        calibration: float = 0.2,
        epochs: int = 20,
        batch_size: int = 32,
        lr: float = 1e-3,
        training_params: Mapping[str, Any] | None = None,
        device: str = "auto",
        random_state: Any = None,
    ) -> None:
        self.lookback = lookback
        self.horizon = horizon
        self.encoder = encoder
        self.contrast = contrast
        self.encoder_params = encoder_params
        self.objective_params = objective_params
        self.finetune = finetune
        self.calibration = calibration
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.training_params = training_params
        self.device = device
        self.random_state = random_state
        super().__init__()

    def _pretrain(self, y: pd.DataFrame, X: Any = None, fh: Any = None) -> ContrastiveForecaster:
        del X
        self.pretrained_ = self._trained_on_many(y, self._longest(fh), None)
        self.pretrained_channels_ = y.shape[1]
        return self

    def _pretrain_update(self, y: pd.DataFrame, X: Any = None, fh: Any = None) -> ContrastiveForecaster:
        if not hasattr(self, "pretrained_"):
            return self._pretrain(y, X, fh)
        self._refuse_beyond(y.shape[1], None if fh is None else self._longest(fh))
        self.pretrained_ = self._trained_on_many(y, self.pretrained_.horizon, self.pretrained_)
        return self

    def _trained_on_many(self, y: pd.DataFrame, horizon: int, start: Forecaster | None) -> Forecaster:
        config = series_configuration(self, horizon)
        standard = standardised_each(y, self.lookback, horizon)
        return trained(config, training_windows(standard, self.lookback + horizon, y.columns), start)

    def _fit(self, y: pd.DataFrame, X: Any, fh: Any) -> ContrastiveForecaster:
        del X
        before = getattr(self, "pretrained_", None)
        horizon = self._longest(fh)
        if before is not None:
            self._refuse_beyond(y.shape[1], horizon)
            horizon = before.horizon
        config = series_configuration(self, horizon)
        training = before is None or self.finetune
        held = steps_held(self.calibration, len(y), horizon)
        refuse_short(len(y), held, self.lookback, horizon, what="the series", training=training)
        refuse_uneven(y.index)
        values = y.to_numpy(np.float64)
        refuse_infinite(values)
        past = values[: len(values) - held]
        refuse_empty(past, y.columns)
        scale = Scale.of(past)
        model = before
        if training:
            panel = training_windows([scale.apply(past)], self.lookback + horizon, y.columns)
            model = trained(config, panel, before)
        assert model is not None
        self.fitted_ = Fitted(model, scale, y.iloc[len(y) - held - self.lookback :].copy(), held)
        return self

    def _update(self, y: pd.DataFrame, X: Any = None, update_params: bool = True) -> ContrastiveForecaster:
        del X, update_params
        now = self.fitted_
        seen = going_on(now.seen, y)
        held = now.held + len(seen) - len(now.seen) if now.held else 0
        self.fitted_ = Fitted(now.model, now.scale, seen.iloc[-(self.lookback + held) :], held)
        return self

    def _predict(self, fh: Any, X: Any) -> pd.DataFrame:
        del X
        return self._frame(fh, self.fitted_.forecast(self.device))

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
        columns = pd.MultiIndex.from_tuples(list(ends))
        return pd.DataFrame(np.column_stack(list(ends.values())), index=self._index(fh), columns=columns)

    def _frame(self, fh: Any, values: NDArray[np.float64]) -> pd.DataFrame:
        return pd.DataFrame(self._ahead(fh, values), index=self._index(fh), columns=self.fitted_.seen.columns)

    def _index(self, fh: Any) -> pd.Index:
        return fh.to_absolute_index(self.cutoff)

    def _ahead(self, fh: Any, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The steps that are asked for out of all that are forecast, shape (step, ...)."""
        steps = np.asarray(fh.to_relative(self.cutoff).to_pandas(), np.int64)
        if steps.min() < 1 or steps.max() > len(values):
            raise ConfigError(
                f"steps {steps.min()} to {steps.max()} ahead are asked for, and 1 to {len(values)} can be "
                "forecast; fit with the horizon that is wanted"
            )
        return values[steps - 1]

    def _longest(self, fh: Any) -> int:
        """Steps ahead to train: those set, or the furthest asked for."""
        if fh is None and self.horizon is None:
            raise ConfigError("how far ahead to forecast is not said; give fh, or set horizon")
        if fh is None:
            return whole(self.horizon, "horizon")
        relative = fh if fh.is_relative else fh.to_relative(self.cutoff)
        steps = np.asarray(relative.to_pandas(), np.int64)
        if steps.min() < 1:
            raise ConfigError("steps that are known already cannot be forecast; give fh from 1 on")
        furthest = int(steps.max())
        if self.horizon is not None and furthest > whole(self.horizon, "horizon"):
            raise ConfigError(
                f"horizon is {self.horizon}, and {furthest} steps ahead are asked for; lengthen horizon or "
                "leave it out"
            )
        return furthest if self.horizon is None else whole(self.horizon, "horizon")

    def _refuse_beyond(self, channels: int, horizon: int | None) -> None:
        """Check that what was pre-trained can forecast so many channels and steps."""
        if channels != self.pretrained_channels_:
            raise DataError(
                f"the series has {channels} channels, the forecaster was pre-trained on "
                f"{self.pretrained_channels_}; give as many"
            )
        if horizon is not None and horizon > self.pretrained_.horizon:
            raise ConfigError(
                f"{horizon} steps ahead are asked for, and the forecaster was pre-trained for "
                f"{self.pretrained_.horizon}; pre-train it with a longer fh"
            )

    def _stored(self) -> Stored:
        facts: dict[str, Any] = {"pretrained": None, "fitted": None}
        tensors: dict[str, Tensor] = {}
        if hasattr(self, "pretrained_"):
            facts["pretrained"] = {
                "horizon": self.pretrained_.horizon,
                "channels": self.pretrained_channels_,
                "attributes": list(self._pretrained_attrs),
            }
            tensors |= prefixed("pretrained", self.pretrained_)
        if self._state != "fitted":
            return facts, tensors
        if self._is_vectorized:
            raise ConfigError(
                "the forecaster was fitted on several series and holds one for each; save those of "
                "forecasters_ one by one"
            )
        now, fitted = stored_fit(self.fitted_)
        facts["fitted"] = now | {
            "mtype": self._y_metadata["mtype"],
            "name": self._converter_store_y.get("name"),
            "fh": np.asarray(self._fh.to_relative(self.cutoff).to_pandas(), np.int64).tolist(),
            "fh_is_relative": bool(self._fh.is_relative),
        }
        return facts, tensors | fitted

    def _restore(self, facts: dict[str, Any], tensors: dict[str, Tensor]) -> None:
        before, now = facts["pretrained"], facts["fitted"]
        if before is not None:
            channels = self.pretrained_channels_ = before["channels"]
            self.pretrained_ = restored_model(self, "pretrained", before["horizon"], channels, tensors)
            self._pretrained_attrs, self._state = before["attributes"], "pretrained"
        if now is not None:
            self.fitted_ = restored_fit(self, now, tensors)
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

    @classmethod
    def get_test_params(cls, parameter_set: str = "default") -> list[dict[str, Any]]:
        """Small settings for sktime's tests."""
        del parameter_set
        small = {"encoder": "dilated-conv", "encoder_params": {"hidden": 4, "dim": 4, "depth": 1}}
        return [
            {"lookback": 4, "epochs": 1, **small},
            {
                "lookback": 4,
                "epochs": 1,
                "contrast": "ts2vec",
                "objective_params": {"mixing": "mixed", "weight": 0.5},
                "finetune": False,
                **small,
            },
        ]

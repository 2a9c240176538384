"""From the parameters of an estimator to the configuration that everything else in tsrep takes."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import numpy as np

from tsrep.errors import ConfigError
from tsrep.estimators.reference import is_reference
from tsrep.registry import OBJECTIVES
from tsrep.runs.config import Configuration, configure


def panel_configuration(estimator: Any) -> Configuration:
    """Configuration of an estimator that is fitted to a panel.

    Parameters
    ----------
    estimator : ContrastiveEncoder, TimestepEncoder or ContrastiveClassifier

    Raises
    ------
    ConfigError
        When a parameter is unknown or out of range, or the objective needs what instances do not have.
    """
    objective = named(estimator.objective, estimator.objective_params, "objective")
    method = OBJECTIVES.entry(str(objective["name"])).cls
    if method.forecasts:
        raise ConfigError(
            f"objective {objective['name']} is that of ContrastiveForecaster; use it, or another objective"
        )
    if "label" in method.needs and not estimator.labelled:
        raise ConfigError(
            f"objective {objective['name']} needs labels, which {type(estimator).__name__} does not get; "
            "use ContrastiveClassifier or an objective such as simclr"
        )
    return _configuration(
        estimator,
        dataset={"name": "arrays", "sfreq": 1.0},
        window={"seconds": None, "standardise": estimator.standardise},
        objective=objective,
        evaluation={
            "pool": getattr(estimator, "pool", "max-mean"),
            "finetune": settings_of(getattr(estimator, "finetune_params", None), "finetune_params"),
        },
    )


def series_configuration(estimator: Any, horizon: int) -> Configuration:
    """Configuration of a forecaster.

    Parameters
    ----------
    estimator : ContrastiveForecaster
    horizon : int
        In steps.

    Raises
    ------
    ConfigError
        When a parameter is unknown or out of range, or the objective makes no forecasts.
    """
    objective = {"name": "forecast", "lookback": estimator.lookback, "horizon": horizon}
    if estimator.contrast is not None:
        objective["contrast"] = named(estimator.contrast, None, "contrast")
    objective = named(objective, estimator.objective_params, "objective")
    if not OBJECTIVES.entry(str(objective["name"])).cls.forecasts:
        raise ConfigError(
            f"objective {objective['name']} makes no forecasts; give it as contrast, or leave the name "
            "out of objective_params"
        )
    return _configuration(estimator, dataset={"name": "series-csv", "calendar": False}, objective=objective)


def _configuration(estimator: Any, **more: Any) -> Configuration:
    epochs = whole(estimator.epochs, "epochs")
    training = {
        "epochs": epochs,
        "batch_size": estimator.batch_size,
        "lr": estimator.lr,
        # no part is held out to choose weights on, so the last ones are kept
        "patience": None,
        "keep": "last",
        "validate_every": max(epochs, 1),
        "save_seconds": 1e9,
    }
    return configure(
        {
            "seed": seed_of(estimator.random_state),
            "device": estimator.device,
            "training": training | settings_of(estimator.training_params, "training_params"),
            **more,
            **(getattr(estimator, "_start", None) or _start(estimator)),
        }
    )


def _start(estimator: Any) -> dict[str, Any]:
    """Settings of an encoder, or the reference of a trained one."""
    given, more = estimator.encoder, estimator.encoder_params
    if not is_reference(given):
        return {"encoder": named(given, more, "encoder")}
    if more:
        raise ConfigError(f"{given} has settings of its own; leave encoder_params out")
    return {"init": {"from": given}, "window": {"seconds": None}}


def named(part: Any, more: Any, what: str) -> dict[str, Any]:
    """Settings with a name, from a name or settings and further settings.

    Raises
    ------
    ConfigError
        When there is no name, or something is no mapping.
    """
    values = {"name": part} if isinstance(part, str) else part
    if not isinstance(values, Mapping) or "name" not in values:
        raise ConfigError(f"{what} is {part!r}; give a name such as 'simclr' or a mapping with a 'name'")
    return {**values, **settings_of(more, f"{what}_params")}


def settings_of(value: Any, what: str) -> dict[str, Any]:
    """A mapping of settings, empty for None.

    Raises
    ------
    ConfigError
        When it is none.
    """
    if not isinstance(value, Mapping | None):
        raise ConfigError(f"{what} is {value!r}; give a mapping of settings, or None")
    return dict(value or {})


def whole(value: Any, what: str) -> int:
    """An integer, NumPy's too.

    Raises
    ------
    ConfigError
        When it is none.
    """
    try:
        return operator.index(value)
    except TypeError:
        raise ConfigError(f"{what} is {value!r}; give a whole number") from None


def seed_of(random_state: Any) -> int:
    """Seed from an integer, a generator of NumPy, which is left as it is, or None, a fresh one.

    Raises
    ------
    ConfigError
        When it is nothing of that kind.
    """
    if random_state is None:
        return int(np.random.SeedSequence().generate_state(1)[0])
    if isinstance(random_state, np.random.RandomState):
        return int(deepcopy(random_state).randint(2**31 - 1))
    if isinstance(random_state, np.random.Generator):
        return int(deepcopy(random_state).integers(2**31 - 1))
    seed = whole(random_state, "random_state")
    if seed < 0:
        raise ConfigError(f"random_state is {seed}; give a whole number from 0 on, or None")
    return seed

"""From the parameters of an estimator to the configuration that everything else in tsrep takes."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any

import numpy as np

from tsrep.errors import ConfigError
from tsrep.registry import OBJECTIVES
from tsrep.runs.config import Configuration, configure

Part = str | Mapping[str, Any]
IN_MEMORY = {"name": "arrays", "sfreq": 1.0}


def named(part: Part | None, more: Mapping[str, Any] | None, what: str) -> dict[str, Any]:
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


def panel_configuration(estimator: Any, *, labels: bool) -> Configuration:
    """Configuration of an estimator that learns from instances.

    Parameters
    ----------
    estimator : ContrastiveEncoder, TimestepEncoder or ContrastiveClassifier
    labels : bool
        Whether it has labels.

    Raises
    ------
    ConfigError
        When a parameter is unknown or out of range, or the objective needs what instances do not have.
    """
    objective = named(estimator.objective, estimator.objective_params, "objective")
    if objective["name"] == "forecast":
        raise ConfigError("objective forecast is that of ContrastiveForecaster; use it, or another objective")
    config = configure(
        {
            "dataset": IN_MEMORY,
            "seed": seed_of(estimator.random_state),
            "device": estimator.device,
            "window": {"seconds": None, "standardise": estimator.standardise},
            "encoder": named(estimator.encoder, estimator.encoder_params, "encoder"),
            "objective": objective,
            "training": training_values(estimator),
            "evaluation": {
                "pool": getattr(estimator, "pool", "max-mean"),
                "finetune": settings_of(getattr(estimator, "finetune_params", None), "finetune_params"),
            },
        }
    )
    if "label" in OBJECTIVES.entry(config.objective.name).cls.needs and not labels:
        raise ConfigError(
            f"objective {config.objective.name} needs labels, which {type(estimator).__name__} does not get; "
            "use ContrastiveClassifier or an objective such as simclr"
        )
    return config


def training_values(estimator: Any, epochs: int | None = None) -> dict[str, Any]:
    """Settings of the training loop: there is no part to choose weights on, so the last ones are kept."""
    epochs = whole(estimator.epochs if epochs is None else epochs, "epochs")
    return {
        "epochs": epochs,
        "batch_size": estimator.batch_size,
        "lr": estimator.lr,
        "patience": None,
        "checkpoint": "last",
        "validate_every": max(epochs, 1),
        "save_seconds": 1e9,
    } | settings_of(estimator.training_params, "training_params")


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
        copy = np.random.RandomState()
        copy.set_state(random_state.get_state())
        return int(copy.randint(2**31 - 1))
    if isinstance(random_state, np.random.Generator):
        bits = type(random_state.bit_generator)()
        bits.state = random_state.bit_generator.state
        return int(np.random.Generator(bits).integers(2**31 - 1))
    seed = whole(random_state, "random_state")
    if seed < 0:
        raise ConfigError(f"random_state is {seed}; give a whole number from 0 on, or None")
    return seed

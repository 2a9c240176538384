"""Training in memory by tsrep's own loop, and what comes of it."""

from __future__ import annotations

import tempfile
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import nn

from tsrep.encoders.encoder import Encoder
from tsrep.errors import ConfigError
from tsrep.estimators.instances import Instances
from tsrep.estimators.settings import whole
from tsrep.objectives.objective import Objective
from tsrep.runs.build import new_encoder, new_objective
from tsrep.runs.config import Configuration
from tsrep.runs.fit import training_part
from tsrep.runs.prepare_panel import Prepared, refuse_unmet_needs
from tsrep.signals import Panel
from tsrep.signals.panel import Ints
from tsrep.signals.standardise import Scaler, fit_scaler
from tsrep.splits.split import Split
from tsrep.training.distributed import Ranks, pick_device
from tsrep.training.interrupt import Interrupted
from tsrep.training.loop import Trainer

Module = TypeVar("Module", bound=nn.Module)
NO_CHANGE = Scaler(np.zeros((1, 1), np.float32), np.ones((1, 1), np.float32))


@dataclass(frozen=True, eq=False)
class Learned:
    """An encoder on the CPU, and what signals are standardised by; None when each instance has its own."""

    encoder: Encoder
    scaler: Scaler | None


def learn(
    config: Configuration,
    instances: Instances,
    window: Any,
    label: Ints | None = None,
    classes: int = 1,
) -> Learned:
    """Train an encoder on instances.

    Parameters
    ----------
    config : Configuration
    instances : Instances
    window : int or None
        Steps of a training sample; None takes whole instances.
    label : int64 array, shape (instance,), optional

    Raises
    ------
    ConfigError, DataError
        When there is too little to train on, or the objective needs patients or trials that are not told.
    """
    panel, scaler = training_panel(config, instances, window, label, classes)
    encoder = new_encoder(config, panel, config.seed)
    objective = new_objective(config, encoder, panel, config.seed)
    if "patient" in objective.needs and not instances.grouped:
        raise ConfigError(
            f"objective {config.objective.name} needs to know patients and trials; give ContrastiveEncoder "
            "or TimestepEncoder a data frame with the levels patient, trial and time (see with_ids), or use "
            "an objective such as simclr"
        )
    train(config, encoder, objective, panel)
    return Learned(encoder, None if config.window.standardise == "record" else scaler)


def training_panel(
    config: Configuration, instances: Instances, window: Any, label: Ints | None, classes: int
) -> tuple[Panel, Scaler]:
    """Standardised samples of all instances, and what they were standardised by.

    Raises
    ------
    ConfigError
        When the window is no number of steps, longer than all instances, or there is one time step only.
    """
    if window is not None and whole(window, "window") < 1:
        raise ConfigError(f"window is {window}; give a number of steps from 1 on, or None")
    length = instances.training_length(None if window is None else whole(window, "window"))
    if length < 1:
        raise ConfigError("an instance alone needs two time steps at least; give more instances or steps")
    whole_instances = len(instances) > 1 and window is None
    windows = instances.windows(None if whole_instances else length)
    panel = instances.panel(windows, length, label, classes)
    scaler = fit_scaler(panel, config.window.standardise)
    return scaler.apply(panel), scaler


def train(config: Configuration, encoder: Encoder, objective: Objective, panel: Panel) -> None:
    """Train both on all samples, in place; they end on the CPU, in evaluation mode.

    Raises
    ------
    ConfigError
        When the samples do not give what the objective needs.
    """
    device = pick_device(config.device)
    every, some = np.arange(len(panel)), np.arange(min(len(panel), config.training.batch_size))
    split = Split(every, some, every[:0], "all samples")  # the second part is only watched
    prepared = Prepared(panel, panel, split, NO_CHANGE)
    refuse_unmet_needs(config, encoder, objective, prepared)
    first, second = (training_part(config, prepared, index, device, Ranks()) for index in (every, some))
    with tempfile.TemporaryDirectory(prefix="tsrep-") as folder:
        trainer = Trainer(
            encoder, objective, first, second, config.training, seed=config.seed, folder=Path(folder)
        )
        try:
            trainer.run()
        except Interrupted:
            raise KeyboardInterrupt from None
    for part in (encoder, objective):
        part.to("cpu").eval()
        part.requires_grad_(True)


def on_device(module: Module, device: torch.device) -> Module:
    """The module itself on the CPU, else a copy, so that what is fitted stays on the CPU."""
    return module if device.type == "cpu" else deepcopy(module).to(device)

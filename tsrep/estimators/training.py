"""Training in memory by tsrep's own loop: an encoder by its objective, and all weights on labels."""

from __future__ import annotations

import tempfile
from contextlib import nullcontext
from copy import deepcopy
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import nn

from tsrep.datasets.dataset import cache_folder
from tsrep.encoders.encoder import Encoder
from tsrep.errors import ConfigError
from tsrep.estimators.instances import Instances
from tsrep.estimators.parameters import whole
from tsrep.estimators.reference import scaler_of, taken
from tsrep.evaluation.protocols.finetune import FineTuning
from tsrep.objectives.objective import Objective
from tsrep.registry import PROTOCOLS
from tsrep.runs.build import new_encoder, new_objective
from tsrep.runs.config import Configuration
from tsrep.runs.contract import contract_of_panel
from tsrep.runs.prepare_panel import PreparedPanel
from tsrep.runs.task import PanelTask
from tsrep.runs.training_parts import training_part
from tsrep.signals import Panel
from tsrep.signals.contract import Window
from tsrep.signals.panel import Ints
from tsrep.signals.standardise import Scaler, fit_scaler
from tsrep.splits.split import Split
from tsrep.training.auto import settled
from tsrep.training.distributed import ALONE, pick_device
from tsrep.training.freezing import all_frozen
from tsrep.training.interrupt import Interrupted
from tsrep.training.loop import Trainer

Module = TypeVar("Module", bound=nn.Module)


def pretrain(
    config: Configuration, instances: Instances, window: Any, label: Ints | None = None, classes: int = 1
) -> tuple[Encoder, Scaler | None]:
    """Train an encoder on instances, or take one that was trained as it is.

    Parameters
    ----------
    config : Configuration
    instances : Instances
    window : int or None
        Steps of a training sample; None takes whole instances.
    label : int64 array, shape (instance,), optional
    classes : int

    Returns
    -------
    Encoder
        On the CPU, in evaluation mode.
    Scaler or None
        What signals are standardised by; None when each instance is by itself.

    Raises
    ------
    ConfigError, DataError
        When there is too little to train on, or the objective needs patients or trials that are not told.
    """
    if config.init is not None:
        scaler = scaler_of(config)
        panel, _ = training_panel(config, instances, window, label, classes, scaler)
        return taken(config, panel), scaler
    panel, scaler = training_panel(config, instances, window, label, classes)
    encoder = new_encoder(config, panel, config.seed)
    objective = new_objective(config, encoder, panel, config.seed)
    if "patient" in objective.needs and not instances.grouped:
        raise ConfigError(
            f"objective {config.objective.name} needs to know patients and trials; give ContrastiveEncoder "
            "or TimestepEncoder a data frame with the levels patient, trial and time (see with_ids), or use "
            "an objective such as simclr"
        )
    objective.refuse_unfit(encoder, panel)
    train(config, encoder, objective, panel)
    return encoder, None if config.window.standardise == "record" else scaler


def finetune(
    config: Configuration,
    encoder: Encoder,
    instances: Instances,
    window: Any,
    label: Ints,
    classes: int,
    scaler: Scaler | None = None,
) -> Objective:
    """Train an encoder, in place, and a head on labels, as the protocol does but for the choice of an epoch.

    Parameters
    ----------
    config : Configuration
        Its ``evaluation.finetune`` says how.
    encoder : Encoder
    instances : Instances
    window : int or None
        Steps of a training sample.
    label : int64 array, shape (instance,)
    classes : int
    scaler : Scaler, optional
        What the encoder's signals are standardised by, where that is one for all instances.

    Returns
    -------
    Objective
        The head.

    References
    ----------
    :class:`tsrep.evaluation.protocols.finetune.FineTuning`
    """
    panel, _ = training_panel(config, instances, window, label, classes, scaler)
    protocol: FineTuning = PROTOCOLS.build(config.evaluation.of("finetune"))
    head = protocol.new_head(encoder, classes, multilabel=False, seed=config.seed)
    protocol.start_head(encoder, head, panel, None, torch.device("cpu"))
    steps = max(1, len(panel) // protocol.training["batch_size"])
    how = {"choose": False, "amp": config.training.in_bfloat16, "compile": config.training.compiled}
    for phase in protocol.phases(head):
        settings = protocol.settings(steps, phase, **how)
        own = settings.model_dump(exclude_unset=True) | {"validate_every": settings.epochs}
        training = config.training.model_copy(update=own)
        changed = {"training": training, "objective": protocol.head, "sampler": None}
        with all_frozen(encoder) if phase.head_alone else nullcontext():
            train(config.model_copy(update=changed), encoder, head, panel)
    return head


def training_panel(
    config: Configuration,
    instances: Instances,
    window: Any,
    label: Ints | None,
    classes: int,
    scaler: Scaler | None = None,
) -> tuple[Panel, Scaler]:
    """Standardised samples of all instances, and what they were standardised by, if it was not given.

    Raises
    ------
    ConfigError
        When the window is no number of steps, longer than all instances, or there is one time step only.
    """
    if window is not None and whole(window, "window") < 1:
        raise ConfigError(f"window is {window}; give a number of steps from 1 on, or None")
    length = instances.training_length(window)
    if length < 1:
        raise ConfigError("an instance alone needs two time steps at least; give more instances or steps")
    windows = instances.windows(None if window is None and len(instances) > 1 else length)
    panel = instances.panel(windows, length, label, classes)
    scaler = scaler or fit_scaler(panel, config.window.standardise)
    return scaler.apply(panel), scaler


def train(config: Configuration, encoder: Encoder, objective: Objective, panel: Panel) -> None:
    """Train both on all samples, in place; they end on the CPU, in evaluation mode.

    Raises
    ------
    ConfigError
        When the samples do not give what the objective needs.
    """
    device = pick_device(config.device)
    every = np.arange(len(panel))
    watched = every[: config.training.batch_size]  # stands in for a validation part; nothing is chosen on it
    split = Split(every, watched, every[:0], "all samples")
    scaler, whole_samples = fit_scaler(panel, "none"), Window(steps=panel.length)
    contract = contract_of_panel(panel, whole_samples, "none", scaler, panel)
    prepared = PreparedPanel(panel, panel, split, scaler, contract)
    PanelTask(config).refuse_unmet_needs(encoder, objective, prepared)
    trained = [
        weight for part in (encoder, objective) for weight in part.parameters() if weight.requires_grad
    ]
    first, second = (training_part(config, prepared, index, device, ALONE) for index in (every, watched))
    training, _ = settled(config.training, device, cache_folder(None))
    with tempfile.TemporaryDirectory(prefix="tsrep-") as folder:
        trainer = Trainer(
            encoder,
            objective,
            first,
            second,
            training,
            seed=config.seed,
            folder=Path(folder),
            resumable=False,  # the folder does not outlast an interruption
        )
        try:
            trainer.run()
        except Interrupted:
            raise KeyboardInterrupt from None
    for module in (encoder, objective):
        module.to("cpu").eval()
    for weight in trained:  # inner optimisations left theirs frozen
        weight.requires_grad_(True)


def on_device(module: Module, device: torch.device) -> Module:
    """The module itself on the CPU, else a copy, so that what is fitted stays on the CPU."""
    return module if device.type == "cpu" else deepcopy(module).to(device)

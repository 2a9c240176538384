"""What an objective needs of the data that it is trained on, checked before the first step."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from torch import nn

from tsrep.encoders.encoder import Encoder
from tsrep.errors import ConfigError
from tsrep.evaluation.labels.evaluation import refuse_silent
from tsrep.objectives.objective import Objective
from tsrep.registry import DATASETS
from tsrep.runs.batches import sampler_of
from tsrep.runs.build import new_objective
from tsrep.runs.config import Configuration
from tsrep.runs.prepared import Prepared
from tsrep.signals import Panel
from tsrep.signals.panel import Ints


def refuse_unmet_needs(
    config: Configuration, encoder: Encoder, objective: Objective, prepared: Prepared
) -> None:
    """Check that there is something to train, and that the training part has what the objective contrasts.

    Raises
    ------
    ConfigError
        Naming the first need that is not met.
    """
    _refuse_short_samples(config, encoder, prepared.panel)
    if not any(p.requires_grad for p in _trained(encoder, objective)):
        raise ConfigError(
            f"encoder {config.encoder.name} has no weights and objective {config.objective.name} adds none "
            "to train; use another encoder, or objective forecast"
        )
    refuse_missing_labels(config, prepared)
    if objective.contrasts_patients and not patients_known(config):
        raise ConfigError(
            f"objective {config.objective.name} contrasts patients, but those of {config.dataset.name} are "
            "not known, as one recording is taken for one person; set objective.patient_weight=0 or take "
            "another objective"
        )
    train = prepared.panel.select(prepared.split.train)
    _refuse_lonely_samples(config.objective.name, objective, train)
    _refuse_unfit(config, encoder, objective, prepared)
    if config.pretrain is not None:
        alone = config.objective_class.pretraining(config.objective)
        first = config.model_copy(update={"objective": alone, "training": config.pretrain})
        try:
            _refuse_unfit(first, encoder, new_objective(first, encoder, train, config.seed), prepared)
        except ConfigError as error:
            raise ConfigError(re.sub(r"\btraining\.", "pretrain.", str(error))) from error


def refuse_missing_labels(config: Configuration, prepared: Prepared) -> None:
    """Check that there are labels where the objective learns from them, before it is built for their classes.

    Raises
    ------
    ConfigError, DataError
    """
    if "label" not in config.objective_class.needs_of(config.objective):
        return
    split, usable = prepared.split, usable_labels(config, prepared.panel)
    if not (usable[split.train].any() and usable[split.validation].any()):
        raise ConfigError(
            f"objective {config.objective.name} learns from labels, and the training or the validation part "
            "has no sample whose labels are known; use an objective that needs none, or another split"
        )
    refuse_silent(prepared.panel, split.train)


def usable_labels(config: Configuration, panel: Panel) -> NDArray[np.bool_]:
    """Which samples have labels that the objective can learn from, shape (sample,)."""
    return panel.stated if config.objective_class.takes_unknown else panel.labelled


def learned_from(config: Configuration, panel: Panel, index: Ints) -> Ints:
    """Samples of a part that the objective learns from: where it needs labels, those that have them."""
    if "label" not in config.objective_class.needs_of(config.objective):
        return index
    return index[usable_labels(config, panel)[index]]


def patients_known(config: Configuration) -> bool:
    """False where one recording is taken for one person."""
    return bool(DATASETS.build(config.dataset).independence != "recording")


def _refuse_short_samples(config: Configuration, encoder: Encoder, panel: Panel) -> None:
    if panel.length < encoder.stride:
        raise ConfigError(
            f"samples of {panel.length} steps are shorter than one step of the encoder "
            f"{config.encoder.name}, which has {encoder.stride}; raise window.seconds or take another encoder"
        )


def _trained(encoder: Encoder, objective: Objective) -> Iterator[nn.Parameter]:
    """Weights of both without those that an inner optimisation trains."""
    apart = {id(p) for one in objective.inner_optimisations() for p in one.module.parameters()}
    return (p for part in (encoder, objective) for p in part.parameters() if id(p) not in apart)


def _refuse_unfit(config: Configuration, encoder: Encoder, objective: Objective, prepared: Prepared) -> None:
    """Ask the objective of a phase of training whether it can learn from its samples and its batches."""
    objective.refuse_unfit(encoder, prepared.panel.select(prepared.split.train))
    samples = prepared.panel.select(learned_from(config, prepared.panel, prepared.split.train))
    objective.refuse_batches(encoder, samples, sampler_of(config, samples).epoch(1))


def _refuse_lonely_samples(name: str, objective: Objective, train: Panel) -> None:
    for what, ids, remedy in (
        ("trial", train.trial, "shorten window.seconds"),
        ("patient", train.patient, "shorten window.seconds or add records"),
    ):
        if what in objective.repeats and len(np.unique(ids)) == len(train):
            raise ConfigError(
                f"objective {name} needs several samples of a {what}, but each has one; {remedy}"
            )
    if "patient" in objective.needs and len(np.unique(train.patient)) < 2:
        raise ConfigError(f"objective {name} needs at least two training patients; add patients")

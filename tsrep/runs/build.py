"""Modules from a configuration, initialised from an explicit seed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from tsrep.encoders.encoder import Encoder
from tsrep.objectives.objective import Objective
from tsrep.registry import OBJECTIVES
from tsrep.rng import initial_weights
from tsrep.runs.architecture import Architecture
from tsrep.runs.config import Configuration
from tsrep.signals import Panel


def architecture_of(config: Configuration, channels: int, covariates: int) -> Architecture:
    """What makes an encoder for what the objective shows it of so many channels."""
    seen = config.objective_class.encoder_channels(config.objective, channels, covariates)
    return Architecture(config.encoder, seen)


def blank_encoder(config: Configuration, channels: int, covariates: int) -> Encoder:
    """Encoder for what the objective shows it of so many channels; torch's initialisers fill its weights."""
    return architecture_of(config, channels, covariates).blank()


def blank_objective(
    config: Configuration, encoder: Encoder, weights: Mapping[str, Tensor] | None = None, **data: Any
) -> Objective:
    """Objective for an encoder and what a run knows of its data: counts, names, whether multi-label.

    Some of its weights may be given, before the parts are copied that follow others slowly.
    """
    objective: Objective = OBJECTIVES.build(config.objective, dim=encoder.dim, stride=encoder.stride, **data)
    objective.load_state_dict(weights or {}, strict=False)
    objective.attach(encoder)
    return objective


def new_encoder(config: Configuration, panel: Panel, seed: int) -> Encoder:
    """Encoder with random weights for the channels of a panel."""
    with initial_weights(seed, "encoder"):
        return blank_encoder(config, len(panel.channels), panel.covariates)


def new_objective(
    config: Configuration,
    encoder: Encoder,
    panel: Panel,
    seed: int,
    weights: Mapping[str, Tensor] | None = None,
) -> Objective:
    """Objective with random weights for an encoder and a panel, but for those that are given."""
    with initial_weights(seed, "objective"):
        return blank_objective(
            config,
            encoder,
            weights,
            covariates=panel.covariates,
            channels=len(panel.channels),
            classes=len(panel.classes),
            channel_names=panel.channels,
            class_names=panel.classes,
            multilabel=panel.multilabel,
        )

"""Modules from a configuration, initialised from an explicit seed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from tsrep.encoders.encoder import Encoder
from tsrep.objectives.objective import Objective
from tsrep.registry import ENCODERS, OBJECTIVES
from tsrep.rng import torch_generator
from tsrep.runs.config import Configuration
from tsrep.signals import Panel


@contextmanager
def initial_weights(*key: int | str) -> Iterator[None]:
    """Make torch's default initialisers draw from a key, and put the global generator back after."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(torch_generator(*key).initial_seed())
        yield


def new_encoder(config: Configuration, panel: Panel, seed: int) -> Encoder:
    """Encoder with random weights for the channels of a panel."""
    with initial_weights(seed, "encoder"):
        encoder: Encoder = ENCODERS.build(config.encoder, channels=len(panel.channels))
    return encoder


def new_objective(config: Configuration, encoder: Encoder, panel: Panel, seed: int) -> Objective:
    """Objective with random weights for an encoder and a panel."""
    runtime = {
        "covariates": panel.covariates,
        "dim": encoder.dim,
        "channels": len(panel.channels),
        "classes": len(panel.classes),
        "multilabel": panel.multilabel,
    }
    with initial_weights(seed, "objective"):
        objective: Objective = OBJECTIVES.build(config.objective, **runtime)
    return objective

"""The score by which training chooses its weights: a quick probe on validation patients."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from tsrep.encoders.encoder import Encoder
from tsrep.encoders.pooling import POOLS
from tsrep.evaluation.embedding import embed
from tsrep.evaluation.probe import validation_probe
from tsrep.rng import numpy_generator
from tsrep.runs.config import Configuration
from tsrep.runs.prepare import Prepared
from tsrep.signals.panel import Ints

LARGEST = 8192  # windows of each part; keeps a validation short against an epoch of any data set
PROBE_NAME = "validation probe macro AUROC"


def probe_score(
    config: Configuration, prepared: Prepared, device: torch.device
) -> Callable[[Encoder, torch.nn.Module], float]:
    """Macro AUROC on validation windows of a probe fitted on training windows."""
    parts = [_some(part, config.seed) for part in (prepared.split.train, prepared.split.validation)]
    train, validation = (prepared.panel.select(part) for part in parts)

    def score(encoder: Encoder, _objective: torch.nn.Module) -> float:
        pool = POOLS[config.evaluation.pool]
        x, held = (
            embed(encoder, panel, pool=pool, device=device, amp=config.training.amp)
            for panel in (train, validation)
        )
        return validation_probe(x, train.label, held, validation.label, len(train.classes))

    return score


def _some(index: Ints, seed: int) -> Ints:
    if len(index) <= LARGEST:
        return index
    return np.sort(numpy_generator(seed, "validation probe").choice(index, LARGEST, replace=False))

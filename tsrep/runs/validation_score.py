"""The score by which training chooses its weights, on validation patients or validation time."""

from __future__ import annotations

from math import gcd

import numpy as np
import torch

from tsrep.encoders.encoder import Encoder
from tsrep.encoders.pooling import POOLS
from tsrep.evaluation.embedding import embed
from tsrep.evaluation.forecasts.features import validation_error
from tsrep.evaluation.forecasts.settings import ForecastSettings
from tsrep.evaluation.labels.linear_probe import validation_probe
from tsrep.objectives.objective import Objective
from tsrep.registry import PROTOCOLS
from tsrep.rng import numpy_generator
from tsrep.runs.config import Configuration
from tsrep.runs.prepare_panel import PreparedPanel
from tsrep.runs.prepare_series import PreparedSeries
from tsrep.runs.prepared import Prepared
from tsrep.sampling.batches import PanelTensors
from tsrep.signals.panel import Ints
from tsrep.training.loop import ValidationScore

LARGEST = 8192  # windows of each part; keeps a validation short against an epoch of any data set
PROBE_NAME = "validation probe macro AUROC"
FORECAST_NAME = "minus validation MSE"
AT_ONCE = 256  # windows that are forecast together
MOST_INSTANCES = 8  # series of one channel each; keeps a validation short, however many there are


def direct_score(prepared: PreparedSeries, device: torch.device) -> ValidationScore:
    """Minus the mean squared error of the objective's own forecasts of every validation window."""
    tensors = PanelTensors(prepared.panel.select(prepared.split.validation), device)
    covariates = prepared.panel.covariates

    def score(encoder: Encoder, objective: Objective) -> float:
        total, count = 0.0, 0
        for at in range(0, len(tensors), AT_ONCE):
            x = tensors.batch(np.arange(at, min(at + AT_ONCE, len(tensors)))).x
            past, known = x[..., : objective.lookback], x[:, :covariates, objective.lookback :]
            target = x[:, covariates:, objective.lookback :]
            error = objective.predict(encoder, past, known) - target
            there = ~target.isnan()  # a forecast that is not a number is no missing target
            total += float(torch.where(there, error.square(), 0).sum(dtype=torch.float64))
            count += int(there.sum())
        return -total / count

    return score


def forecast_score(config: Configuration, prepared: PreparedSeries, device: torch.device) -> ValidationScore:
    """Minus the mean squared error of a ridge forecast from the representation, on validation time.

    Of many instances some at equal distances are scored.
    """
    instances = prepared.instances[:: -(-len(prepared.instances) // MOST_INSTANCES)]
    stride = origin_stride(instances[0].period)
    settings: ForecastSettings = PROTOCOLS.build(config.evaluation.of("forecast"))

    def score(encoder: Encoder, _objective: Objective) -> float:
        return -validation_error(
            encoder,
            instances,
            prepared.spans,
            settings,
            stride=stride,
            device=device,
        )

    return score


def origin_stride(period: int) -> int:
    """Steps from one scored origin to the next, so that no step of the main season is passed over."""
    return next(stride for stride in (7, 11, 13, 1) if gcd(stride, period) == 1)


def labelled_parts(prepared: Prepared) -> tuple[Ints, Ints]:
    """Training and validation windows whose labels are wholly known."""
    known, split = prepared.panel.labelled, prepared.split
    return split.train[known[split.train]], split.validation[known[split.validation]]


def probe_score(
    config: Configuration, prepared: PreparedPanel, device: torch.device
) -> ValidationScore | None:
    """Macro AUROC on validation windows of a probe fitted on training windows, where labels are known.

    None where a part has no known label.
    """
    parts = [_some(part, config.seed) for part in labelled_parts(prepared)]
    train, validation = (prepared.panel.select(part) for part in parts)
    if not len(train) or not len(validation):
        return None

    def score(encoder: Encoder, _objective: Objective) -> float:
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

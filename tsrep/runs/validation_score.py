"""The scores by which training may choose its weights, on validation patients or validation time."""

from __future__ import annotations

from collections.abc import Mapping
from math import gcd

import numpy as np
import torch
from numpy.typing import NDArray

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
from tsrep.signals.panel import Ints, Panel
from tsrep.training.loop import ValidationScore

LARGEST = 8192  # windows of a draw with all labels; keeps a validation short against an epoch of any data
PROBE_NAME = "validation probe macro AUROC"
FORECAST_NAME = "minus validation MSE"
AT_ONCE = 256  # windows that are forecast together
MOST_INSTANCES = 8  # series of one channel each; keeps a validation short, however many there are


def direct_score(prepared: PreparedSeries, device: torch.device) -> ValidationScore:
    """Minus the mean squared error of the objective's own forecasts of every validation window."""
    tensors = PanelTensors(prepared.panel.select(prepared.split.validation), device)
    covariates = prepared.panel.covariates

    def score(encoder: Encoder, objective: Objective) -> dict[str, float]:
        total, count = 0.0, 0
        for at in range(0, len(tensors), AT_ONCE):
            x = tensors.batch(np.arange(at, min(at + AT_ONCE, len(tensors)))).x
            past, known = x[..., : objective.lookback], x[:, :covariates, objective.lookback :]
            target = x[:, covariates:, objective.lookback :]
            error = objective.predict(encoder, past, known) - target
            there = ~target.isnan()  # a forecast that is not a number is no missing target
            total += float(torch.where(there, error.square(), 0).sum(dtype=torch.float64))
            count += int(there.sum())
        return {"": -total / count}

    return score


def forecast_score(config: Configuration, prepared: PreparedSeries, device: torch.device) -> ValidationScore:
    """Minus the mean squared error of a ridge forecast from the representation, on validation time.

    Of many instances some at equal distances are scored.
    """
    instances = prepared.instances[:: -(-len(prepared.instances) // MOST_INSTANCES)]
    stride = origin_stride(instances[0].period)
    settings: ForecastSettings = PROTOCOLS.build(config.evaluation.of("forecast"))

    def score(encoder: Encoder, _objective: Objective) -> dict[str, float]:
        error = validation_error(encoder, instances, prepared.spans, settings, stride=stride, device=device)
        return {"": -error}

    return score


def origin_stride(period: int) -> int:
    """Steps from one scored origin to the next, so that no step of the main season is passed over."""
    return next(stride for stride in (7, 11, 13, 1) if gcd(stride, period) == 1)


def labelled_parts(prepared: Prepared) -> tuple[Ints, Ints]:
    """Training and validation windows of which a class at least is known."""
    known, split = prepared.panel.stated, prepared.split
    return split.train[known[split.train]], split.validation[known[split.validation]]


def probe_score(
    config: Configuration,
    prepared: PreparedPanel,
    draws: Mapping[str, Ints],
    held: Mapping[str, Ints],
    device: torch.device,
) -> ValidationScore:
    """Macro AUROC on validation windows of probes, one for each draw of labels.

    Parameters
    ----------
    config : Configuration
    prepared : PreparedPanel
    draws : mapping of str to int64 array
        Training windows whose labels a probe is fitted on; of many some are used, most where all labels are.
    held : mapping of str to int64 array
        Validation windows whose labels judge the probe of the same name, likewise.
    device : torch.device
    """
    train, fitted = _together(prepared.panel, draws, config.seed)
    validation, judged = _together(prepared.panel, held, config.seed)

    def score(encoder: Encoder, _objective: Objective) -> dict[str, float]:
        pool = POOLS[config.evaluation.pool]
        x, z = (
            embed(encoder, panel, pool=pool, device=device, amp=config.training.in_bfloat16)
            for panel in (train, validation)
        )
        return {
            name: validation_probe(
                x[row],
                train.label[row],
                z[judged[name]],
                validation.label[judged[name]],
                len(train.classes),
                known=(_known(train, row), _known(validation, judged[name])),
            )
            for name, row in fitted.items()
        }

    return score


def _together(panel: Panel, draws: Mapping[str, Ints], seed: int) -> tuple[Panel, dict[str, Ints]]:
    """The samples of all draws as one panel, and for each draw the positions of its samples in it.

    Of a draw of very many some are taken.
    """
    drawn = {
        name: _some(index, LARGEST if place == 0 else LARGEST // 4, seed)
        for place, (name, index) in enumerate(draws.items())
    }
    samples = np.unique(np.concatenate([*drawn.values()]))
    return panel.select(samples), {name: np.searchsorted(samples, index) for name, index in drawn.items()}


def _known(panel: Panel, row: Ints) -> NDArray[np.bool_] | None:
    return None if panel.class_mask is None else panel.class_mask[row]


def _some(index: Ints, most: int, seed: int) -> Ints:
    if len(index) <= most:
        return index
    return np.sort(numpy_generator(seed, "validation probe").choice(index, most, replace=False))

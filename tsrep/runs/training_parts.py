"""The samples that a training learns from and is validated on, in batches."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch

from tsrep.runs.batches import sampler_of
from tsrep.runs.config import Configuration
from tsrep.runs.prepared import Prepared
from tsrep.runs.task.needs import learned_from
from tsrep.sampling.batches import PanelTensors
from tsrep.signals.batch import Batch
from tsrep.signals.panel import Ints
from tsrep.training.distributed import ALONE, Ranks
from tsrep.training.loop import Part


def both_parts(
    config: Configuration, prepared: Prepared, device: torch.device, ranks: Ranks
) -> tuple[Part, Part]:
    """Training and validation part.

    Parameters
    ----------
    config : Configuration
    prepared : Prepared
    device : torch.device
    ranks : Ranks
    """
    part = partial(training_part, config, prepared, device=device, ranks=ranks)
    return part(prepared.split.train), part(prepared.split.validation)


def batches_of(config: Configuration, prepared: Prepared, index: Ints) -> Iterator[Batch]:
    """All samples of a part once, the same in every process.

    Parameters
    ----------
    config : Configuration
    prepared : Prepared
    index : array of int
        The samples.
    """
    part = training_part(config, prepared, index, torch.device("cpu"), ALONE)
    yield from map(part.tensors.batch, part.sampler.epoch(1))


def training_part(
    config: Configuration,
    prepared: Prepared,
    index: Ints,
    device: torch.device,
    ranks: Ranks,
) -> Part:
    """Samples of a part in the batches that the objective wants.

    Parameters
    ----------
    config : Configuration
    prepared : Prepared
    index : array of int
        The samples; those without a label are left out where the objective needs one.
    device : torch.device
    ranks : Ranks
    """
    panel = prepared.panel.select(learned_from(config, prepared.panel, index))
    return Part(PanelTensors(panel, device), sampler_of(config, panel, rank=ranks.rank, world=ranks.world))

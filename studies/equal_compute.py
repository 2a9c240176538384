"""What a step of an objective costs, and how many epochs a budget of operations pays for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from tsrep.rng import torch_generator
from tsrep.runs.build import new_encoder, new_objective
from tsrep.runs.config import Configuration
from tsrep.runs.prepared import Prepared
from tsrep.runs.training_parts import training_part
from tsrep.training.averaging import Step
from tsrep.training.checkpoint import Position
from tsrep.training.distributed import ALONE
from tsrep.training.inner_optimisation import InnerOptimisations

CPU = torch.device("cpu")
TIMED = 3
COUNTED = 16


@dataclass(frozen=True)
class Cost:
    """Of one step of training, forward and backward, with heads, teachers and inner optimisations.

    Attributes
    ----------
    operations : float
        Additions and multiplications of matrix products, convolutions and attention; Fourier transforms,
        recursions, normalisations and views are not counted, so that processor time stands beside it.
    seconds : float
        Of processor time of one thread.
    steps : int
        Of an epoch.
    """

    operations: float
    seconds: float
    steps: int

    @property
    def epoch(self) -> float:
        """Operations of an epoch."""
        return self.operations * self.steps


def cost_of(config: Configuration, prepared: Prepared) -> Cost:
    """Cost of a step on a batch of the training part.

    Operations are a mean over draws, as those of random crops and masks vary; the time is that of the
    quickest of three steps.
    """
    encoder = new_encoder(config, prepared.panel, config.seed)
    objective = new_objective(config, encoder, prepared.panel, config.seed)
    part = training_part(config, prepared, prepared.split.train, CPU, ALONE)
    batches = part.sampler.epoch(1)
    objective.begin(len(batches) * config.training.epochs)
    net = Step(encoder, objective).train()
    inner = InnerOptimisations(net, config.training, config.seed, CPU, ALONE)
    batch = part.tensors.batch(max(batches, key=len))

    def step(draw: int = 0) -> None:
        inner.step(batch, Position(), 1.0)
        terms = net(batch, torch_generator(config.seed, "cost", draw))
        torch.stack(list(terms.values())).sum().backward()  # type: ignore[no-untyped-call]

    with FlopCounterMode(display=False) as counter:
        for draw in range(COUNTED):
            step(draw)
    with _one_thread():
        seconds = min(_seconds(step) for _ in range(TIMED))
    return Cost(counter.get_total_flops() / COUNTED, seconds, len(batches))


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _seconds(step: Callable[[], None]) -> float:
    began = time.process_time()
    step()
    return time.process_time() - began


@dataclass(frozen=True)
class Budget:
    """What every run may spend.

    Attributes
    ----------
    operations : float
    epochs : int
        Of the reference method that spend it.
    """

    operations: float
    epochs: int

    @classmethod
    def measured(cls, reference: Cost, minutes: float) -> Budget:
        """That of a method in some minutes of one thread of this machine.

        Parameters
        ----------
        reference : Cost
        minutes : float
        """
        epochs = max(1, round(60 * minutes / (reference.seconds * reference.steps)))
        return cls(reference.epoch * epochs, epochs)

    def epochs_of(self, cost: Cost, share: float = 1.0) -> int:
        """Whole epochs next to a share of the budget, one at least."""
        return max(1, round(share * self.operations / cost.epoch))

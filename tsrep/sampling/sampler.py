"""Batch samplers: an order of the samples, random or by groups, cut into batches and dealt to the ranks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from tsrep.errors import ConfigError
from tsrep.registry import SAMPLERS
from tsrep.rng import numpy_generator
from tsrep.signals import Panel
from tsrep.signals.panel import Ints


@dataclass(eq=False)
class Sampler(ABC):
    """Batches of a panel as a pure function of (seed, epoch).

    Nothing is remembered between epochs, so a run resumes in the middle of one by slicing the list
    that :meth:`epoch` gives at its cursor.

    Parameters
    ----------
    panel : Panel
        The training samples.
    batch_size : int
        Samples in a step over all ranks together; each of ``world`` ranks gets its share.
    seed : int
        Non-negative.
    rank, world : int
        This process and the number of processes.

    Raises
    ------
    ConfigError
        When a rank would get fewer than two samples in a step, or unequal shares.
    """

    panel: Panel
    batch_size: int
    seed: int
    rank: int = 0
    world: int = 1

    def __post_init__(self) -> None:
        if self.batch_size % self.world or self.batch_size < 2 * self.world:
            raise ConfigError(
                f"a batch of {self.batch_size} cannot give {self.world} processes equal shares of at least 2 "
                f"samples; set batch_size to a multiple of {self.world} from {2 * self.world} on"
            )
        if len(self.panel) < 2 * self.world:
            raise ConfigError(
                f"{len(self.panel)} sample(s) of a part do not make a batch for {self.world} process(es); "
                "each needs at least 2 samples"
            )

    @abstractmethod
    def order(self, rng: np.random.Generator) -> Ints:
        """All sample indices in the order of an epoch."""

    def epoch(self, epoch: int) -> list[Ints]:
        """Index arrays of this rank's batches in ``epoch``, in order.

        With one process every sample comes exactly once. With more, all ranks get equally many
        batches, batch ``k`` of every rank is equally large, and of the last global batch up to
        ``world - 1`` samples are dropped.
        """
        return self.deal(self.order(numpy_generator(self.seed, "sampling", epoch)))

    def deal(self, order: Ints) -> list[Ints]:
        """This rank's equal part of each batch; a last batch too small for all joins the one before it."""
        ends = np.arange(self.batch_size, len(order), self.batch_size)
        if len(ends) and len(order) - ends[-1] < 2 * self.world:
            ends = ends[:-1]
        shares = [batch[: len(batch) // self.world * self.world] for batch in np.split(order, ends)]
        return [share.reshape(self.world, -1)[self.rank] for share in shares]


@SAMPLERS.register("random", runtime=("panel", "batch_size", "seed", "rank", "world"))
class RandomSampler(Sampler):
    """A fresh permutation of all samples each epoch."""

    def order(self, rng: np.random.Generator) -> Ints:
        """All sample indices, permuted."""
        return rng.permutation(len(self.panel))


def codes(ids: Ints) -> Ints:
    """Ids renumbered 0, 1, 2, ... ; shape (sample,)."""
    return np.unique(ids, return_inverse=True)[1].astype(np.int64)


def shuffled_groups(group: Ints, rng: np.random.Generator) -> Ints:
    """Permutation in which groups are contiguous; groups and the members inside are in random order.

    Parameters
    ----------
    group : int64 array, shape (sample,)
        Group of each sample, numbered from 0.
    """
    members = rng.permutation(len(group))
    place = rng.permutation(int(group.max(initial=-1)) + 1)
    return members[np.argsort(place[group[members]], kind="stable")]


def random_position(group: Ints, rng: np.random.Generator) -> Ints:
    """A random running number of each sample inside its group, from 0; shape (sample,)."""
    order = shuffled_groups(group, rng)
    _, first, inverse = np.unique(group[order], return_index=True, return_inverse=True)
    return (np.arange(len(group)) - first[inverse])[np.argsort(order)]


def pairs(left: Ints, right: Ints) -> Ints:
    """Number, from 0, of each distinct pair of two non-negative numberings; shape (sample,)."""
    return codes(left * (int(right.max(initial=0)) + 1) + right)

"""Conformance of batch samplers."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from tsrep.sampling.sampler import Sampler
from tsrep.signals import Panel
from tsrep.signals.panel import Ints
from tsrep.testing.assertions import global_randomness_untouched, require
from tsrep.testing.examples import example_panel


class Make(Protocol):
    """What builds a sampler."""

    def __call__(self, *, panel: Panel, batch_size: int, seed: int, rank: int, world: int) -> Sampler:
        """A fresh sampler."""
        ...


def check_sampler(make: Make) -> None:
    """Check what a sampler promises; see :class:`tsrep.sampling.sampler.Sampler`.

    Parameters
    ----------
    make : callable
        ``make(panel=, batch_size=, seed=, rank=, world=)`` gives a fresh sampler.

    Raises
    ------
    AssertionError
        Naming the broken promise.
    """
    # 66 samples: with batches of 13, one would be left alone.
    panel = example_panel()
    for batch_size in (13, 16, 200):
        _check_coverage(make, panel, batch_size)
        _check_determinism(make, panel, batch_size)
    for world in (2, 3):
        _check_ranks(make, panel, 6 * world, world)


def _epoch(make: Make, panel: Panel, size: int, epoch: int, rank: int = 0, world: int = 1) -> list[Ints]:
    return make(panel=panel, batch_size=size, seed=3, rank=rank, world=world).epoch(epoch)


def _check_coverage(make: Make, panel: Panel, size: int) -> None:
    for epoch in (0, 1, 5):
        with global_randomness_untouched("the sampler"):
            batches = _epoch(make, panel, size, epoch)
        visited = np.sort(np.concatenate(batches))
        require(
            np.array_equal(visited, np.arange(len(panel))),
            f"epoch {epoch} of a single process does not visit each of {len(panel)} samples exactly once",
        )
        sizes = [len(batch) for batch in batches]
        require(min(sizes) >= 2, f"a batch has {min(sizes)} sample; contrasts need at least 2")
        require(max(sizes) <= size + 1, f"a batch has {max(sizes)} samples where {size} were asked for")


def _check_determinism(make: Make, panel: Panel, size: int) -> None:
    used = make(panel=panel, batch_size=size, seed=3, rank=0, world=1)
    first = used.epoch(0)
    later = used.epoch(4)
    fresh = _epoch(make, panel, size, 4)
    same = len(later) == len(fresh) and all(map(np.array_equal, later, fresh))
    require(same, "an epoch depends on the epochs drawn before it; make it a function of seed and epoch")
    require(
        not np.array_equal(np.concatenate(first), np.concatenate(later)),
        "two epochs visit the samples in the same order",
    )


def _check_ranks(make: Make, panel: Panel, size: int, world: int) -> None:
    ranks = [_epoch(make, panel, size, 2, rank, world) for rank in range(world)]
    sizes = [[len(batch) for batch in batches] for batches in ranks]
    require(all(s == sizes[0] for s in sizes), f"{world} ranks get unequal batches: {sizes}")
    require(min(sizes[0]) >= 2, "a rank gets a batch of fewer than 2 samples")
    together = np.concatenate([batch for batches in ranks for batch in batches])
    require(len(np.unique(together)) == len(together), "two ranks visit the same sample in one epoch")
    dropped = len(panel) - len(together)
    require(dropped < world, f"{dropped} samples are dropped for {world} ranks; fewer than {world} may be")

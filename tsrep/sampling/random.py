"""Batches without regard to trials or patients."""

from __future__ import annotations

import numpy as np

from tsrep.registry import SAMPLERS
from tsrep.sampling.sampler import Sampler
from tsrep.signals import Panel
from tsrep.signals.panel import Ints


@SAMPLERS.register("random", runtime=("panel", "batch_size", "seed", "rank", "world"))
class RandomSampler(Sampler):
    """A fresh permutation of all samples each epoch."""

    def __init__(self, panel: Panel, batch_size: int, seed: int, rank: int = 0, world: int = 1) -> None:
        super().__init__(panel, batch_size, seed, rank, world)

    def order(self, rng: np.random.Generator) -> Ints:
        """All sample indices, permuted."""
        return rng.permutation(len(self.panel))

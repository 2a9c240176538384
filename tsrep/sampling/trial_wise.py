"""Batches that hold many samples of a trial, so that trial positives exist."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from tsrep.registry import SAMPLERS
from tsrep.rng import numpy_generator
from tsrep.sampling.sampler import Sampler, codes, pairs, random_position, shuffled_groups
from tsrep.signals.panel import Ints


@SAMPLERS.register("trial-wise", runtime=("panel", "batch_size", "seed", "rank", "world"))
@dataclass(eq=False)
class TrialWiseSampler(Sampler):
    """Trials in random order, samples in random order inside each, cut into batches.

    Parameters
    ----------
    samples : int or None
        At most so many samples of a trial stand together, drawn afresh each epoch, so that a batch
        holds more trials. None keeps trials whole.
    frozen : bool
        Published behaviour of COMET: which samples share a batch is the same in every epoch and for
        every seed; only the order inside a batch changes.

    Notes
    -----
    Fresh batches each epoch unless ``frozen``, which deviates from COMET on purpose: a sample that meets the
    same companions for ever sees few negatives.

    References
    ----------
    Wang et al., "Contrast Everything" (COMET), NeurIPS 2023, batch construction.
    """

    samples: Annotated[int, Field(ge=2)] | None = None
    frozen: bool = False

    def order(self, rng: np.random.Generator) -> Ints:
        """All sample indices with the samples of a trial (or of a part of it) together."""
        group = codes(self.panel.trial)
        if self.samples is not None:
            group = pairs(group, random_position(group, rng) // self.samples)
        return shuffled_groups(group, rng)

    def epoch(self, epoch: int) -> list[Ints]:
        """Index arrays of this rank's batches in ``epoch``; see :meth:`Sampler.epoch`."""
        if not self.frozen:
            return super().epoch(epoch)
        batches = self.deal(self.order(numpy_generator("frozen batches")))
        rng = numpy_generator(self.seed, "sampling", epoch)
        return [rng.permutation(batch) for batch in batches]

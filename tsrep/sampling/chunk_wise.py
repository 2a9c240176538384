"""Batches from a few chunks of the store at a time, for data that do not fit in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from tsrep.registry import SAMPLERS
from tsrep.sampling.patient_wise import PatientWiseSampler
from tsrep.sampling.sampler import Sampler, codes, shuffled_groups
from tsrep.signals import Panel
from tsrep.signals.large_stores import ChunkedStore
from tsrep.signals.panel import Ints

CHUNK_BYTES = 8 << 20
TOGETHER = {"random": "sample", "trial-wise": "trial", "patient-wise": "patient"}


@SAMPLERS.register("chunk-wise", runtime=("panel", "batch_size", "seed", "rank", "world"))
@dataclass(eq=False)
class ChunkWiseSampler(Sampler):
    """Chunks of records in random order, a few at a time, and the samples of these in random order.

    Each chunk is read once an epoch. A batch mixes samples of as many chunks as stand together, so records
    should not be stored in the order of their classes. A trial or patient whose records lie in chunks that do
    not stand together is seen in parts. Every process reads all chunks.

    Parameters
    ----------
    together : {"sample", "trial", "patient"}
        What the samples of the chunks at hand are ordered by: each on its own, trial after trial, or two
        trials of a patient after another; the latter for objectives with positives in a trial or patient.
    chunk : int or None
        Records in a chunk. None takes the chunks of the store, and of a memory map or array so many records
        as make 8 MiB.
    buffer : int
        Chunks that stand together; never more than half of those that the store holds in memory.
    """

    together: Literal["sample", "trial", "patient"] = "sample"
    chunk: Annotated[int, Field(ge=1)] | None = None
    buffer: Annotated[int, Field(ge=1)] = 8

    def __post_init__(self) -> None:
        super().__post_init__()
        store = self.panel.store
        if isinstance(store, ChunkedStore):
            own = store.chunk
            self.buffer = min(self.buffer, store.held // 2)
        else:
            own = max(1, CHUNK_BYTES // max(1, store[:1].nbytes))
        self._chunk = codes(self.panel.row // (self.chunk or own))

    def order(self, rng: np.random.Generator) -> Ints:
        """All sample indices, those of some chunks after those of others."""
        stand = rng.permutation(int(self._chunk.max()) + 1) // self.buffer
        at = stand[self._chunk]
        by_stand = np.argsort(at, kind="stable")
        ends = np.flatnonzero(np.diff(at[by_stand])) + 1
        return np.concatenate([self._mixed(members, rng) for members in np.split(by_stand, ends)])

    def _mixed(self, members: Ints, rng: np.random.Generator) -> Ints:
        """The samples of some chunks in random order."""
        if self.together == "sample" or len(members) < 2:
            return rng.permutation(members)
        if self.together == "trial":
            return members[shuffled_groups(codes(self.panel.trial[members]), rng)]
        return members[PatientWiseSampler(self.panel.select(members), 2, self.seed).order(rng)]


def suited_sampler(own: str, panel: Panel) -> dict[str, Any]:
    """Settings of a sampler where none is set.

    Parameters
    ----------
    own : str
        The one that the objective asks for.
    panel : Panel
        On a chunked store it gives way to ``chunk-wise``, which keeps together what it keeps together.
    """
    if getattr(panel.store, "in_chunks", False) and own in TOGETHER:
        return {"name": "chunk-wise", "together": TOGETHER[own]}
    return {"name": own}

"""Batches of several cohorts: how often each is drawn, and whether a batch holds one or all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from tsrep.registry import SAMPLERS
from tsrep.sampling.patient_wise import PatientWiseSampler
from tsrep.sampling.sampler import Sampler, codes, shuffled_groups
from tsrep.signals.panel import Ints


@SAMPLERS.register("cohort-wise", runtime=("panel", "batch_size", "seed", "rank", "world"))
@dataclass(eq=False)
class CohortWiseSampler(Sampler):
    """Samples of all cohorts in shares that are asked for, mixed in each batch or a cohort to a batch.

    An epoch has as many draws as there are samples. A cohort that is drawn more often than it has samples is
    gone through again, in another order: every sample once before any twice.

    Parameters
    ----------
    share : float
        A cohort of ``n`` samples is drawn in proportion to ``n ** share``: 1 takes every sample once an
        epoch, 0 every cohort equally often.
    pure : bool
        Each batch is of one cohort, so that a contrast cannot tell samples apart by their device. The last
        batch of a cohort is filled up with samples that it has drawn.
    together : {"sample", "trial", "patient"}
        What the samples of a cohort are ordered by: each on its own, trial after trial, or two trials of a
        patient after another; the latter for objectives with positives in a trial or patient.
    """

    share: Annotated[float, Field(ge=0, le=1)] = 1.0
    pure: bool = False
    together: Literal["sample", "trial", "patient"] = "sample"

    def __post_init__(self) -> None:
        super().__post_init__()
        # data of no cohorts are one
        cohort = np.zeros(len(self.panel), np.int64) if self.panel.cohort is None else self.panel.cohort
        self._members = [np.flatnonzero(cohort == c) for c in np.unique(cohort)]

    @property
    def draws(self) -> Ints:
        """Samples of each cohort in an epoch."""
        size = np.array([len(members) for members in self._members])
        weight = size**self.share
        draws = np.floor(len(self.panel) * weight / weight.sum() + 0.5).astype(np.int64)
        return np.asarray(np.maximum(draws, 2))

    def order(self, rng: np.random.Generator) -> Ints:
        """Sample indices of an epoch, in the order of their batches."""
        wanted = self.draws
        if self.pure:
            wanted = -(-wanted // self.batch_size) * self.batch_size
        drawn = [self._drawn(members, n, rng) for members, n in zip(self._members, wanted, strict=True)]
        if not self.pure:
            # each cohort spread evenly over the epoch, so that every batch has its share of all
            at = np.concatenate([(np.arange(len(d)) + rng.random()) / len(d) for d in drawn])
            return np.concatenate(drawn)[np.argsort(at, kind="stable")]
        batches = np.concatenate([d.reshape(-1, self.batch_size) for d in drawn])
        return batches[rng.permutation(len(batches))].ravel()

    def _drawn(self, members: Ints, wanted: int, rng: np.random.Generator) -> Ints:
        """So many samples of a cohort: whole passes through it, and a part of one."""
        passes = [self._once(members, rng) for _ in range(-(-wanted // len(members)))]
        return np.concatenate(passes)[:wanted]

    def _once(self, members: Ints, rng: np.random.Generator) -> Ints:
        """The samples of a cohort in random order."""
        if self.together == "sample" or len(members) < 2:
            return rng.permutation(members)
        if self.together == "trial":
            return members[shuffled_groups(codes(self.panel.trial[members]), rng)]
        return members[PatientWiseSampler(self.panel.select(members), 2, self.seed).order(rng)]

"""Batches that hold several trials of a patient, so that patient positives across trials exist."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from tsrep.registry import SAMPLERS
from tsrep.sampling.sampler import Sampler, codes, pairs, random_position, shuffled_groups
from tsrep.signals.panel import Ints


@SAMPLERS.register("patient-wise", runtime=("panel", "batch_size", "seed", "rank", "world"))
@dataclass(eq=False)
class PatientWiseSampler(Sampler):
    """Groups of trials of one patient in random order, cut into batches.

    Each epoch the trials of every patient are grouped anew, at random.

    Parameters
    ----------
    trials : int
        At most so many trials of a patient stand together; a batch then holds many patients.
    samples : int or None
        At most so many samples of each of these trials stand together. None keeps trials whole.
    """

    trials: Annotated[int, Field(ge=1)] = 2
    samples: Annotated[int, Field(ge=2)] | None = None

    def order(self, rng: np.random.Generator) -> Ints:
        """All sample indices with some trials of a patient together, trial after trial."""
        _, first, trial = np.unique(self.panel.trial, return_index=True, return_inverse=True)
        patient = codes(self.panel.patient[first])  # (trial,)
        group = pairs(patient, random_position(patient, rng) // self.trials)[trial]
        if self.samples is not None:
            group = pairs(group, random_position(trial, rng) // self.samples)
        trial_by_trial = shuffled_groups(trial, rng)
        # A stable sort on top keeps each trial in one piece where a batch ends inside a group.
        place = rng.permutation(int(group.max()) + 1)
        return trial_by_trial[np.argsort(place[group[trial_by_trial]], kind="stable")]

"""Small inputs for the conformance checks."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from tsrep.rng import numpy_generator, torch_generator
from tsrep.signals import Batch, Panel


def example_signal(batch: int, channels: int, time: int, *, key: int = 0) -> Tensor:
    """Standard normal signals, shape (batch, channel, time)."""
    return torch.randn(batch, channels, time, generator=torch_generator("example signal", key))


def example_batch(
    size: int = 8, *, channels: int = 3, time: int = 64, classes: int = 3, multilabel: bool = False
) -> Batch:
    """A batch in which every trial has two samples and every patient up to two trials."""
    sample = torch.arange(size)
    label = sample % classes
    return Batch(
        x=example_signal(size, channels, time),
        label=(torch.nn.functional.one_hot(label, classes) > 0) if multilabel else label,
        patient=sample // 4,
        trial=sample // 2,
        sample=sample,
        start=torch.zeros_like(sample),
    )


def example_panel() -> Panel:
    """Samples of a single value: trials of 5 samples, the last of 6, 1 to 3 a patient, in random order."""
    rng = numpy_generator("example panel")
    patient_of_trial = np.repeat(np.arange(7), 1 + np.arange(7) % 3)
    trial = np.repeat(np.arange(len(patient_of_trial)), 5)
    trial = rng.permutation(np.r_[trial, trial[-1]])
    return Panel.from_arrays(
        rng.normal(size=(len(trial), 1, 1)).astype(np.float32),
        label=np.arange(len(trial)) % 2,
        patient=patient_of_trial[trial],
        trial=trial,
        sfreq=1.0,
    )

"""Numeric targets in batches."""

import numpy as np
import torch

from tsrep.sampling.batches import PanelTensors
from tsrep.signals import Panel


def test_targets_come_with_the_samples_and_unknown_ones_are_missing() -> None:
    age = np.array([[30.0], [40.0], [50.0]], np.float32)
    known = np.array([[True], [False], [True]])
    panel = Panel.from_arrays(
        np.zeros((3, 1, 4), np.float32),
        label=np.zeros(3, np.int64),
        patient=np.arange(3),
        sfreq=1.0,
        target=age,
        target_known=known,
        target_names=("age",),
        target_units=("years",),
    )
    batch = PanelTensors(panel).batch(np.array([2, 1]))
    expected = torch.tensor([[50.0], [torch.nan]])
    torch.testing.assert_close(batch.target, expected, equal_nan=True)


def test_without_targets_a_batch_has_none() -> None:
    panel = Panel.from_arrays(
        np.zeros((2, 1, 4), np.float32), label=np.zeros(2, np.int64), patient=np.arange(2), sfreq=1.0
    )
    assert PanelTensors(panel).batch(np.array([0])).target is None

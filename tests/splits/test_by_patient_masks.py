"""Divisions and their counts see each class on the samples that state it."""

from __future__ import annotations

import numpy as np

from tsrep.registry import SPLITS
from tsrep.signals import Panel

N = 200


def test_a_class_that_half_of_the_samples_state_is_in_every_part() -> None:
    rng = np.random.default_rng(0)
    label = np.zeros((N, 2), bool)
    label[:, 0] = rng.random(N) < 0.5
    label[: N // 2, 1] = np.arange(N // 2) < 5  # rare, and stated by one half only
    label[N // 2 :, 1] = True  # of no meaning
    known = np.ones((N, 2), bool)
    known[N // 2 :, 1] = False
    known[: N // 2, 0] = False
    panel = Panel.from_arrays(
        np.zeros((N, 1, 4), np.float32),
        label=label,
        patient=np.arange(N),
        sfreq=1.0,
        known=known,
        synthetic=True,
    )
    np.testing.assert_array_equal(panel.positive, label & known)
    assert panel.stated.all()
    assert not panel.labelled.any()
    split = SPLITS.build({"name": "stratified"})(panel)
    per_part = [split.counts[part]["classes"]["1"] for part in ("train", "validation", "test")]
    assert sum(per_part) == 5
    assert min(per_part) >= 1
    single = Panel.from_arrays(
        np.zeros((3, 1, 4)), label=[0, 1, 1], patient=[0, 1, 2], sfreq=1.0, known=[True, True, False]
    )
    assert single.positive.tolist() == [[True, False], [False, True], [False, False]]

"""Batches of several cohorts: shares, pure batches, and every sample once before any twice."""

from __future__ import annotations

import numpy as np
import pytest

from tsrep.sampling.cohort_wise import CohortWiseSampler
from tsrep.signals import Panel

SIZES = (90, 20, 10)


@pytest.fixture(scope="module")
def panel() -> Panel:
    n = sum(SIZES)
    return Panel.from_arrays(
        np.zeros((n, 1, 4), np.float32),
        label=np.arange(n) % 2,
        patient=np.arange(n) // 4,
        trial=np.arange(n) // 2,
        sfreq=1.0,
        cohort=np.repeat(np.arange(3), SIZES),
        cohort_names=("a", "b", "c"),
    )


def drawn(panel: Panel, epoch: int = 0, **settings) -> list[np.ndarray]:
    return CohortWiseSampler(panel, 12, 0, **settings).epoch(epoch)


def test_in_proportion_every_batch_has_its_share(panel):
    batches = drawn(panel)
    assert np.sort(np.concatenate(batches)).tolist() == list(range(120))
    shares = np.array([np.bincount(panel.cohort[batch], minlength=3) for batch in batches])
    assert np.abs(shares - np.array([9, 2, 1])).max() <= 1


@pytest.mark.parametrize(("share", "wanted"), [(0.0, (40, 40, 40)), (0.5, (66, 31, 22))])
def test_other_shares_and_no_sample_twice_before_all_once(panel, share, wanted):
    index = np.concatenate(drawn(panel, share=share))
    counts = np.bincount(panel.cohort[index], minlength=3)
    np.testing.assert_allclose(counts, wanted, atol=1)
    for c, n in enumerate(SIZES):
        times = np.bincount(index, minlength=120)[panel.cohort == c]
        assert times.max() - times.min() <= 1
        assert times.sum() == counts[c]
        mine = index[panel.cohort[index] == c]
        assert len(np.unique(mine[:n])) == min(n, len(mine))


def test_pure_batches_hold_one_cohort_and_miss_no_sample(panel):
    batches = drawn(panel, pure=True)
    assert all(len(np.unique(panel.cohort[batch])) == 1 for batch in batches)
    assert {len(batch) for batch in batches} == {12}
    assert len(np.unique(np.concatenate(batches))) == 120
    order = [int(panel.cohort[batch[0]]) for batch in batches]
    assert order != sorted(order)
    ranks = [CohortWiseSampler(panel, 12, 0, rank=r, world=2, pure=True).epoch(3) for r in (0, 1)]
    for one, two in zip(*ranks, strict=True):
        assert len(np.unique(panel.cohort[np.concatenate([one, two])])) == 1


def test_an_epoch_depends_on_seed_and_number_only(panel):
    used = CohortWiseSampler(panel, 12, 5, share=0.5)
    used.epoch(0)
    fresh = CohortWiseSampler(panel, 12, 5, share=0.5).epoch(7)
    assert all(map(np.array_equal, used.epoch(7), fresh))
    assert not np.array_equal(np.concatenate(fresh), np.concatenate(used.epoch(8)))


@pytest.mark.parametrize(("together", "ids"), [("trial", "trial"), ("patient", "patient")])
def test_samples_of_a_trial_or_patient_stand_together(panel, together, ids):
    batches = drawn(panel, pure=True, together=together)
    pairs = sum(len(batch) - len(np.unique(getattr(panel, ids)[batch])) for batch in batches)
    alone = drawn(panel, pure=True)
    by_chance = sum(len(batch) - len(np.unique(getattr(panel, ids)[batch])) for batch in alone)
    assert pairs > 2 * by_chance


def test_data_without_cohorts_are_one(panel):
    from dataclasses import replace

    single = replace(panel, cohort=None, cohort_names=())
    assert np.sort(np.concatenate(drawn(single))).tolist() == list(range(120))

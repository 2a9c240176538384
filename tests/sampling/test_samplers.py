"""Coverage, determinism, rank shares and the relations between trials and patients in a batch."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsrep.errors import ConfigError
from tsrep.registry import SAMPLERS
from tsrep.sampling.sampler import Sampler
from tsrep.signals import Panel

ALL = [
    {"name": "random"},
    {"name": "trial-wise"},
    {"name": "trial-wise", "samples": 3},
    {"name": "trial-wise", "frozen": True},
    {"name": "patient-wise"},
    {"name": "patient-wise", "trials": 3, "samples": 2},
]
FRESH = [settings for settings in ALL if not settings.get("frozen")]


def _panel(trials_per_patient: list[int], samples_per_trial: int, more: int = 0) -> Panel:
    """``more`` samples come on top in the last trial; ids are neither sorted nor from zero."""
    patient = np.repeat(np.arange(len(trials_per_patient)), trials_per_patient)
    trial = np.repeat(np.arange(len(patient)), samples_per_trial)
    trial = np.r_[trial, np.full(more, trial[-1])]
    trial = trial[np.random.default_rng(0).permutation(len(trial))]
    return Panel.from_arrays(
        np.zeros((len(trial), 1, 2), np.float32),
        label=np.zeros(len(trial), int),
        patient=900 - 7 * patient[trial],
        trial=500 - 3 * trial,
        sfreq=1,
    )


def _build(settings: dict[str, object], panel: Panel, size: int, seed: int = 0, **more: int) -> Sampler:
    built = SAMPLERS.build(
        settings, panel=panel, batch_size=size, seed=seed, **{"rank": 0, "world": 1} | more
    )
    assert isinstance(built, Sampler)
    return built


def _mates(batches: list[np.ndarray], ids: np.ndarray) -> float:
    """Mean over samples of how many others in the batch have the same id."""
    return float(np.mean(np.concatenate([(ids[b][:, None] == ids[b]).sum(1) - 1 for b in batches])))


cohorts = st.builds(
    _panel,
    st.lists(st.integers(1, 5), min_size=1, max_size=8),
    st.integers(1, 7),
    more=st.integers(1, 4),
)


@pytest.mark.parametrize("settings_", ALL, ids=str)
@given(panel=cohorts, size=st.integers(2, 40), seed=st.integers(0, 9), epoch=st.integers(0, 5))
@settings(max_examples=40, deadline=None)
def test_every_sample_once_and_never_alone(
    settings_: dict[str, object], panel: Panel, size: int, seed: int, epoch: int
) -> None:
    batches = _build(settings_, panel, size, seed).epoch(epoch)
    np.testing.assert_array_equal(np.sort(np.concatenate(batches)), np.arange(len(panel)))
    sizes = [len(batch) for batch in batches]
    assert min(sizes) >= 2
    assert all(s == size for s in sizes[:-1])
    assert sizes[-1] <= size + 1


@pytest.mark.parametrize("settings_", ALL, ids=str)
@given(panel=cohorts, world=st.integers(2, 4), share=st.integers(2, 6), epoch=st.integers(0, 5))
@settings(max_examples=40, deadline=None)
def test_ranks_share_equally_and_disjointly(
    settings_: dict[str, object], panel: Panel, world: int, share: int, epoch: int
) -> None:
    size = share * world
    if len(panel) < 2 * world:
        with pytest.raises(ConfigError, match="at least 2 samples"):
            _build(settings_, panel, size, world=world)
        return
    ranks = [_build(settings_, panel, size, rank=r, world=world).epoch(epoch) for r in range(world)]
    sizes = [[len(batch) for batch in rank] for rank in ranks]
    assert all(s == sizes[0] for s in sizes)
    assert min(sizes[0]) >= 2
    together = np.concatenate([batch for rank in ranks for batch in rank])
    assert len(np.unique(together)) == len(together) > len(panel) - world


@pytest.mark.parametrize("settings_", FRESH, ids=str)
def test_ranks_hold_contiguous_parts_of_the_global_batch(settings_: dict[str, object]) -> None:
    panel = _panel([3] * 10, 8)
    whole = _build(settings_, panel, 32).epoch(4)
    parts = [_build(settings_, panel, 32, rank=r, world=2).epoch(4) for r in (0, 1)]
    for batch, left, right in zip(whole, *parts, strict=True):
        np.testing.assert_array_equal(batch, np.r_[left, right])


@pytest.mark.parametrize("settings_", ALL, ids=str)
def test_an_epoch_is_a_function_of_seed_and_epoch(settings_: dict[str, object]) -> None:
    panel = _panel([3] * 10, 8)
    used = _build(settings_, panel, 32, seed=5)
    used.epoch(0)
    used.epoch(1)
    np.random.seed(0)  # noqa: NPY002 - global state must not matter
    for one, other in zip(used.epoch(7), _build(settings_, panel, 32, seed=5).epoch(7), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("settings_", FRESH, ids=str)
def test_companions_are_fresh_in_every_epoch_and_for_every_seed(settings_: dict[str, object]) -> None:
    panel = _panel([3] * 10, 8)
    members = {
        frozenset(_build(settings_, panel, 32, seed).epoch(epoch)[0].tolist())
        for seed in (0, 1)
        for epoch in (0, 1, 2)
    }
    assert len(members) == 6


def test_frozen_keeps_companions_but_not_their_order() -> None:
    panel = _panel([3] * 10, 8)
    epochs = [
        _build({"name": "trial-wise", "frozen": True}, panel, 32, seed).epoch(epoch)
        for seed in (0, 1)
        for epoch in (0, 3)
    ]
    for batch in zip(*epochs, strict=True):
        assert len({frozenset(order.tolist()) for order in batch}) == 1
        assert len({tuple(order.tolist()) for order in batch}) == 4


@pytest.mark.parametrize("frozen", [False, True])
def test_trial_wise_splits_only_the_trials_at_batch_borders(frozen: bool) -> None:
    panel = _panel([4] * 20, 9)
    batches = _build({"name": "trial-wise", "frozen": frozen}, panel, 64).epoch(2)
    cuts = sum(len(np.unique(panel.trial[batch])) for batch in batches) - len(np.unique(panel.trial))
    assert cuts <= len(batches) - 1


def test_a_limit_on_samples_spreads_trials_over_batches() -> None:
    panel = _panel([4] * 20, 9)
    whole = _build({"name": "trial-wise"}, panel, 60).epoch(0)
    parts = _build({"name": "trial-wise", "samples": 3}, panel, 60).epoch(0)
    trials = [np.mean([len(np.unique(panel.trial[batch])) for batch in bs]) for bs in (whole, parts)]
    assert trials[1] > 17
    assert trials[0] < 9
    assert _mates(parts, panel.trial) > 1.7  # three together: two mates, less what borders cut


def test_level_relations() -> None:
    panel = _panel([6] * 40, 8)
    shuffled, trial, patient = (
        _build({"name": name}, panel, 96).epoch(1) for name in ("random", "trial-wise", "patient-wise")
    )
    assert _mates(shuffled, panel.trial) < 1
    assert _mates(trial, panel.trial) == _mates(patient, panel.trial) == 7
    # Two trials together: the 8 samples of the other trial come on top.
    assert _mates(patient, panel.patient) >= 15 > _mates(trial, panel.patient)
    assert np.mean([len(np.unique(panel.patient[batch])) for batch in patient]) > 5


def test_patient_wise_with_parts_of_trials_still_pairs_trials() -> None:
    panel = _panel([6] * 40, 8)
    batches = _build({"name": "patient-wise", "trials": 3, "samples": 2}, panel, 96).epoch(0)
    other_trials = _mates(batches, panel.patient) - _mates(batches, panel.trial)
    assert other_trials >= 4
    assert np.mean([len(np.unique(panel.patient[batch])) for batch in batches]) > 10


def test_patient_wise_groups_other_trials_next_epoch() -> None:
    panel = _panel([6] * 40, 2)
    sampler = _build({"name": "patient-wise"}, panel, 4)  # one group a batch
    pairs = [{frozenset(panel.trial[b].tolist()) for b in sampler.epoch(epoch)} for epoch in (0, 1)]
    assert all(len(pair) == 2 for pair in pairs[0])
    assert len(pairs[0] & pairs[1]) < 60  # of 120; by chance a fifth stays


@pytest.mark.parametrize(("size", "world"), [(1, 1), (9, 2), (6, 4)])
def test_impossible_shares_are_refused(size: int, world: int) -> None:
    with pytest.raises(ConfigError, match="batch_size"):
        _build({"name": "random"}, _panel([3] * 10, 8), size, world=world)


@pytest.mark.parametrize("settings_", ALL, ids=str)
def test_an_epoch_of_115_000_windows_is_quick(settings_: dict[str, object]) -> None:
    sampler = _build(settings_, _panel([2] * 5750, 10), 256)
    start = time.perf_counter()
    sampler.epoch(0)
    assert time.perf_counter() - start < 0.5

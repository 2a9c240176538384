"""Chunks stand together, every sample comes once, and levels stay together within what is at hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sampling.test_samplers import _build, _mates, cohorts
from tsrep.signals import Panel
from tsrep.signals.large_stores import ChunkedStore

SETTINGS: list[dict[str, Any]] = [
    {"name": "chunk-wise", "chunk": 5, "buffer": 2},
    {"name": "chunk-wise", "chunk": 7, "buffer": 1, "together": "trial"},
    {"name": "chunk-wise", "chunk": 4, "buffer": 3, "together": "patient"},
]


def stored(records: int = 200, chunk: int = 10, held: int = 8) -> Panel:
    """Records of 4 windows each, 3 to a patient."""
    x = np.random.default_rng(0).normal(size=(records, 1, 8)).astype(np.float32)
    number = np.arange(records)
    panel = Panel.from_arrays(x, label=number % 2, patient=number // 3, sfreq=1)
    store = ChunkedStore(x.shape, x.dtype, chunk, lambda first, stop: x[first:stop])
    store.held = held
    object.__setattr__(panel, "store", store)
    return panel.windows(2)


@pytest.mark.parametrize("settings_", SETTINGS, ids=str)
@given(panel=cohorts, size=st.integers(2, 40), seed=st.integers(0, 9), epoch=st.integers(0, 5))
@settings(max_examples=25, deadline=None)
def test_every_sample_once(settings_: dict[str, Any], panel: Panel, size: int, seed: int, epoch: int) -> None:
    batches = _build(settings_, panel, size, seed).epoch(epoch)
    np.testing.assert_array_equal(np.sort(np.concatenate(batches)), np.arange(len(panel)))
    assert min(len(batch) for batch in batches) >= 2


@pytest.mark.parametrize("together", ["sample", "trial", "patient"])
def test_each_chunk_is_read_once_an_epoch(together: str) -> None:
    panel = stored()
    reads: list[int] = []
    whole = panel.store.read  # type: ignore[union-attr]  # the store of this panel is chunked
    panel.store.read = lambda first, stop: reads.append(first) or whole(first, stop)  # type: ignore
    sampler = _build({"name": "chunk-wise", "together": together, "buffer": 4}, panel, 16)
    for batch in sampler.epoch(1):
        panel.take(batch)
    assert sorted(set(reads)) == list(range(0, 200, 10))
    assert len(reads) <= 20 + 4  # a batch across two buffers may read a chunk again
    assert reads[:20] != sorted(reads[:20])


def test_a_batch_mixes_the_chunks_that_stand_together_and_no_others() -> None:
    panel = stored()
    sampler = _build({"name": "chunk-wise", "buffer": 4}, panel, 32)
    order = np.concatenate(sampler.epoch(3))
    chunks = panel.row[order] // 10
    for begin in range(0, len(order), 160):  # 4 chunks of 10 records of 4 windows
        assert len(set(chunks[begin : begin + 160].tolist())) == 4
    assert np.mean([len(set(chunks[k : k + 32].tolist())) for k in range(0, 800, 32)]) > 3.5


def test_the_buffer_is_half_of_what_is_held() -> None:
    sampler: Any = _build({"name": "chunk-wise", "buffer": 50}, stored(held=8), 32)
    assert sampler.buffer == 4
    sampler = _build({"name": "chunk-wise"}, stored(held=2), 32)
    assert sampler.buffer == 1


def test_levels_within_what_is_at_hand() -> None:
    panel = stored()
    mates = {
        together: {
            level: _mates(
                _build({"name": "chunk-wise", "together": together, "buffer": 4}, panel, 24).epoch(1),
                getattr(panel, level),
            )
            for level in ("trial", "patient")
        }
        for together in ("sample", "trial", "patient")
    }
    assert mates["sample"]["trial"] < 1.5
    assert mates["trial"]["trial"] > 2.5
    assert mates["patient"]["trial"] > 2.5
    assert mates["patient"]["patient"] > mates["trial"]["patient"] + 1


def test_ranks_hold_parts_of_the_same_batches() -> None:
    panel = stored()
    whole = _build({"name": "chunk-wise"}, panel, 32).epoch(4)
    parts = [_build({"name": "chunk-wise"}, panel, 32, rank=r, world=2).epoch(4) for r in (0, 1)]
    for batch, left, right in zip(whole, *parts, strict=True):
        np.testing.assert_array_equal(batch, np.r_[left, right])

"""The tensor gather must give what the panel itself gives, to the bit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tsrep.sampling.batches import PanelTensors
from tsrep.signals import Panel


def _panel(dtype: type, per_record: bool, multilabel: bool = False) -> Panel:
    rng = np.random.default_rng(3)
    x = rng.integers(-3000, 3000, (7, 3, 40)).astype(dtype)
    if dtype is np.float32:
        x[2, 1, 5:9] = np.nan
    label = rng.random((7, 4)) < 0.5 if multilabel else rng.integers(0, 3, 7)
    panel = Panel.from_arrays(x, label=label, patient=[0, 0, 1, 1, 2, 3, 3], sfreq=100, scale=0.00488)
    if per_record:
        gain = rng.uniform(0.5, 2, (7, 3)).astype(np.float32)
        offset = rng.normal(size=(7, 3)).astype(np.float32)
        panel = replace(panel, gain=gain, offset=offset)
    return panel.windows(16, 5)


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
@pytest.mark.parametrize("per_record", [False, True])
@given(index=st.lists(st.integers(0, 34), min_size=1, max_size=20))
@settings(max_examples=20, deadline=None)
def test_batch_equals_take_to_the_bit(dtype: type, per_record: bool, index: list[int]) -> None:
    panel = _panel(dtype, per_record)
    assert len(panel) == 35
    batch = PanelTensors(panel).batch(np.array(index))
    assert batch.x.dtype == torch.float32
    np.testing.assert_array_equal(batch.x.numpy(), panel.take(np.array(index)))


def test_fields_follow_the_index() -> None:
    panel = _panel(np.int16, per_record=False)
    index = np.array([30, 2, 2, 11])
    batch = PanelTensors(panel).batch(index)
    for name in ("label", "patient", "trial", "start"):
        np.testing.assert_array_equal(getattr(batch, name).numpy(), getattr(panel, name)[index])
    np.testing.assert_array_equal(batch.sample.numpy(), index)


def test_multilabel_targets_stay_flags() -> None:
    panel = _panel(np.int16, per_record=False, multilabel=True)
    label = PanelTensors(panel).batch(np.array([3, 9])).label
    assert label.dtype == torch.bool
    np.testing.assert_array_equal(label.numpy(), panel.label[[3, 9]])


def test_store_is_shared_not_copied() -> None:
    panel = _panel(np.float32, per_record=False)
    tensors = PanelTensors(panel)
    before = tensors.batch(np.array([0])).x.clone()
    panel.store[0] += 1
    assert not torch.equal(tensors.batch(np.array([0])).x, before)


def test_a_batch_does_not_write_to_the_store() -> None:
    panel = _panel(np.float32, per_record=True)
    before = panel.store.copy()
    PanelTensors(panel).batch(np.arange(len(panel))).x.zero_()
    np.testing.assert_array_equal(panel.store, before)


def test_read_only_memory_map(tmp_path: Path) -> None:
    panel = _panel(np.int16, per_record=False)
    np.save(tmp_path / "store.npy", panel.store)
    mapped = replace(panel, store=np.load(tmp_path / "store.npy", mmap_mode="r"))
    index = np.array([5, 34, 0])
    np.testing.assert_array_equal(PanelTensors(mapped).batch(index).x.numpy(), panel.take(index))


@pytest.mark.parametrize("per_record", [False, True])
def test_resident_recordings_are_those_that_the_panel_uses(
    per_record: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel = _panel(np.int16, per_record).select(np.r_[30:35, 10:13])
    monkeypatch.setattr(PanelTensors, "_fits", lambda self, rows: rows == 2)
    tensors = PanelTensors(panel)
    assert tensors.resident
    expected = panel.take(np.arange(8))
    panel.store[:] = 0  # a copy was made, as on a device
    np.testing.assert_array_equal(tensors.batch(np.arange(8)).x.numpy(), expected)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("fits", [True, False])
def test_cuda_equals_the_panel(fits: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    panel = _panel(np.int16, per_record=True).select(np.arange(12, 30))
    monkeypatch.setattr(PanelTensors, "_fits", lambda self, rows: fits)
    tensors = PanelTensors(panel, "cuda")
    assert tensors.resident == fits
    index = np.array([5, 17, 0])
    batch = tensors.batch(index)
    assert {t.device.type for t in vars(batch).values() if t is not None} == {"cuda"}
    np.testing.assert_allclose(batch.x.cpu().numpy(), panel.take(index), rtol=1e-6)
    np.testing.assert_array_equal(batch.start.cpu().numpy(), panel.start[index])

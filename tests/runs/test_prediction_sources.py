"""Trials of panels and data sets as recordings to predict, and slices of long ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.runs.predicting import LEADS, contract, predictor
from tsrep.errors import ConfigError, DataError
from tsrep.runs.predict.slices import Slice, margin_seconds, slices
from tsrep.runs.predict.sources import Request, Source, source_of
from tsrep.signals import Panel
from tsrep.signals.convert import Policies

X = np.random.default_rng(0).normal(size=(6, 2, 400)).astype(np.float32)


def panel(**fields: Any) -> Panel:
    """Six records of four trials, in mixed order."""
    usual: dict[str, Any] = {
        "label": [0, 1, 1, 0, 0, 1], "patient": [7, 5, 5, 7, 7, 5], "trial": [3, 1, 1, 0, 0, 2],
        "classes": ("healthy", "ill"), "record_names": ("c", "a", "a", "d", "d", "b"), "sfreq": 100.0,
        "channels": LEADS, "unit": "mV",
    }  # fmt: skip
    return Panel.from_arrays(X, **usual | fields)


def source(of: Any, **request: Any) -> Source:
    return source_of(of, predictor(), Request(**request), Policies())


def test_a_trial_is_a_recording_in_the_order_of_its_first_sample() -> None:
    found = list(source(panel()).recordings())
    assert [each.name for each in found] == ["c", "a", "d", "b"]
    signal = found[1].open()
    assert (signal.patient, signal.steps, signal.sfreq) == ("5", 400, 100.0)
    np.testing.assert_array_equal(signal.panel(0, 400).x, X[1:3])
    np.testing.assert_array_equal(signal.panel(50, 90).x, X[1:3, :, 50:90])
    assert signal.panel(0, 400).record_names == ("a", "a")
    assert signal.targets == {}


def test_windows_of_records_are_read_where_they_lie() -> None:
    windows = panel(trial=np.arange(6), record_names=()).windows(100, 50)
    gain = replace(windows, gain=np.array([[2.0], [3], [4], [5], [6], [7]], np.float32))
    found = list(source(gain).recordings())
    assert [each.name for each in found] == list("012345")
    x = found[2].open().panel(10, 30).x
    assert x.shape == (7, 2, 20)
    np.testing.assert_array_equal(x[3], 4 * X[2, :, 160:180])


def test_trials_of_one_record_are_numbered() -> None:
    found = source(panel(trial=[0, 1, 2, 3, 4, 5])).recordings()
    assert [each.name for each in found] == ["c", "a/0", "a/1", "d/0", "d/1", "b"]


def test_labels_become_columns_on_request() -> None:
    known = np.array([True, True, True, False, False, True])
    found = source(panel(known=known), with_targets=True)
    assert [column.name for column in found.targets] == ["label"]
    said = [each.open().targets for each in found.recordings()]
    assert said == [{"label": "healthy"}, {"label": "ill"}, {"label": None}, {"label": "ill"}]
    several = panel(label=np.eye(2, dtype=bool)[[0, 1, 1, 0, 0, 1]])
    found = source(several, with_targets=True)
    assert [(column.name, column.kind) for column in found.targets] == [
        ("healthy", "count"),
        ("ill", "count"),
    ]
    assert next(iter(found.recordings())).open().targets == {"healthy": 1, "ill": 0}
    bare = panel(label=np.zeros((6, 0), bool), classes=())
    with pytest.raises(ConfigError, match="have no labels and no numbers; leave --with-targets out"):
        source(bare, with_targets=True)


def test_a_data_set_and_files_take_different_options(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match="ptb-xl is a data set, which knows its rate and channels; leave --rate"
    ):
        source("ptb-xl", rate=100.0)
    with pytest.raises(ConfigError, match="is no data set, so --root has no meaning"):
        source(str(tmp_path), root=tmp_path)
    with pytest.raises(DataError, match="no recordings in"):
        source(str(tmp_path))
    np.save(tmp_path / "x.npy", X)
    with pytest.raises(ConfigError, match="does not say its sampling rate"):
        source(str(tmp_path / "x.npy"))


def test_a_short_recording_is_one_slice() -> None:
    assert slices(100 * 1200, 100.0, contract()) == [Slice(0, 120_000)]
    assert len(slices(100 * 1201, 100.0, contract())) == 2
    odd = contract(window={"longer": "crop-start", "steps": 250})
    assert slices(10**7, 100.0, odd) == [Slice(0, 10**7)]
    assert slices(10**7, 500.0, contract(resample="fft")) == [Slice(0, 10**7)]


@pytest.mark.parametrize("rate", [100.0, 99.99, 128.0, 250.0, 360.0, 257.0])
@pytest.mark.parametrize("hop", [250, 100, 37])
def test_slices_have_every_window_once_and_begin_on_whole_steps(rate: float, hop: int) -> None:
    told = contract(window={"steps": 250, "hop_seconds": hop / 100})
    steps = round(rate * 7333)
    found = slices(steps, rate, told)
    assert len(found) > 5
    total = round(steps * 100 / rate) if rate != 99.99 else steps
    starts: list[int] = []
    for part in found:
        ratio = 1.0 if rate == 99.99 else 100 / rate
        assert part.start * ratio == pytest.approx(part.shift, abs=1e-6)
        length = min(round((part.stop - part.start) * ratio), total - part.shift)
        begins = np.arange(0, length - 249, hop)
        starts += (begins[(begins >= part.first) & (begins < part.last)] + part.shift).tolist()
    assert starts == list(range(0, total - 249, hop))
    assert max(part.stop - part.start for part in found) < 1300 * rate


def test_margins_last_until_filters_have_forgotten() -> None:
    from scipy import signal

    assert margin_seconds(contract(), 100.0) < 0.5
    told = contract(filter=[{"kind": "butter", "band": (0.5, 40), "order": 4}, {"kind": "notch", "hz": 30.0}])
    steps = round(margin_seconds(told, 200.0) * 200)
    impulse = np.zeros(4 * steps)
    impulse[0] = 1
    sos = signal.butter(4, [0.5, 40], "bandpass", fs=200, output="sos")
    answer = signal.lfilter(*signal.iirnotch(30, 30, fs=200), signal.sosfilt(sos, impulse))
    assert np.abs(answer[steps:]).max() < 1e-6
    in_window = told.model_copy(update={"filter_when": "in window"})
    assert margin_seconds(in_window, 200.0) < 0.5
    fir = contract(filter=[{"kind": "fir", "band": (0.5, None), "taps": 401}])
    assert margin_seconds(fir, 200.0) > 0.9
    median = contract(filter=[{"kind": "median-baseline", "seconds": 0.6}])
    assert margin_seconds(median, 200.0) > 0.5
    assert margin_seconds(contract(resample="decimate"), 500.0) > margin_seconds(contract(), 500.0)

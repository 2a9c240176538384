"""The contract of a run gives the signals that the run was trained on, bit for bit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.signals.ecgs import LEADS, millivolts
from tsrep.encoders.encoder import Encoder
from tsrep.registry import DATASETS, ENCODERS, SPLITS
from tsrep.runs.config import configure
from tsrep.runs.config_files import read_config
from tsrep.runs.prepare_panel import prepare_panel
from tsrep.runs.prepare_series import prepare_series
from tsrep.signals import Panel, Series
from tsrep.signals.contract import SignalContract
from tsrep.signals.convert import convert
from tsrep.signals.resample import resample
from tsrep.signals.standardise import fit_scaler, standardise_series, stored_scaler

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))
TASKS = {path: DATASETS.entry(configure(read_config(path)).dataset.name).task for path in CONFIGS}
OF_PANELS, OF_SERIES = ([path for path in CONFIGS if TASKS[path] == task] for task in ("panel", "series"))


def recordings(rate: float) -> Panel:
    """Of 40 patients with one class each, two of them flat in one lead, in counts of 1 microvolt."""
    x = np.rint(1000 * millivolts(80, rate=rate, seconds=10)).astype(np.int16)
    x[3, 2] = x[50, 7] = 5
    patient = np.arange(80) // 2
    return Panel.from_arrays(
        x, label=patient % 4, patient=patient, sfreq=rate, channels=LEADS, scale=1e-3, unit="mV",
        modality="ecg", fold=patient % 10 + 1, source="sines", record_names=tuple(map(str, range(80))),
    ).hashed()  # fmt: skip


def a_series(steps: int = 15_000) -> Series:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(7, steps)).cumsum(axis=1).astype(np.float32)
    values[1, 40:50] = np.nan
    time = np.datetime64("2016-07-01", "s") + np.arange(steps) * np.timedelta64(3600, "s")
    calendar = rng.normal(size=(2, steps)).astype(np.float32)
    return Series(
        values,
        time,
        tuple("abcdefg"),
        period=24,
        unit="°C",
        covariates=calendar,
        covariate_names=("day", "hour"),
    )


@pytest.mark.parametrize("path", OF_PANELS, ids=lambda path: path.stem)
def test_recordings_are_windowed_and_standardised_as_ever(path: Path) -> None:
    config = configure(read_config(path))
    records = recordings(getattr(config.dataset, "rate", None) or 100)
    prepared = prepare_panel(
        config.model_copy(update={"split": SPLITS.entry("stratified").settings()}), records
    )
    window = config.window
    steps = records.length if window.seconds is None else round(window.seconds * records.sfreq)
    windows = records.windows(steps)
    how = window.standardise
    scaler = fit_scaler(windows if how == "record" else windows.select(prepared.split.train), how)
    want = scaler.apply(windows).x
    np.testing.assert_array_equal(prepared.panel.x, want)
    got = convert(records, prepared.contract)
    np.testing.assert_array_equal(got.panel.x, want)
    assert got.unusable == ()
    assert got.panel.store is records.store
    for name in ("label", "patient", "trial", "start"):
        np.testing.assert_array_equal(getattr(got.panel, name), getattr(prepared.panel, name))


@pytest.mark.parametrize("path", OF_SERIES, ids=lambda path: path.stem)
def test_series_are_standardised_as_ever(path: Path) -> None:
    config, series = configure(read_config(path)), a_series()
    prepared = prepare_series(config, series)
    want, _ = standardise_series(series, prepared.spans.train)
    got = stored_scaler(prepared.contract.standardise).apply_series(series)
    np.testing.assert_array_equal(got.x, want.x)
    assert prepared.contract.modality == "series"
    assert prepared.contract.channels == series.inputs
    assert prepared.contract.window.steps == prepared.panel.length


def demo(**dataset: Any) -> tuple[Panel, SignalContract]:
    config = configure({"dataset": {"name": "ptb-xl-sim"}, "split": {"name": "stratified"}, **dataset})
    records = recordings(100)
    return records, prepare_panel(config, records).contract


def test_a_contract_says_what_the_encoder_learnt_from() -> None:
    records, contract = demo()
    said = contract.trained_on
    assert said.sources == ("sines",)
    assert (said.rate, said.band) == (100, (None, 50))
    assert 0 < said.patients * 2 == said.records < 80  # type: ignore[operator]
    assert contract.channels == LEADS
    assert contract.missing_channels == "derive"
    assert SignalContract.from_json(contract.to_json()) == contract
    filtered = replace(records, history=("band 0.5-40 Hz", "notch 45 Hz", "resampled 500->100 Hz polyphase"))
    config = configure({"dataset": {"name": "ptb-xl-sim"}, "split": {"name": "stratified"}})
    own = prepare_panel(config, filtered).contract
    assert [step.said for step in own.filter or ()] == ["band 0.5-40 Hz", "notch 45 Hz"]
    assert own.trained_on.band == (0.5, 40)


def encoder() -> Encoder:
    torch.manual_seed(0)
    settings = {"name": "dilated-conv", "hidden": 16, "dim": 32, "depth": 4}
    made: Encoder = ENCODERS.build(settings, channels=12)
    return made.eval()


def test_an_encoder_says_what_it_gives() -> None:
    config = configure({"dataset": {"name": "ptb-xl-sim"}, "split": {"name": "stratified"}})
    one = encoder()
    contract = prepare_panel(config, recordings(100)).contract_of(one)
    assert contract.output.dim == 32
    assert contract.output.receptive_field == one.receptive_field
    assert contract.output.accepts_missing_channels is False
    assert contract.digest != demo()[1].digest


def test_other_rate_unit_and_order_give_the_same_representations() -> None:
    fast = millivolts(12, rate=500)
    slow = resample(fast, 500, 100)
    patient = np.arange(12)
    said: dict[str, Any] = {"label": patient % 2, "patient": patient, "modality": "ecg"}
    trained = Panel.from_arrays(slow, sfreq=100, unit="mV", channels=LEADS, **said)
    config = configure(
        {"dataset": {"name": "ptb-xl-sim"}, "split": {"name": "stratified"}, "window": {"seconds": 2.5}}
    )
    contract = prepare_panel(config, trained).contract
    order = np.random.default_rng(3).permutation(12)
    names = tuple(LEADS[k].lower() for k in order)
    other = Panel.from_arrays(1000 * fast[:, order], sfreq=500, unit="uV", channels=names, **said)
    with torch.no_grad():
        want, got = (
            encoder()(torch.from_numpy(convert(panel, contract).panel.x)) for panel in (trained, other)
        )
    torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-4)

"""What a run sees that starts from an encoder of other recordings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.conftest import TINY
from tsrep.datasets import load
from tsrep.errors import ConfigError, ContractError
from tsrep.runs.config_files import assemble
from tsrep.runs.fit import fit
from tsrep.runs.folder import Run
from tsrep.runs.prepare_panel import as_shown
from tsrep.signals.contract import TrainedOn

LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
CHEST = ("V1", "V2", "V3")


def start(source: Path, folder: Path, leads: tuple[str, ...], **init: Any) -> Run:
    """A short run on some leads of recordings in mV, in the order in which they are named."""
    panel = load(Run(source).config.dataset)
    index = [LEADS.index(name) if name in LEADS else 0 for name in leads]
    root = folder / "data"
    root.mkdir()
    np.save(root / "records.npy", panel.take(np.arange(len(panel)))[:, index])
    label = np.where(panel.label[:, 0], "normal", "other")
    pd.DataFrame({"patient": panel.patient, "label": label}).to_csv(root / "records.csv", index=False)
    arrays = {"name": "arrays", "sfreq": 100, "unit": "mV", "channels": list(leads)}
    config = assemble(
        {"dataset": arrays, "root": str(root), "split": {"name": "stratified"}, "objective": "supervised"},
        {"training": {"epochs": 1, "batch_size": 64}, "evaluation": TINY["evaluation"]},
        {"init": {"from": str(source), "policies": {"any_modality": True}} | init},
    )
    return fit(config, out=folder / "run", progress=False)


def test_leads_are_put_in_order_and_derived(tiny_run: Path, tmp_path: Path) -> None:
    run = start(tiny_run, tmp_path, ("V6", "V5", "V4", "V3", "V2", "V1", "II", "I"))
    assert run.encoder_file.contract.channels == LEADS
    assert run.encoder_file.contract.standardise == Run(tiny_run).encoder_file.contract.standardise
    assert run.prepare().panel.channels == LEADS
    assert run.provenance["init"]["notes"] == []
    assert run.encoder().stem_weights()


def test_of_missing_leads_the_weights_are_left_out(tiny_run: Path, tmp_path: Path) -> None:
    run = start(tiny_run, tmp_path, CHEST)
    assert run.encoder_file.contract.channels == CHEST
    assert "of 12 input channels the weights of V1, V2, V3 were taken" in run.provenance["init"]["notes"][0]
    assert run.encoder().state_dict()["input.weight"].shape == (4, 3)


def test_fresh_channels_take_all_that_there_are(tiny_run: Path, tmp_path: Path) -> None:
    run = start(tiny_run, tmp_path, ("V1", "other"), channels="fresh")
    assert run.encoder_file.contract.channels == ("V1", "other")
    assert run.provenance["init"]["fresh"] == ["input.weight"]


def test_a_contract_of_ones_own_keeps_new_channels(tiny_run: Path, tmp_path: Path) -> None:
    run = start(tiny_run, tmp_path, ("V1", "V7"), contract="mine")
    mine, theirs = (each.encoder_file.contract for each in (run, Run(tiny_run)))
    assert mine.channels == ("V1", "V7")
    assert mine.standardise.mean != theirs.standardise.mean
    assert "the channels V7 are new to the encoder" in run.provenance["init"]["notes"][0]


def test_what_cannot_be_shown_is_refused_before_a_folder_is_made(tiny_run: Path, tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="the recordings lack I, II, III and 6 more"):
        start(tiny_run, tmp_path, CHEST, channels="refuse")
    assert not (tmp_path / "run").exists()


def test_windows_may_be_of_another_length_but_are_standardised_alike(tiny_run: Path) -> None:
    given = {"dataset": TINY["dataset"], "init": {"from": str(tiny_run)}}
    config = assemble(given, {"window": {"seconds": 2.0, "hop_seconds": 1.0}})
    assert config.contract is not None
    assert (config.contract.window.steps, config.contract.window.hop_seconds) == (200, 1.0)
    assert config.window.seconds == 2.0
    same = assemble(given)
    assert same.contract == Run(tiny_run).encoder_file.contract
    assert (same.window.seconds, same.window.standardise) == (1.25, "global")
    with pytest.raises(ConfigError, match=r"window\.standardise is record, and .* standardises by global"):
        assemble(given, {"window": {"standardise": "record"}})


def test_what_a_contract_was_trained_on_lies_within_its_rate() -> None:
    source = TrainedOn(rate=500, band=(0.5, 250))
    assert as_shown(source, 100) == TrainedOn(rate=100, band=(0.5, 50))
    narrow = TrainedOn(rate=80, band=(None, 30))
    assert as_shown(narrow, 100) == narrow

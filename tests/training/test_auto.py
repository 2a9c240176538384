"""What is left to the machine is settled before training, and told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tsrep.training import auto
from tsrep.training.auto import bfloat16_cost, compile_gain, settled
from tsrep.training.settings import TrainingSettings

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auto, "compile_fault", lambda _device: "no C++ compiler")


@pytest.mark.parametrize(("cost", "faster"), [(0.4, True), (3.0, False)])
def test_auto_takes_bfloat16_only_where_it_is_faster(
    cost: float, faster: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(auto, "bfloat16_cost", lambda _device: cost)
    settings, notes = settled(TrainingSettings(amp="auto"), CPU, tmp_path)
    assert settings.in_bfloat16 is faster
    assert not notes


def test_slow_bfloat16_is_told_with_what_to_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(auto, "bfloat16_cost", lambda _device: 3.2)
    settings, (note,) = settled(TrainingSettings(amp=True), CPU, tmp_path)
    assert settings.in_bfloat16
    assert "3.2 times as long as float32" in note
    assert "set training.amp to auto or false" in note


def test_cost_of_bfloat16_is_measured_and_leaves_random_numbers_alone() -> None:
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    assert 0.01 < bfloat16_cost(CPU) < 1000
    assert torch.equal(before, torch.random.get_rng_state())


def test_compilation_that_fails_is_left_out_with_the_reason(tmp_path: Path) -> None:
    settings, (note,) = settled(TrainingSettings(compile=True), CPU, tmp_path)
    assert not settings.compiled
    assert "no C++ compiler" in note


@pytest.mark.parametrize(
    ("told", "gain"),
    [
        (None, 1.0),
        ("not JSON", 1.0),
        (json.dumps({"device": "another card", "compile_gain": 1.4}), 1.0),
        (json.dumps({"device": "cpu", "compile_gain": 1.4}), 1.4),
    ],
)
def test_gain_of_compilation_is_that_of_this_machine(told: str | None, gain: float, tmp_path: Path) -> None:
    if told is not None:
        (tmp_path / auto.GPU_FILE).write_text(told)
    assert compile_gain(CPU, tmp_path) == gain


def test_auto_compiles_where_a_gain_was_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert not settled(TrainingSettings(compile="auto"), CPU, tmp_path)[0].compiled
    (tmp_path / auto.GPU_FILE).write_text(json.dumps({"device": "cpu", "compile_gain": 1.4}))
    monkeypatch.setattr(auto, "compile_fault", lambda _device: "")
    settings, (note,) = settled(TrainingSettings(compile="auto"), CPU, tmp_path)
    assert settings.compiled
    assert "first steps wait" in note

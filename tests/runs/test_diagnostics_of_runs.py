"""Every run on a panel logs how its representations lie, also before training, and tells a collapse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.conftest import TINY
from tsrep.encoders.encoder import Encoder
from tsrep.objectives.objective import Objective
from tsrep.registry import OBJECTIVES
from tsrep.runs.fit import fit
from tsrep.signals import Batch


def validations(run: Path) -> list[dict[str, Any]]:
    lines = (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [line for line in map(json.loads, lines) if line["kind"] == "validation"]


def test_every_validation_has_the_numbers_of_the_same_windows(probed_run: Path) -> None:
    found = validations(probed_run)
    assert [line["epoch"] for line in found] == [0, 1, 2]
    assert len({line["diagnostics"]["windows"] for line in found}) == 1
    first, last = found[0]["diagnostics"], found[-1]["diagnostics"]
    assert first["effective_rank"] > 1
    assert first["uniformity"] != last["uniformity"]
    kinds = last["histograms"]
    pairs = last["windows"] * (last["windows"] - 1) // 2
    assert sum(sum(counts) for counts in kinds.values()) == pairs
    assert sum(last["positives"]) == last["pairs"]


class Shrink(Objective):
    """Draws the weights of the encoder towards a constant output."""

    def forward(self, encoder: Encoder, batch: Batch, *, generator: torch.Generator) -> dict[str, Tensor]:
        z = encoder(batch.x)
        return {"distance": (z - 1).square().mean()}


def test_a_run_that_collapses_says_so_while_it_trains(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OBJECTIVES, "_entries", dict(OBJECTIVES._entries), raising=False)
    OBJECTIVES.register("shrink")(Shrink)
    training = {"epochs": 5, "batch_size": 64, "lr": 0.1, "average": "none", "schedule": "constant"}
    run = fit(TINY | {"objective": "shrink", "training": training}, out=tmp_path / "run", illustrate=False)
    said = capsys.readouterr().err
    assert said.count("the representations have collapsed") == 1
    assert validations(run.path)[-1]["diagnostics"]["spread"] < 0.1

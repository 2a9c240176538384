"""Objectives whose guard against collapse is removed are told to collapse, and those that have it are not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks.objectives_simulated import MOVED, built, patches, patients
from tsrep.encoders.encoder import Encoder
from tsrep.encoders.resnet1d import ResNet1d
from tsrep.objectives.jepa import Jepa
from tsrep.objectives.objective import Objective
from tsrep.registry import SAMPLERS
from tsrep.rng import initial_weights
from tsrep.sampling.batches import PanelTensors
from tsrep.signals import Panel
from tsrep.training.collapse import CollapseWatch
from tsrep.training.diagnostics import Diagnostics
from tsrep.training.loop import Part, Trainer
from tsrep.training.settings import TrainingSettings

CPU = torch.device("cpu")


class Case(NamedTuple):
    """An objective, and the settings that take away what keeps it from a constant."""

    settings: Mapping[str, Any]
    unguarded: Mapping[str, Any] = {}
    encoder: Callable[[int, int], Encoder] = lambda channels, dim: ResNet1d(channels, width=8, dim=dim)


HEADS = {"hidden": 64, "projection": 32}
CASES = {
    "byol": Case(
        {"name": "byol", "view": MOVED, "momentum": 0.9, **HEADS},
        {"predictor": False, "norm": "none", "momentum": 0.0},
    ),
    # no setting lets the gradient into its targets, so the test puts others in their place
    "jepa": Case({"name": "jepa", "width": 16, "depth": 1, "heads": 2}, encoder=patches),
    "lejepa": Case(
        {"name": "lejepa", "view": MOVED, "pooling": "max", "local_views": 0, **HEADS},
        {"weight": 0.0},
    ),
    "simclr with vicreg": Case(
        {"name": "simclr", "loss": {"name": "vicreg"}, **HEADS},
        {"loss": {"name": "vicreg", "variance": 0.0, "covariance": 0.0}},
    ),
    "simclr with sigreg": Case(
        {"name": "simclr", "loss": {"name": "sigreg"}, **HEADS},
        {"loss": {"name": "sigreg", "weight": 0.0}},
    ),
}


def targets_with_a_gradient(encoder: Encoder, x: Tensor, hidden: Tensor) -> Tensor:
    """Targets of JEPA by the encoder that is trained, in place of its slow copy."""
    tokens = encoder(x).mT.take_along_dim(hidden[..., None], dim=1)
    return F.layer_norm(tokens, tokens.shape[-1:])


def simulated() -> Panel:
    """Samples of 96 patients, three of each, who differ in pitch."""
    x = torch.cat([patients(key)[0].x for key in range(8)]).numpy()
    n = np.arange(len(x))
    return Panel.from_arrays(x, label=n % 2, patient=n // 3, sfreq=100)


def train(encoder: Encoder, objective: Objective, folder: Path) -> None:
    """Train for 54 steps as a run does, which looks at windows and tells a collapse."""
    panel = simulated()
    sampler = SAMPLERS.build({"name": "random"}, panel=panel, batch_size=32, seed=0, rank=0, world=1)
    part = Part(PanelTensors(panel), sampler)
    settings = {"epochs": 6, "batch_size": 32, "lr": 0.01, "amp": False}
    Trainer(
        encoder,
        objective,
        part,
        part,
        TrainingSettings.model_validate(settings | {"average": "none", "schedule": "constant"}),
        seed=0,
        folder=folder,
        diagnose=Diagnostics(panel.select(np.arange(0, len(panel), 3)), "max", 0, CPU),
        hooks=[CollapseWatch(folder / "metrics.jsonl")],
    ).run()


@pytest.mark.long
@pytest.mark.parametrize("guarded", [True, False], ids=["guarded", "unguarded"])
@pytest.mark.parametrize("name", CASES)
def test_a_run_says_that_it_collapses_where_the_guard_is_removed(
    name: str,
    guarded: bool,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    case = CASES[name]
    settings = {**case.settings, **({} if guarded else case.unguarded)}
    with initial_weights(0):
        encoder = case.encoder(2, 16)
        objective = built(settings["name"], settings, encoder, 2)
    if isinstance(objective, Jepa) and not guarded:
        monkeypatch.setattr(objective, "_target", partial(targets_with_a_gradient, encoder))
    train(encoder, objective, tmp_path)
    said = capsys.readouterr().err
    assert said.count("the representations have collapsed") == (not guarded), said
    assert bool(said) is not guarded

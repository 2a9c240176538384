"""A small objective with an inner optimisation, and a trainer for it; the same on one rank of several."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tests.panels import make_panel
from tsrep.encoders.dilated_conv import DilatedConv
from tsrep.encoders.encoder import Encoder
from tsrep.objectives.inner_optimisation import InnerOptimisation
from tsrep.objectives.objective import Objective
from tsrep.objectives.supervised import Supervised
from tsrep.registry import SAMPLERS
from tsrep.sampling.batches import PanelTensors
from tsrep.signals import Batch
from tsrep.training.distributed import ALONE, Ranks
from tsrep.training.hooks import Hook
from tsrep.training.loop import Part, Trainer
from tsrep.training.settings import TrainingSettings

TOGETHER: dict[str, Any] = {"noise": 0.0, "keep": "last", "every": 2}  # no draw that is a rank's own

THAWING: dict[str, Any] = {"gradual": True, "layer_decay": 0.5, "epochs": 5}


class Bending(Objective):
    """Predict the mean of a sample that an augmenter bends; the augmenter makes that hard."""

    def __init__(self, dim: int, *, every: int = 1, noise: float = 0.1, explode: bool = False) -> None:
        super().__init__()
        self.head = nn.Linear(dim, 1)
        self.bend = nn.Conv1d(2, 2, 1)
        self.every, self.noise, self.explode = every, noise, explode

    def forward(self, encoder: Encoder, batch: Batch, *, generator: torch.Generator) -> dict[str, Tensor]:
        with torch.no_grad():
            bent = self._bent(batch.x, generator)
        return {"error": self._error(encoder, bent, batch.x)}

    def inner_optimisations(self) -> tuple[InnerOptimisation, ...]:
        return (
            InnerOptimisation(
                "bend", self.bend, self.bend_terms, lr=0.02, weight_decay=0.1, every=self.every
            ),
        )

    def diagnostics(self, encoder: Encoder, batch: Batch, *, generator: torch.Generator) -> dict[str, Tensor]:
        return {"width": self._bent(batch.x, generator).std(), "nothing": torch.tensor(torch.nan)}

    def bend_terms(self, encoder: Encoder, batch: Batch, *, generator: torch.Generator) -> dict[str, Tensor]:
        error = self._error(encoder, self._bent(batch.x, generator), batch.x)
        return {"error": -error / (0.0 if self.explode else 1.0), "size": self.bend.weight.square().sum()}

    def _bent(self, x: Tensor, generator: torch.Generator) -> Tensor:
        noise = self.noise * torch.randn(x.shape, generator=generator)
        bent: Tensor = x + torch.tanh(self.bend(x + noise))
        return bent

    def _error(self, encoder: Encoder, bent: Tensor, x: Tensor) -> Tensor:
        guess = self.head(encoder(bent).mean(dim=2))[:, 0]
        return (guess - x.mean(dim=(1, 2))).square().mean()


def bending_trainer(
    folder: Path,
    *hooks: Hook,
    encoder: Encoder | None = None,
    objective: Objective | None = None,
    ranks: Ranks | None = None,
    every: int = 1,
    noise: float = 0.1,
    explode: bool = False,
    **settings: Any,
) -> Trainer:
    folder.mkdir(exist_ok=True)
    torch.manual_seed(0)
    encoder = encoder or DilatedConv(channels=2, hidden=4, dim=6, depth=2)
    bending = Bending(6, every=every, noise=noise, explode=explode)
    panel = make_panel(records=30).windows(20)
    ranks = ranks or ALONE

    def part(index: np.ndarray) -> Part:
        chosen = panel.select(index)
        sampler = SAMPLERS.build(
            {"name": "random"}, panel=chosen, batch_size=8, seed=3, rank=ranks.rank, world=ranks.world
        )
        return Part(PanelTensors(chosen), sampler)

    values = {"epochs": 3, "batch_size": 8, "lr": 0.01, "log_every": 3, "save_seconds": 1e9} | settings
    return Trainer(
        encoder,
        bending if objective is None else objective,
        part(np.arange(40)),
        part(np.arange(40, 56)),
        TrainingSettings(**{"keep": "loss"} | values),
        seed=3,
        folder=folder,
        hooks=hooks,
        ranks=ranks,
    )


def of_rank(rank: int, ranks: int, folder: Path) -> dict[str, dict[str, Tensor]]:
    """Weights after training on this rank's part of each batch: an inner optimisation, and labels."""
    trainer = bending_trainer(folder / "bending", ranks=Ranks(rank, ranks), **TOGETHER)
    if rank > 0:  # ranks agree on the start because the wrapper says so, not because the seed does
        with torch.no_grad():
            trainer.net.objective.bend.weight.add_(1)
    trainer.run()
    labels = supervised_trainer(folder / "supervised", ranks=Ranks(rank, ranks))
    labels.run()
    thawing = supervised_trainer(folder / "thawing", ranks=Ranks(rank, ranks), **THAWING)
    thawing.run()
    trained = {"bending": trainer, "supervised": labels, "thawing": thawing}
    return {name: one.net.state_dict() for name, one in trained.items()}


def supervised_trainer(folder: Path, *hooks: Hook, **settings: Any) -> Trainer:
    torch.manual_seed(1)  # or its weights would depend on what was drawn before
    objective = Supervised(6, 3, dropout=0.0)  # random views differ between processes by design
    values = {"objective": objective, "average": "none", "keep": "last"} | settings
    return bending_trainer(folder, *hooks, **values)

"""What training adds to a linear read-out of a planted factor, beside the same encoder before training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from tsrep.encoders.encoder import Encoder
from tsrep.encoders.pooling import pool
from tsrep.encoders.resnet1d import ResNet1d
from tsrep.objectives.objective import Objective
from tsrep.registry import OBJECTIVES
from tsrep.rng import initial_weights, torch_generator
from tsrep.signals import Batch

Planted = tuple[Batch, Tensor]  # samples, and the factor of each, shape (batch,)
NAMES = {"channel_names": tuple("abcdef"), "class_names": ("healthy", "ill")}


def make_batch(x: Tensor, **ids: Tensor) -> Batch:
    n = torch.arange(len(x))
    return Batch(**{"x": x, "label": n * 0, "patient": n, "trial": n, "sample": n, "start": n * 0} | ids)


def built(settings: Mapping[str, Any], encoder: Encoder, channels: int) -> Objective:
    made: Objective = OBJECTIVES.build(
        OBJECTIVES.entry(settings["name"]).settings.model_validate(settings),
        dim=encoder.dim,
        stride=encoder.stride,
        channels=channels,
        covariates=0,
        classes=2,
        multilabel=False,
        **{key: names[:channels] for key, names in NAMES.items()},
    )
    made.attach(encoder)
    return made


def trained(
    settings: Mapping[str, Any],
    plant: Callable[[int], Planted],
    *,
    seed: int,
    steps: int,
    lr: float = 3e-3,
    encoder: Encoder | None = None,
) -> tuple[Encoder, Objective]:
    """An encoder after so many steps of an objective, each on a new batch."""
    channels = plant(0)[0].x.shape[1]
    with initial_weights(seed):
        encoder = encoder or ResNet1d(channels, width=8, dim=4)
        objective = built(settings, encoder, channels)
    objective.begin(steps)
    weights = [p for p in (*encoder.parameters(), *objective.parameters()) if p.requires_grad]
    optimizer = torch.optim.Adam(weights, lr=lr)
    for step in range(steps):
        batch, _ = plant(1000 * (seed + 1) + step)
        terms = objective(encoder, batch, generator=torch_generator("step", seed, step))
        optimizer.zero_grad()
        torch.autograd.backward(torch.stack([*terms.values()]).sum())
        optimizer.step()
        objective.after_step()
    return encoder.eval(), objective.eval()


@torch.no_grad()
def read_out(encode: Callable[[Tensor], Tensor], plant: Callable[[int], Planted], batches: int = 6) -> float:
    """Explained variance of the factor by a ridge from features, on batches that it was not fitted on."""
    found = [plant(900_000 + k) for k in range(2 * batches)]
    x = torch.cat([encode(batch.x) for batch, _ in found]).double()
    y = torch.cat([factor for _, factor in found]).double()
    half = len(x) // 2
    mean, std = x[:half].mean(0), x[:half].std(0) + 1e-9
    x = (x - mean) / std
    level = y[:half].mean()
    gram = x[:half].mT @ x[:half] + torch.eye(x.shape[1], dtype=torch.float64)
    weight = torch.linalg.solve(gram, x[:half].mT @ (y[:half] - level))
    error = (y[half:] - level - x[half:] @ weight).square().sum()
    return 1 - (error / (y[half:] - y[half:].mean()).square().sum()).item()


def gains(
    settings: Mapping[str, Any],
    plant: Callable[[int], Planted],
    *,
    steps: int,
    seeds: int = 3,
    judged: Callable[[int], Planted] | None = None,
    **how: Any,
) -> list[float]:
    """Read-out of trained encoders minus that of the same encoders before training, one a seed."""
    result = []
    for seed in range(seeds):
        scores = []
        for count in (steps, 0):
            encoder, _ = trained(settings, plant, seed=seed, steps=count, **how)
            scores.append(read_out(lambda x, e=encoder: pool(e(x), "max-mean"), judged or plant))
        result.append(scores[0] - scores[1])
    return result

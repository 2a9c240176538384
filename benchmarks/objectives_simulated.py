"""What each self-supervised objective adds to a read-out of a planted factor, beside random initialisation.

Run ``python benchmarks/objectives_simulated.py`` (one thread, about four minutes), or ``--quick`` for the
sizes of the tests. For every objective there is a simulation made for it: a factor that its positives share
under nuisances that they do not share, or that tells what is hidden or comes next. A small encoder is trained
on new batches at each step; explained variance of the factor by a ridge (for Symile, the share of samples
whose signals are found together) on new samples is compared with that of the same encoder before training,
seed by seed, with the 95 % margin of the mean over seeds. Simulations and settings were chosen on seeds 0 to
9; the seeds shown begin at 20, or at ``--first``, and were used for nothing else.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from scipy.stats import t as t_law
from torch import Tensor

from tsrep.encoders.encoder import Encoder
from tsrep.encoders.patch_transformer import PatchTransformer
from tsrep.encoders.pooling import pool
from tsrep.encoders.resnet1d import ResNet1d
from tsrep.encoders.s4d import S4D
from tsrep.losses.similarity import unit_rows
from tsrep.objectives.objective import Objective
from tsrep.registry import OBJECTIVES
from tsrep.rng import initial_weights, torch_generator
from tsrep.signals import Batch

Planted = tuple[Batch, Tensor]  # samples, and the factor of each, shape (batch,) or (batch, factor)
Plant = Callable[[int], Planted]
Part = Callable[[Tensor], Tensor]  # from representations, shape (batch, dim, step), to rows
FRESH = 20  # first seed that is shown
NAMES = {"channel_names": tuple("abcdefghijkl"), "class_names": ("healthy", "ill")}


# The simulations: each draws a batch and its factor from a key.


def patients(key: int) -> Planted:
    """A patient's pitch, in samples whose halves and channels differ in phase, gain and noise."""
    generator = torch_generator("patients", key)
    pitch = (0.08 + 0.3 * torch.rand(12, generator=generator)).repeat_interleave(3)
    gain = torch.exp(0.7 * torch.randn(36, 2, 1, 1, generator=generator))
    phase = 2 * math.pi * torch.rand(36, 2, 2, 1, generator=generator)
    wave = gain * torch.sin(2 * math.pi * pitch[:, None, None, None] * torch.arange(32) + phase)
    x = wave.flatten(2) + torch.randn(36, 2, 64, generator=generator)
    return make_batch(x, patient=torch.arange(12).repeat_interleave(3)), pitch


def lasting(key: int) -> Planted:
    """A level in one direction of four channels, under louder noise in all others, new at every step."""
    generator = torch_generator("lasting", key)
    level = torch.randn(32, generator=generator)
    noise = torch.randn(32, 4, 64, generator=generator)
    return _in_one_direction(0.3 * level[:, None] + 0.15 * noise[:, 0], 3 * noise), level


def cohort(key: int, ill: Tensor | None = None) -> Planted:
    """A rhythm that all have, and a weak fast wave whose height varies among the ill alone."""
    generator = torch_generator("cohort", key)
    ill = torch.arange(32) % 2 == 0 if ill is None else ill
    speed, height = 0.04 + 0.06 * torch.rand(32, generator=generator), torch.rand(32, generator=generator)
    phase = 2 * math.pi * torch.rand(2, 32, 1, generator=generator)
    t = torch.arange(64)
    x = 2 * torch.sin(2 * math.pi * speed[:, None] * t + phase[0])
    x = x + (ill * (0.3 + height))[:, None] * torch.sin(2 * math.pi * 0.35 * t + phase[1])
    x = x + 0.4 * torch.randn(32, 64, generator=generator)
    return make_batch(x[:, None], label=ill.long()), height


def patients_only(key: int) -> Planted:
    """The same with nobody healthy."""
    return cohort(key, torch.ones(32, dtype=torch.bool))


def exclusive(key: int) -> Planted:
    """Three signals, each upright or turned over; the third is upright where just one of the others is."""
    generator = torch_generator("exclusive", key)
    bits = torch.randint(2, (2, 32), generator=generator)
    bits = torch.cat([bits, bits.sum(0, keepdim=True) % 2]).mT  # (sample, signal)
    x = (2 * bits[..., None] - 1) * torch.sin(2 * math.pi * torch.arange(8) / 8)
    return make_batch(x + 0.1 * torch.randn(32, 3, 8, generator=generator)), bits[:, 2]


def hum(key: int) -> Planted:
    """A hum of some strength in one direction of four channels, and louder noise in all others."""
    generator = torch_generator("hum", key)
    height = torch.randn(32, generator=generator)
    noise = torch.randn(32, 4, 96, generator=generator)
    wave = torch.sin(2 * math.pi * torch.arange(96) / 8)
    return _in_one_direction(0.5 * height[:, None] * wave + 0.15 * noise[:, 0], noise), height


def _in_one_direction(signal: Tensor, noise: Tensor) -> Batch:
    """A signal in place of the first source of noise, and an orthogonal mixture of all."""
    mixing, _ = torch.linalg.qr(torch.randn(4, 4, generator=torch_generator("directions of hum")))
    sources = torch.cat([signal[:, None], noise[:, 1:]], dim=1)
    return make_batch(torch.einsum("cs,bst->bct", mixing, sources))


def slow(key: int) -> Planted:
    """A slow rotation whose speed drifts, seen by three channels under louder noise; where it ends."""
    generator = torch_generator("slow process", key)
    start = 2 * math.pi * torch.rand(64, 1, generator=generator)
    drift = 0.15 * torch.randn(64, 96, generator=generator).cumsum(1)
    phase = start + 0.1 * torch.arange(96) + drift
    x = torch.stack([phase.cos(), phase.sin(), (phase + 1).cos()], dim=1)
    end = phase[:, -1]
    return make_batch(x + 1.5 * torch.randn(64, 3, 96, generator=generator)), torch.stack(
        [end.cos(), end.sin()], dim=1
    )


def levels(key: int) -> Planted:
    """A small level of three channels, which is mixed as the samples are, under waves of any phase."""
    generator = torch_generator("levels", key)
    level = torch.randn(36, generator=generator)
    height = 2 * torch.rand(36, 3, 1, generator=generator)
    speed = 0.05 + 0.3 * torch.rand(36, 3, 1, generator=generator)
    phase = 2 * math.pi * torch.rand(36, 3, 1, generator=generator)
    waves = height * torch.sin(2 * math.pi * speed * torch.arange(64) + phase)
    x = waves + 0.1 * level[:, None, None] * torch.tensor([1, -1, 0.5])[:, None]
    return make_batch(x + 0.5 * torch.randn(36, 3, 64, generator=generator)), level


def low_rank(key: int) -> Planted:
    """Two waves of random phase and strength, mixed into three channels under noise; these four factors."""
    generator = torch_generator("low rank", key)
    factors = torch.randn(64, 4, generator=generator)
    t = 2 * math.pi * torch.arange(64) / 64
    waves = torch.stack([(2 * t).cos(), (2 * t).sin(), (3 * t).cos(), (3 * t).sin()])
    mixing = torch.tensor([[1.0, 1, 0, 0], [0, 0, 1, 1], [1, 0, 0, -1]])
    x = torch.einsum("bf,cf,ft->bct", factors, mixing, waves)
    return make_batch(x + torch.randn(64, 3, 64, generator=generator)), factors


def make_batch(x: Tensor, **ids: Tensor) -> Batch:
    """A batch of signals, shape (batch, channel, time); what is not said of them differs or is zero."""
    n = torch.arange(len(x))
    return Batch(**{"x": x, "label": n * 0, "patient": n, "trial": n, "sample": n, "start": n * 0} | ids)


# Scores of an encoder, and of an encoder with its objective.


def pooled(z: Tensor) -> Tensor:
    """Maximum and mean over all steps."""
    return pool(z, "max-mean")


def first_step(z: Tensor) -> Tensor:
    """The first step alone, for what is to be told from a part of the signal."""
    return z[..., 0]


def last_step(z: Tensor) -> Tensor:
    """The last step alone, for what changes in time."""
    return z[..., -1]


@torch.no_grad()
def read_out(encoder: Encoder, plant: Plant, part: Part = pooled, batches: int = 6) -> float:
    """Explained variance of the factor by a ridge from features, on batches it was not fitted on."""
    found = [plant(900_000 + k) for k in range(2 * batches)]
    x = torch.cat([part(encoder(batch.x)) for batch, _ in found]).double()
    y = torch.cat([factor for _, factor in found]).double()
    half = len(x) // 2
    x = (x - x[:half].mean(0)) / (x[:half].std(0) + 1e-9)
    level = y[:half].mean()
    gram = x[:half].mT @ x[:half] + torch.eye(x.shape[1], dtype=torch.float64)
    weight = torch.linalg.solve(gram, x[:half].mT @ (y[:half] - level))
    error = (y[half:] - level - x[half:] @ weight).square().sum()
    return 1 - (error / (y[half:] - y[half:].mean(0)).square().sum()).item()


@torch.no_grad()
def found_together(encoder: Encoder, objective: Any) -> float:
    """Share of samples whose third signal fits the other two better than one of the other kind does.

    What a kind of third signal gains whatever the other two are is taken off first.
    """
    batch, third = exclusive(999_999)
    rows = unit_rows(objective.embedded(encoder, batch.x))
    score = (rows[0] * rows[1]) @ rows[2].mT  # (pair, third)
    lead = score[:, third == 1].mean(1) - score[:, third == 0].mean(1)
    return ((lead > lead.mean()) == third).float().mean().item()


# Training.


@dataclass(frozen=True)
class Simulation:
    """An objective, and what it is tried on.

    Attributes
    ----------
    settings : mapping
    plant, judged : callable
        Samples to train on and to score; the latter by default the former.
    part : callable
        What of a representation is read.
    dim : int
        Width of the representation.
    encoder : callable
        From channels and ``dim`` to an encoder.
    quick, steps : int
        Of training: in the tests, and here.
    lr : float
    """

    settings: Mapping[str, Any]
    plant: Plant
    judged: Plant | None = None
    part: Part = pooled
    dim: int = 4
    encoder: Callable[[int, int], Encoder] = lambda channels, dim: ResNet1d(channels, width=8, dim=dim)
    quick: int = 60
    steps: int = 200
    lr: float = 3e-3

    def score(self, encoder: Encoder, objective: Objective) -> float:
        """The read-out, or whether signals are found together."""
        if self.plant is exclusive:
            return found_together(encoder, objective)
        return read_out(encoder, self.judged or self.plant, self.part)


def patches(channels: int, dim: int) -> Encoder:
    """A small transformer of patches that do not overlap."""
    return PatchTransformer(channels, width=16, dim=dim, patch=8, stride=8, depth=1, heads=2)


def state_space(channels: int, dim: int) -> Encoder:
    """One layer, which sees no later step."""
    return S4D(channels, width=16, depth=1, dim=dim)


WEAK_JITTER, JITTER = {"name": "jitter", "std": 0.2}, {"name": "jitter", "std": 0.3}
MOVED = {
    "name": "compose",
    "views": [
        {"name": "time-shift", "most": 0.4},
        {"name": "scale", "std": 0.5},
        {"name": "jitter", "std": 0.5},
    ],
}
SHIFTED = {"name": "compose", "views": [{"name": "time-shift", "most": 0.4}, JITTER]}
CONTEXT = {"hidden": 16, "depth": 1, "heads": 2, "feedforward": 16, "dropout": 0.0}
SIMULATIONS = {
    "byol": Simulation({"hidden": 64, "projection": 32, "view": MOVED, "momentum": 0.9}, patients),
    "clocs": Simulation({}, patients, quick=40),
    "comet": Simulation(
        {"hidden": 32, "projection": 16, "view": MOVED, "trial_weight": 0.0, "patient_weight": 0.5}, patients
    ),
    "ts-tcc": Simulation(
        {"lags": 3, "weak": JITTER, "strong": JITTER, **CONTEXT}, lasting, quick=100, steps=150, lr=1e-2
    ),
    "tf-c": Simulation(
        {"hidden": 32, "projection": 16, "time_view": MOVED, "share": 0.8}, patients, quick=80
    ),
    "mixing-up": Simulation({"temperature": 0.2}, levels),
    "sepclr": Simulation(
        {"view": WEAK_JITTER, "hidden": 32, "background_weight": 1.0, "joint_weight": 1.0},
        cohort,
        patients_only,
        quick=120,
    ),
    "jepa": Simulation(
        {"width": 16, "depth": 1, "heads": 2, "keep": (0.4, 0.6)},
        slow,
        part=last_step,
        encoder=patches,
        quick=80,
    ),
    "cpc": Simulation(
        {"normalize": True, "temperature": 0.2},
        slow,
        part=last_step,
        dim=8,
        encoder=state_space,
        steps=150,
    ),
    "masked-patches": Simulation(
        {"patch": 8, "share": 0.5},
        low_rank,
        part=first_step,
        dim=32,
        encoder=patches,
        quick=70,
        steps=150,
        lr=1e-2,
    ),
    "lejepa": Simulation(
        {"hidden": 32, "projection": 2, "view": SHIFTED, "local_views": 2, "local_share": 0.35},
        hum,
        encoder=patches,
        steps=150,
    ),
    "symile": Simulation(
        {"hidden": 32, "projection": 16, "scale": 3.0}, exclusive, dim=16, quick=150, steps=300
    ),
}


def built(name: str, settings: Mapping[str, Any], encoder: Encoder, channels: int) -> Objective:
    """An objective for an encoder of so many channels, attached to it."""
    made: Objective = OBJECTIVES.build(
        OBJECTIVES.entry(name).settings.model_validate({"name": name, **settings}),
        dim=encoder.dim,
        stride=encoder.stride,
        channels=channels,
        covariates=0,
        classes=2,
        multilabel=False,
        channel_names=NAMES["channel_names"][:channels],
        class_names=NAMES["class_names"],
    )
    made.attach(encoder)
    return made


def trained(name: str, *, seed: int, steps: int, **changes: Any) -> tuple[Encoder, Objective]:
    """Encoder and objective after so many steps, each on a new batch; ``changes`` are of its settings."""
    how = SIMULATIONS[name]
    channels = how.plant(0)[0].x.shape[1]
    with initial_weights(seed):
        encoder = how.encoder(channels, how.dim)
        objective = built(name, {**how.settings, **changes}, encoder, channels)
    objective.begin(steps)
    weights = [p for p in (*encoder.parameters(), *objective.parameters()) if p.requires_grad]
    optimizer = torch.optim.Adam(weights, lr=how.lr)
    for step in range(steps):
        batch, _ = how.plant(1000 * (seed + 1) + step)
        terms = objective(encoder, batch, generator=torch_generator("step", seed, step))
        optimizer.zero_grad()
        torch.autograd.backward(torch.stack([*terms.values()]).sum())
        optimizer.step()
        objective.after_step()
    return encoder.eval(), objective.eval()


def gains(name: str, *, seeds: int, steps: int, first: int = 0, **changes: Any) -> list[float]:
    """Score of trained encoders minus that of the same encoders before training, for each seed."""
    score = SIMULATIONS[name].score
    return [
        score(*trained(name, seed=seed, steps=steps, **changes)) - score(*trained(name, seed=seed, steps=0))
        for seed in range(first, first + seeds)
    ]


def margin(values: list[float]) -> float:
    """Half of the 95 % interval of the mean over seeds, by Student's t; NaN of a single seed."""
    if len(values) < 2:
        return math.nan
    return float(t_law.ppf(0.975, len(values) - 1)) * statistics.stdev(values) / math.sqrt(len(values))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two seeds and as many steps as the tests")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=FRESH, help="first seed")
    parser.add_argument("names", nargs="*", help=f"of {', '.join(SIMULATIONS)}; all by default")
    given = parser.parse_args()
    torch.set_num_threads(1)
    found = {}
    for name in given.names or SIMULATIONS:
        how = SIMULATIONS[name]
        found[name] = gains(
            name,
            seeds=2 if given.quick else given.seeds,
            steps=how.quick if given.quick else how.steps,
            first=given.first,
        )
        print(
            f"{name:14s} gain over random initialisation",
            " ".join(f"{v:+.3f}" for v in found[name]),
            f"mean {statistics.fmean(found[name]):+.3f} (margin {margin(found[name]):.3f})",
            flush=True,
        )
    mean = {name: round(statistics.fmean(values), 3) for name, values in found.items()}
    smallest = min(min(values) for values in found.values())
    print(
        json.dumps({"name": "objectives_simulated", "mean_gain": mean, "smallest_gain": round(smallest, 3)})
    )


if __name__ == "__main__":
    main()

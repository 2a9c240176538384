"""One AutoTCL training step (augmenter, then encoder) beside a literal reading of the public code.

Run ``python benchmarks/autotcl_step.py`` (one thread, some minutes). The case is ETTh1, univariate, as
published: batch 32, 8 channels (7 of the calendar), 257 steps, released form. Both sides get the same
weights, batch and draws, and take both optimiser steps. The literal side runs eight direct causal
convolutions, encodes samples and views apart, and builds the graphs that it then ignores: that of the
encoder's weights in the augmenter's step and that of the augmenter in the encoder's. Its switched-on
anomaly detection is not counted. The sides alternate in one process and the ratio is that of the fastest
repeats. Peak memory is the growth of the resident set over a step in a fresh process (Linux only).
"""

from __future__ import annotations

import argparse
import gc
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tsrep.encoders.dilated_conv_ar import DilatedConvAR
from tsrep.objectives.autotcl import AutoTCL
from tsrep.registry import OBJECTIVES
from tsrep.rng import torch_generator
from tsrep.signals.batch import Batch
from tsrep.training.averaging import Step
from tsrep.training.checkpoint import Position
from tsrep.training.distributed import ALONE
from tsrep.training.inner_optimisation import InnerOptimisations
from tsrep.training.settings import TrainingSettings

CHANNELS, TIME, BATCH = 8, 257, 32
ALPHA, BETA, BIAS, STRETCH = 0.3, 0.003, 0.05, 0.05
LR, AUGMENTER_LR = 3e-5, 0.01
TOLERANCE = 1e-5
TRUNK = {"name": "dilated-conv-ar", "hidden": 64, "dim": 16, "depth": 3}


# The literal reading: (batch, time, channel) at the door, every tap, every expert on its own.


class LiteralBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int, dilation: int, *, last: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(inputs, outputs, 3, padding=dilation, dilation=dilation)
        self.conv2 = nn.Conv1d(outputs, outputs, 3, padding=dilation, dilation=dilation)
        self.skip = nn.Conv1d(inputs, outputs, 1) if last or inputs != outputs else None

    def forward(self, x: Tensor) -> Tensor:
        residual = x if self.skip is None else self.skip(x)
        return self.conv2(F.gelu(self.conv1(F.gelu(x)))) + residual


class LiteralEncoder(nn.Module):
    def __init__(self, hidden: int, dim: int, depth: int) -> None:
        super().__init__()
        widths = [hidden] * (depth + 1) + [dim]
        self.input = nn.Linear(CHANNELS, hidden)
        self.blocks = nn.Sequential(
            *(LiteralBlock(widths[i], widths[i + 1], 2**i, last=i == depth) for i in range(depth + 1))
        )
        self.experts = nn.ModuleList(nn.Conv1d(dim, dim, 2**i, padding=2**i - 1) for i in range(8))

    def convolved(self, x: Tensor) -> Tensor:
        return self.blocks(self.input(x).transpose(1, 2))

    def forward(self, x: Tensor) -> Tensor:
        """(batch, time, channel) to (batch, time, dim)."""
        z, outputs = self.convolved(x), []
        for i, expert in enumerate(self.experts):
            out = expert(z)
            outputs.append((out if i == 0 else out[..., : -(2**i - 1)]).transpose(1, 2))
        return torch.stack(outputs).mean(0)


class LiteralAugmenter(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.trunk = LiteralEncoder(64, 16, 3)
        self.mask_head, self.gain_head = nn.Linear(16, CHANNELS), nn.Linear(16, CHANNELS)

    def forward(self, x: Tensor, uniform: Tensor) -> tuple[Tensor, Tensor]:
        e = self.trunk(x)
        weight, gain = torch.sigmoid(self.mask_head(e)), torch.sigmoid(self.gain_head(e))
        drawn = (1 - BIAS) + (2 * BIAS - 1) * uniform
        soft = torch.sigmoid(torch.log(drawn) - torch.log(1 - drawn) + weight)
        soft = (soft * (1 + STRETCH) - STRETCH).clamp(0, 1)
        hard = (torch.sign(soft - 0.5) + 1) / 2
        mask = hard + (soft - soft.detach())
        return gain * mask * x, weight


def literal_mmd(u: Tensor, w: Tensor) -> Tensor:
    z = torch.cat([u, w])
    n, b = len(z), len(u)
    distance = (z[None] - z[:, None]).square().sum(2)
    width = distance.detach().sum() / (n * n - n) / 4
    kernel = sum(torch.exp(-distance / (width * 2**m)) for m in range(5))
    return (kernel[:b, :b] + kernel[b:, b:] - kernel[:b, b:] - kernel[b:, :b]).mean()


def literal_global(zx: Tensor, zv: Tensor) -> Tensor:
    a, b = F.normalize(zx.amax(1), dim=1), F.normalize(zv.amax(1), dim=1)
    logits = torch.exp(a @ b.T)
    return -torch.log(logits.diagonal() / logits.sum(1)).mean()


def literal_local(z: Tensor, start: int, segments: int = 16) -> Tensor:
    z = F.normalize(z, dim=2)
    length = z.shape[1] // segments
    pooled = torch.stack(
        [z[:, start + i * length : start + (i + 1) * length].amax(1) for i in range(segments)], dim=1
    )
    similar = torch.exp(pooled @ pooled.transpose(1, 2))[0]  # the other samples are computed, then dropped
    total = torch.zeros(())
    for i in range(segments):
        positive = i + 1 if i < segments - 1 else i - 1
        others = {j for j in range(segments) if abs(i - j) > 1} - {0: {2}, 15: {13}}.get(i, set())
        own = similar[i, positive]
        total = total - torch.log(own / (own + similar[i, sorted(others)].sum()))
    return total / segments


# Both sides.


class Side(Protocol):
    def step(self) -> list[float]:
        """Take one step; gives the losses of the augmenter and of the encoder."""


class Ours:
    def __init__(self, batch: Batch) -> None:
        torch.manual_seed(0)
        self.batch, self.at, self.encoder = batch, Position(), DilatedConvAR(CHANNELS)
        values = {"name": "autotcl", "form": {"name": "released"}, "trunk": TRUNK}
        self.objective: AutoTCL = OBJECTIVES.build(values, channels=CHANNELS, covariates=7)
        net = Step(self.encoder, self.objective)
        settings = TrainingSettings(clip=None)
        self.inner = InnerOptimisations(net, settings, 0, torch.device("cpu"), ALONE)
        self.optimizer = torch.optim.AdamW(self.encoder.parameters(), lr=LR)

    def step(self) -> list[float]:
        self.inner.step(self.batch, self.at, 1.0)
        generator = torch_generator("step", self.at.step)
        self.optimizer.zero_grad()
        loss = torch.stack([*self.objective(self.encoder, self.batch, generator=generator).values()]).sum()
        loss.backward()
        self.optimizer.step()
        self.at.step, self.at.cursor = self.at.step + 1, self.at.cursor + 1
        augmented, _ = self.inner.optimisers[0].terms.flush(self.at.step)
        return [sum(augmented.values()), loss.item()]


class Theirs:
    def __init__(self, batch: Batch) -> None:
        ours = Ours(batch)
        self.x, self.done = batch.x.transpose(1, 2).contiguous(), 0
        self.encoder, self.augmenter = LiteralEncoder(64, 320, 10), LiteralAugmenter()
        self.encoder.load_state_dict(ours.encoder.state_dict())
        heads = ours.objective.augmenter().state_dict()
        linear = {"mask_head.weight", "gain_head.weight"}
        self.augmenter.load_state_dict({k: v.squeeze(2) if k in linear else v for k, v in heads.items()})
        self.optimizer = torch.optim.AdamW(self.encoder.parameters(), lr=LR)
        self.augmenter_optimizer = torch.optim.AdamW(self.augmenter.parameters(), lr=AUGMENTER_LR)

    def step(self) -> list[float]:
        generator = torch_generator(0, "player", "augmenter", 1, self.done, 0)
        view, weight = self.augmenter(self.x, self._uniform(generator))
        u, w = (self.encoder.convolved(signal).amax(2) for signal in (self.x, view))
        augmented = literal_mmd(u, w) + BETA * F.relu(weight.sum(2).mean() - 0.4)
        self.augmenter_optimizer.zero_grad()
        augmented.backward()
        self.augmenter_optimizer.step()
        generator = torch_generator("step", self.done)
        view, _ = self.augmenter(self.x, self._uniform(generator))
        start = int(torch.randint(TIME % 16 + 1, (), generator=generator))
        zx, zv = self.encoder(self.x), self.encoder(view)
        loss = literal_global(zx, zv) + ALPHA * literal_local(zx, start)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.done += 1
        return [augmented.item(), loss.item()]

    def _uniform(self, generator: torch.Generator) -> Tensor:
        return torch.rand(len(self.x), CHANNELS, TIME, generator=generator).transpose(1, 2)


SIDES: dict[str, type[Ours] | type[Theirs]] = {"ours": Ours, "theirs": Theirs}


def make_batch(size: int) -> Batch:
    """Daily waves with noise: signals on which both losses have something to say."""
    index = torch.arange(size)
    steps = torch.arange(TIME) / 24 * 2 * torch.pi
    phase = torch.rand(size, CHANNELS, 1, generator=torch_generator(0, "phases")) * 2 * torch.pi
    noise = torch.randn(size, CHANNELS, TIME, generator=torch_generator(0, "signals"))
    return Batch(torch.sin(steps + phase) + 0.5 * noise, index % 2, index, index, index, index * TIME)


def compare(losses: dict[str, list[float]]) -> float:
    """Largest absolute difference of the losses, held to the tolerance."""
    pairs = list(zip(losses["ours"], losses["theirs"], strict=True))
    for who, (a, b) in zip(("augmenter", "encoder"), pairs, strict=True):
        print(f"  loss of the {who}: {a:.7f} beside {b:.7f}", flush=True)
        if abs(a - b) > TOLERANCE * max(1.0, abs(b)):
            raise SystemExit(f"the two sides differ in the loss of the {who} by {abs(a - b):.1e}")
    return max(abs(a - b) for a, b in pairs)


def peak_memory(side: str, size: int) -> int:
    """Growth of the resident set over one step in a fresh process, in bytes."""
    arguments = ["--measure", side, "--batch", str(size)]
    done = subprocess.run(
        [sys.executable, str(Path(__file__)), *arguments], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


def print_own_memory(name: str, size: int) -> None:
    SIDES[name](make_batch(2)).step()  # libraries are not the method's memory
    side: Side = SIDES[name](make_batch(size))
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # the mark falls back to what is resident now
    before = high_water_mark()
    side.step()
    print(high_water_mark() - before)


def high_water_mark() -> int:
    """Largest resident set so far, in bytes."""
    status = Path("/proc/self/status").read_text()
    return 1024 * next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=BATCH)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--measure", choices=[*SIDES], help=argparse.SUPPRESS)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    if given.measure:
        print_own_memory(given.measure, given.batch)
        return
    batch = make_batch(given.batch)
    sides = {name: make(batch) for name, make in SIDES.items()}
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
    difference = 0.0
    for repeat in range(given.repeats):
        losses = {}
        for name, side in sides.items():
            clock, processor = time.perf_counter(), time.process_time()
            losses[name] = side.step()
            times[name].append((time.perf_counter() - clock, time.process_time() - processor))
        if repeat == 0:  # later steps start from weights that rounding has parted
            difference = compare(losses)
    best = {name: [min(column) for column in zip(*values, strict=True)] for name, values in times.items()}
    memory = {name: peak_memory(name, given.batch) for name in sides}
    for name, values in times.items():
        listed = " ".join(f"{clock:.2f}" for clock, _ in values)
        print(f"  {name:7s} {best[name][0]:6.2f} s ({listed}), {memory[name] / 2**20:6.0f} MiB")
    result = {
        "name": f"autotcl_step_b{given.batch}",
        "time_ratio": round(best["ours"][0] / best["theirs"][0], 3),
        "processor_time_ratio": round(best["ours"][1] / best["theirs"][1], 3),
        "memory_ratio": round(memory["ours"] / memory["theirs"], 3),
        "max_abs_diff": difference,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()

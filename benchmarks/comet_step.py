"""One COMET training step beside a literal reading of the published method, equal in loss and gradients.

Run ``python benchmarks/comet_step.py`` (two threads, about five minutes). Both sides get the same weights,
batch, timestamp masks and dropout draws, made outside the measured time, and do forward, backward and an
AdamW step. They alternate in one process and the ratio is that of the fastest repeats. Peak memory is the
growth of the resident set over a step, by the kernel's high-water mark, in a fresh process for each side,
after everything both sides need has been loaded and the batch drawn (Linux only).
"""

from __future__ import annotations

import argparse
import gc
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tsrep.encoders.dilated_conv import DilatedConv
from tsrep.objectives.comet_masked import CometMasked, Draws
from tsrep.rng import torch_generator
from tsrep.signals.batch import Batch

CHANNELS, TIME = 15, 300
WEIGHTS = {"patient": 0.1, "trial": 0.7, "sample": 0.1, "observation": 0.1}
# Relative differences of loss and gradient beyond which the two sides are not the same method.
TOLERANCE = {"fp32": (1e-5, 1e-4), "bf16": (1e-2, 5e-2)}


# The literal reading: `(batch, time, dim)` maps, eight encoder passes, all taps, full logits.


class LiteralBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int, dilation: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(inputs, outputs, 3, padding=dilation, dilation=dilation)
        self.conv2 = nn.Conv1d(outputs, outputs, 3, padding=dilation, dilation=dilation)
        self.skip = nn.Conv1d(inputs, outputs, 1) if inputs != outputs else None

    def forward(self, x: Tensor) -> Tensor:
        residual = x if self.skip is None else self.skip(x)
        x = self.conv1(F.gelu(x))
        return self.conv2(F.gelu(x)) + residual


class LiteralEncoder(nn.Module):
    def __init__(self, channels: int, hidden: int = 64, dim: int = 320, depth: int = 10) -> None:
        super().__init__()
        widths = [hidden] * (depth + 1) + [dim]
        self.input = nn.Linear(channels, hidden)
        self.blocks = nn.Sequential(*(LiteralBlock(widths[i], widths[i + 1], 2**i) for i in range(depth + 1)))

    def forward(self, x: Tensor, keep: Tensor, dropout: Tensor) -> Tensor:
        x = self.input(x)
        x[~keep] = 0
        return self.blocks(x.transpose(1, 2)).transpose(1, 2) * dropout / 0.9


def literal_pairs_loss(z: Tensor) -> Tensor:
    """Contrast within groups: ``z (group, 2 * item, dim)`` holds the items of one view, then of the other."""
    items = z.shape[1] // 2
    sim = torch.matmul(z, z.transpose(1, 2))
    logits = torch.tril(sim, diagonal=-1)[:, :, :-1]
    logits += torch.triu(sim, diagonal=1)[:, :, 1:]
    logits = -F.log_softmax(logits, dim=-1)
    i = torch.arange(items)
    return (logits[:, i, items + i - 1].mean() + logits[:, items + i, i].mean()) / 2


def literal_observation(z1: Tensor, z2: Tensor) -> Tensor:
    return literal_pairs_loss(torch.cat([z1, z2], dim=1))


def literal_sample(z1: Tensor, z2: Tensor) -> Tensor:
    return literal_pairs_loss(torch.cat([z1, z2], dim=0).transpose(0, 1))


def literal_hierarchy(loss: Callable[[Tensor, Tensor], Tensor], z1: Tensor, z2: Tensor) -> Tensor:
    total, levels = torch.tensor(0.0), 0
    while z1.shape[1] > 1:
        total = total + loss(z1, z2)
        z1 = F.max_pool1d(z1.transpose(1, 2), 2).transpose(1, 2)
        z2 = F.max_pool1d(z2.transpose(1, 2), 2).transpose(1, 2)
        levels += 1
    return total / levels


def literal_identity(z1: Tensor, z2: Tensor, ids: Tensor) -> Tensor:
    a = F.normalize(z1, dim=1).flatten(1)
    b = F.normalize(z2, dim=1).flatten(1)
    sim = a @ b.T / (a.norm(dim=1)[:, None] * b.norm(dim=1)[None, :]) / 0.1
    names = [str(i) for i in ids.tolist()]
    same = torch.tensor([[first == second for second in names] for first in names])
    upper, lower = same.triu(1), same.tril(-1)
    by_row, by_column = -sim.log_softmax(dim=1), -sim.log_softmax(dim=0)
    return (by_row[upper].mean() + by_column[lower].mean()) / 2


def literal_step(encoder: LiteralEncoder, batch: Batch, draws: Draws) -> Tensor:
    x, everything = batch.x.transpose(1, 2), torch.ones(len(batch), TIME, dtype=torch.bool)

    def views(level: str) -> tuple[Tensor, Tensor]:
        keep = draws.keep.get(level, (everything, everything))
        first, second = (encoder(x, k, d) for k, d in zip(keep, draws.dropout[level], strict=True))
        return first, second

    loss = literal_identity(*views("patient"), batch.patient) + literal_identity(*views("trial"), batch.trial)
    loss = loss + WEIGHTS["sample"] * literal_hierarchy(literal_sample, *views("sample"))
    return loss + WEIGHTS["observation"] * literal_hierarchy(literal_observation, *views("observation"))


# Both sides.


def published_comet(*, share_masks: bool = False) -> CometMasked:
    return CometMasked(
        **{f"{level}_weight": weight for level, weight in WEIGHTS.items()},
        apply_weights_to_identity=False,
        diagonal="keep",
        anchors="earlier",
        trial_negatives="all",
        identity_features="time-course",
        share_masks=share_masks,
    )


def make_batch(size: int) -> Batch:
    """Random signals in trials of ten windows and patients of two trials."""
    index = torch.arange(size)
    x = torch.randn(size, CHANNELS, TIME, generator=torch_generator(0, "signals"))
    return Batch(x, index % 2, index // 20, index // 10, index, index * TIME)


class Side:
    """One way to take a step, with its own copy of the weights and its own optimiser."""

    def __init__(self, encoder: nn.Module, loss: Callable[[], Tensor]) -> None:
        self.encoder, self.loss = encoder, loss
        self.optimizer = torch.optim.AdamW(encoder.parameters(), lr=1e-4)

    def step(self) -> tuple[float, float]:
        """Seconds of one step by the clock and of the processor."""
        self.optimizer.zero_grad()
        clock, processor = time.perf_counter(), time.process_time()
        self.loss().backward()
        self.optimizer.step()
        return time.perf_counter() - clock, time.process_time() - processor


def make_sides(size: int, precision: str, which: str = "both") -> dict[str, Side]:
    torch.manual_seed(0)
    batch, ours = make_batch(size), DilatedConv(CHANNELS)
    comet = published_comet()
    draws = comet.draw(ours, batch, generator=torch_generator(0, "draws"))
    sides = {}
    if which in ("both", "theirs"):
        theirs = LiteralEncoder(CHANNELS)
        theirs.load_state_dict(ours.state_dict())
        sides["theirs"] = Side(theirs, lambda: literal_step(theirs, batch, draws))
    if which in ("both", "ours", "shared"):

        def loss(objective: CometMasked = comet, given: Draws = draws) -> Tensor:
            with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
                terms = objective.terms(ours, batch, given)
            return torch.stack(list(terms.values())).sum()

        sides["ours"] = Side(ours, loss)
        shared = published_comet(share_masks=True)
        given = shared.draw(ours, batch, generator=torch_generator(0, "draws"))
        sides["shared"] = Side(ours, lambda: loss(shared, given))
    return sides


def differences(sides: dict[str, Side], precision: str) -> tuple[float, float]:
    """Largest absolute and relative norm difference of all parameter gradients, held to the tolerance."""
    values, gradients = {}, {}
    for name in ("ours", "theirs"):
        sides[name].encoder.zero_grad()
        loss = sides[name].loss()
        loss.backward()
        values[name] = loss.item()
        gradients[name] = torch.cat([p.grad.flatten() for p in sides[name].encoder.parameters()])
    relative_loss = abs(values["ours"] / values["theirs"] - 1)
    print(
        f"  loss {values['ours']:.6f} beside {values['theirs']:.6f}, relative difference {relative_loss:.1e}"
    )
    difference = gradients["ours"] - gradients["theirs"]
    relative = (difference.norm() / gradients["theirs"].norm()).item()
    if relative_loss > TOLERANCE[precision][0] or relative > TOLERANCE[precision][1]:
        raise SystemExit(f"the two sides differ: loss {relative_loss:.1e}, gradient {relative:.1e} relative")
    return difference.abs().max().item(), relative


def peak_memory(side: str, size: int, precision: str) -> int:
    """Growth of the resident set over one step in a fresh process, in bytes."""
    arguments = ["--measure", side, "--batch", str(size), "--precision", precision]
    done = subprocess.run(
        [sys.executable, str(Path(__file__)), *arguments], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


def print_own_memory(side: str, size: int, precision: str) -> None:
    make_sides(2, precision, side)[side].step()  # libraries and thread pools are not the method's memory
    measured = make_sides(size, precision, side)[side]
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # the mark falls back to what is resident now
    before = high_water_mark()
    measured.step()
    print(high_water_mark() - before)


def high_water_mark() -> int:
    """Largest resident set so far, in bytes."""
    status = Path("/proc/self/status").read_text()
    return 1024 * next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))


def run_case(size: int, precision: str, repeats: int) -> dict[str, float | str]:
    print(f"batch {size}, {precision} beside float32", flush=True)
    sides = make_sides(size, precision)
    largest, relative = differences(sides, precision)
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
    for _ in range(repeats):
        for name, side in sides.items():
            times[name].append(side.step())
    best = {name: min(clock for clock, _ in values) for name, values in times.items()}
    processor = {name: min(seconds for _, seconds in values) for name, values in times.items()}
    memory = {name: peak_memory(name, size, precision) for name in sides}
    for name in sides:
        listed = " ".join(f"{clock:.2f}" for clock, _ in times[name])
        print(f"  {name:7s} {best[name]:6.2f} s ({listed}), {memory[name] / 2**20:6.0f} MiB", flush=True)
    return {
        "name": f"comet_step_b{size}_{precision}",
        "time_ratio": round(best["ours"] / best["theirs"], 3),
        "processor_time_ratio": round(processor["ours"] / processor["theirs"], 3),
        "memory_ratio": round(memory["ours"] / memory["theirs"], 3),
        "max_abs_diff": largest,
        "relative_norm_diff": relative,
        "shared_masks_time_ratio": round(best["shared"] / best["theirs"], 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, nargs="*", default=[32, 128])
    parser.add_argument("--precision", nargs="*", choices=["fp32", "bf16"], default=["fp32", "bf16"])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument(
        "--threads", type=int, default=2, help="with 1, processor time is exact on a busy machine too"
    )
    parser.add_argument("--measure", choices=["ours", "theirs", "shared"], help=argparse.SUPPRESS)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    if given.measure:
        print_own_memory(given.measure, given.batch[0], given.precision[0])
        return
    results = [run_case(b, p, given.repeats) for b in given.batch for p in given.precision]
    for result in results:
        print(json.dumps(result))


if __name__ == "__main__":
    main()

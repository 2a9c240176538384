"""What an encoder costs: weights, arithmetic, time and memory."""

from __future__ import annotations

import statistics
import time
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from tsrep.encoders.encoder import Encoder
from tsrep.text import plural

SECONDS = 10.0  # of signal, for the arithmetic
PASSES = 3
WINDOWS = 64  # at a time


@dataclass(frozen=True)
class Cost:
    """Of one encoder on one machine.

    Attributes
    ----------
    parameters : int
    gflop : float
        Floating-point operations, a multiplication and an addition being two, for ten seconds of signal, in
        units of 10⁹; NaN where they cannot be counted.
    seconds : float
        For 1,000 recordings of this data set, the median of three after a warm-up; without reading them.
    memory : float or None
        Peak on the device in MB while a batch is encoded; None on a CPU, which does not tell.
    megabytes : float
        Of the weights.
    where : str
        Device, threads and windows at a time.
    """

    parameters: int
    gflop: float
    seconds: float
    memory: float | None
    megabytes: float
    where: str

    def plain(self) -> dict[str, Any]:
        """As JSON holds it."""
        return asdict(self)


def cost_of(encoder: Encoder, x: Tensor, *, windows_per_record: float, seconds: float) -> Cost:
    """Measure an encoder on windows that it must be shown.

    Parameters
    ----------
    encoder : Encoder
        On its device, in evaluation mode.
    x : Tensor, shape (window, channel, time)
        At most as many as are encoded at a time.
    windows_per_record : float
    seconds : float
        That a window lasts.
    """
    device = next((p.device for p in encoder.parameters()), torch.device("cpu"))
    x = x[:WINDOWS].to(device)
    with torch.no_grad():
        operations = _operations(encoder, x[:1])
        per_window, memory = _timed(encoder, x, device)
    weights = [*encoder.parameters(), *encoder.buffers()]
    return Cost(
        sum(p.numel() for p in encoder.parameters()),
        operations * SECONDS / seconds / 1e9,
        1000 * windows_per_record * per_window,
        memory,
        sum(each.numel() * each.element_size() for each in weights) / 1e6,
        f"{_named(device)}, {len(x)} windows at a time",
    )


def _operations(encoder: Encoder, x: Tensor) -> float:
    counter = FlopCounterMode(display=False)
    with counter:
        encoder(x)
    return float(counter.get_total_flops()) or float("nan")


def _timed(encoder: Encoder, x: Tensor, device: torch.device) -> tuple[float, float | None]:
    """Seconds a window, and the peak of the device's memory in MB."""
    on_gpu = device.type == "cuda"
    taken = []
    for _ in range(1 + PASSES):
        if on_gpu:
            torch.cuda.reset_peak_memory_stats(device)
        started = time.perf_counter()
        encoder(x)
        if on_gpu:
            torch.cuda.synchronize(device)
        taken.append(time.perf_counter() - started)
    peak = torch.cuda.max_memory_allocated(device) / 1e6 if on_gpu else None
    return statistics.median(taken[1:]) / len(x), peak


def _named(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU, {plural(torch.get_num_threads(), 'thread')}"

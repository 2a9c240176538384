"""What a setting of ``auto`` comes to on this machine: bfloat16 and compilation where they pay off."""

from __future__ import annotations

import json
import time
from pathlib import Path

import torch
from torch import nn

from tsrep.training.settings import TrainingSettings

GPU_FILE = "gpu.json"
WORTH = 1.05  # the gain from which compilation repays its waiting time
SLOWER = 1.5  # times as slow as float32, from which bfloat16 is a mistake
REPEATS = 5


def settled(
    settings: TrainingSettings, device: torch.device, cache: Path
) -> tuple[TrainingSettings, tuple[str, ...]]:
    """Settings in which nothing is left to the machine.

    Parameters
    ----------
    settings : TrainingSettings
        ``amp: auto`` becomes true where bfloat16 is measured to be faster, ``compile: auto`` where
        ``benchmarks/gpu.sh`` has found a gain on this card; ``compile: true`` becomes false where nothing can
        be compiled.
    device : torch.device
    cache : Path
        Folder in which ``benchmarks/gpu.sh`` leaves its result.

    Returns
    -------
    settings : TrainingSettings
    notes : tuple of str
        What the user should know, a sentence each.
    """
    changes: dict[str, bool] = {}
    notes: list[str] = []
    if settings.amp is not False:
        cost = bfloat16_cost(device)
        if settings.amp == "auto":
            changes["amp"] = cost < 1
        elif cost >= SLOWER:
            notes.append(
                f"training.amp is true, but bfloat16 takes {cost:.1f} times as long as float32 on this "
                f"{device.type}; set training.amp to auto or false"
            )
    wanted = settings.compile
    if wanted == "auto":
        changes["compile"] = wanted = compile_gain(device, cache) >= WORTH
    if wanted and (reason := compile_fault(device)):
        changes["compile"] = False
        notes.append(f"training.compile is left out, as torch.compile fails here: {reason}")
    elif wanted:
        notes.append("the first steps wait until the encoder is compiled, which may take minutes")
    return settings.model_copy(update=changes), tuple(notes)


def bfloat16_cost(device: torch.device) -> float:
    """Time of a convolution forward and backward in bfloat16 over its time in float32."""
    with torch.random.fork_rng():
        layer = nn.Conv1d(64, 64, 5, padding=2, device=device)
    x = torch.ones(16, 64, 250, device=device)

    def seconds(amp: bool) -> float:
        _wait(device)
        began = time.perf_counter()
        with torch.autocast(device.type, torch.bfloat16, enabled=amp):
            y = layer(x)
        y.float().sum().backward()
        _wait(device)
        return time.perf_counter() - began

    times = [(seconds(True), seconds(False)) for _ in range(REPEATS)][1:]
    return min(amp for amp, _ in times) / min(exact for _, exact in times)


def compile_gain(device: torch.device, cache: Path) -> float:
    """Time of a step over its time when compiled, by the file of ``benchmarks/gpu.sh``; 1 without one."""
    try:
        told = json.loads((cache / GPU_FILE).read_text())
        return float(told["compile_gain"]) if told["device"] == device_name(device) else 1.0
    except (OSError, ValueError, KeyError, TypeError):
        return 1.0


def device_name(device: torch.device) -> str:
    """Name of the card, or of the kind of device."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def compile_fault(device: torch.device) -> str:
    """Why nothing can be compiled here, in a line; empty where it can."""
    try:
        with torch.random.fork_rng():
            torch.compile(nn.Linear(4, 4, device=device))(torch.ones(2, 4, device=device)).sum().backward()
    except Exception as error:  # a missing compiler, an unknown card, a full disk: all are the machine's
        return (str(error).strip().splitlines() or [type(error).__name__])[0]
    return ""


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)

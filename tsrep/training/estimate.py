"""What a training will take, from its first steps."""

from __future__ import annotations

import sys
from time import perf_counter

import torch

from tsrep.training.hooks import Hook, Plan

WARM_UP = 1  # steps that allocate and compile, and tell nothing of the others
ENOUGH_STEPS, ENOUGH_SECONDS = 10, 1.0
SHORT = 5.0  # seconds of a training that nobody waits for
COPIES = 7  # of the weights in a run folder: two of the encoder, both parts, their average and two moments
OTHER_FILES = 3e6  # bytes of page, figures and arrays


class Estimate(Hook):
    """Says once, as soon as steps can be measured, how long training takes and what room it needs.

    Parameters
    ----------
    device : torch.device
    weights : int
        Bytes of the encoder's weights.
    """

    def __init__(self, device: torch.device, weights: int) -> None:
        self._device, self._weights = device, weights
        self._told = False

    def on_start(self, plan: Plan) -> None:
        """Keep what is left to do."""
        self._plan = plan

    def on_step(self, step: int) -> None:
        """Measure, after the steps that warm up."""
        if self._told:
            return
        done = step - self._plan.steps_done - WARM_UP
        if done <= 0:
            self._begun = perf_counter()
            return
        seconds = perf_counter() - self._begun
        if done >= ENOUGH_STEPS or seconds >= ENOUGH_SECONDS:
            self._told = True
            self._tell(seconds / done, self._plan.steps - step)

    def _tell(self, step_seconds: float, left: int) -> None:
        if step_seconds * left < SHORT:
            return
        room = self._weights * COPIES + OTHER_FILES
        print(
            f"tsrep: about {duration(step_seconds * left)} for {left:,} steps of {step_seconds:.2g} s on "
            f"{self._device}, then the scores; {self._memory()} of memory, {room / 1e6:,.0f} MB on disk",
            file=sys.stderr,
        )

    def _memory(self) -> str:
        if self._device.type == "cuda":
            return f"{torch.cuda.max_memory_allocated(self._device) / 1e9:.1f} GB"
        from resource import RUSAGE_SELF, getrusage  # not on Windows

        unit = 1 if sys.platform == "darwin" else 1024
        return f"{getrusage(RUSAGE_SELF).ru_maxrss * unit / 1e9:.1f} GB"


def duration(seconds: float) -> str:
    """``40 s``, ``12 min`` or ``3 h 20 min``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"

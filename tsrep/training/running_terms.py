"""Means of the loss terms between two lines of the metric log."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tsrep.errors import RunError


@dataclass
class RunningTerms:
    """Sums on the device, which is waited for only when they are read.

    Attributes
    ----------
    sums : Tensor, shape (term,), float64, or None before the first step
    steps, samples : int
    busy : float
        Seconds spent in steps.
    """

    sums: Tensor | None = None
    steps: int = 0
    samples: int = 0
    busy: float = 0.0
    names: tuple[str, ...] = ()

    def add(self, terms: dict[str, Tensor], samples: int, seconds: float) -> None:
        """Count one step."""
        values = torch.stack(list(terms.values())).detach().double()
        self.sums = values if self.sums is None else self.sums + values
        self.names = tuple(terms)
        self.steps, self.samples, self.busy = self.steps + 1, self.samples + samples, self.busy + seconds

    def flush(self, step: int) -> tuple[dict[str, float], float]:
        """Mean of each term and samples per second, then start anew.

        Raises
        ------
        RunError
            When a mean is not finite.
        """
        assert self.sums is not None
        means = dict(zip(self.names, (self.sums / self.steps).tolist(), strict=True))
        throughput = self.samples / max(self.busy, 1e-9)
        self.sums, self.steps, self.samples, self.busy = None, 0, 0, 0.0
        refuse_non_finite(means, step)
        return means, throughput

    def stored(self) -> dict[str, Any]:
        """Plain values for the resumable state."""
        sums = None if self.sums is None else self.sums.tolist()
        return {"sums": sums, "steps": self.steps, "samples": self.samples, "busy": self.busy}

    @classmethod
    def restore(cls, stored: dict[str, Any], device: torch.device) -> RunningTerms:
        """What :meth:`stored` gave."""
        sums = stored["sums"]
        tensor = None if sums is None else torch.tensor(sums, dtype=torch.float64, device=device)
        return cls(**{**stored, "sums": tensor})


def refuse_non_finite(values: dict[str, float], step: int) -> None:
    """Stop a run that has diverged.

    Raises
    ------
    RunError
        Naming the first term that is not finite.
    """
    for name, value in values.items():
        if not math.isfinite(value):
            raise RunError(
                f"the {name} is not finite by step {step}; lower training.lr, or look for extreme values "
                "with 'tsrep data check'"
            )

"""What a step trains, as one module, and two averages: of its weights, and of its loss terms for the log."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from tsrep.encoders.encoder import Encoder
from tsrep.errors import ConfigError, RunError
from tsrep.objectives.objective import Objective
from tsrep.signals import Batch
from tsrep.training.settings import TrainingSettings


class Step(nn.Module):
    """Encoder and objective as one module, so that DDP and weight averages see both."""

    def __init__(self, encoder: Encoder, objective: Objective) -> None:
        super().__init__()
        self.encoder, self.objective = encoder, objective

    def forward(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        """Named terms of the loss."""
        terms: dict[str, Tensor] = self.objective(self.encoder, batch, generator=generator)
        if not isinstance(terms, dict) or not terms or not all(map(_is_scalar, terms.values())):
            raise ConfigError(
                f"objective {type(self.objective).__name__} gives {terms!r:.60} as its terms; let forward "
                "return a dict of scalar tensors by name"
            )
        return terms


def _is_scalar(term: Any) -> bool:
    return isinstance(term, Tensor) and term.ndim == 0


def weight_average(net: Step, settings: TrainingSettings) -> AveragedModel | None:
    """Running average of all weights: exponential, or uniform over all steps; buffers are copied."""
    if settings.average == "none":
        return None
    # torch has no types here
    rule = get_ema_multi_avg_fn(settings.ema_decay) if settings.average == "ema" else None  # type: ignore[no-untyped-call]
    average = AveragedModel(net, multi_avg_fn=rule)
    if settings.average == "uniform-with-start":
        average.update_parameters(net)  # otherwise the first step replaces the initial weights
    return average


class RunningTerms:
    """Means of the loss terms between two lines of the metric log.

    Sums stay on the device, which is waited for only when they are read.

    Parameters
    ----------
    what : str
        In front of the terms' names in messages.
    """

    def __init__(self, what: str = "") -> None:
        self.what = what
        self._clear()

    def _clear(self) -> None:
        self.sums: dict[str, Tensor | float] = {}
        self.steps, self.samples, self.seconds = 0, 0, 0.0

    def add(self, terms: dict[str, Tensor], samples: int = 0, seconds: float = 0.0) -> None:
        """Count one step."""
        for name, value in terms.items():
            self.sums[name] = self.sums.get(name, 0.0) + value.detach().double()
        self.steps += 1
        self.samples += samples
        self.seconds += seconds

    def flush(self, step: int) -> tuple[dict[str, float], float]:
        """Mean of each term and samples per second, then start anew.

        Raises
        ------
        RunError
            When a mean is not finite; it names the first one.
        """
        means = {name: float(value) / self.steps for name, value in self.sums.items()}
        throughput = self.samples / max(self.seconds, 1e-9)
        self._clear()
        for name, value in means.items():
            if not math.isfinite(value):
                raise RunError(
                    f"the {self.what}{name} is not finite by step {step}; lower training.lr, or look for "
                    "extreme values with 'tsrep data check'"
                )
        return means, throughput

    def state_dict(self) -> dict[str, Any]:
        """Plain values for the resumable state."""
        return vars(self) | {"sums": {name: float(value) for name, value in self.sums.items()}}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`state_dict` gave."""
        vars(self).update(state)

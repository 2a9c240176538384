"""What is trained, as one module, and the running average of its weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from tsrep.encoders.encoder import Encoder
from tsrep.objectives.objective import Objective
from tsrep.signals import Batch
from tsrep.training.settings import TrainingSettings


class Step(nn.Module):
    """Encoder and objective as one module, so that DDP and weight averages see both."""

    def __init__(self, encoder: Encoder, objective: Objective) -> None:
        super().__init__()
        self.encoder = encoder
        self.objective = objective

    def forward(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        """Named terms of the loss."""
        terms: dict[str, Tensor] = self.objective(self.encoder, batch, generator=generator)
        return terms


def weight_average(net: Step, settings: TrainingSettings) -> AveragedModel | None:
    """Running average of all weights: exponential, or uniform over all steps; buffers are copied."""
    if settings.average == "none":
        return None
    rule = None
    if settings.average == "ema":
        rule = get_ema_multi_avg_fn(settings.ema_decay)  # type: ignore[no-untyped-call]  # torch has no types here
    average = AveragedModel(net, multi_avg_fn=rule)
    if settings.average_includes_init:
        average.update_parameters(net)
    return average

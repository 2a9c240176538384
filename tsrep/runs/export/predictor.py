"""Encoder and head as one module: from raw windows to probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from tsrep.encoders.encoder import Encoder
from tsrep.encoders.pooling import POOLS
from tsrep.errors import RunError
from tsrep.evaluation.heads.calibration import Calibration, Steps
from tsrep.evaluation.heads.head import Head

Further = Literal["z", "steps"]


class Prepended(nn.Module):
    """An encoder that is shown what comes before it."""

    def __init__(self, before: nn.Module, encoder: Encoder) -> None:
        super().__init__()
        self.before, self.encoder = before, encoder

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, channel, time) to (batch, dim, time')."""
        z: Tensor = self.encoder(self.before(x))
        return z


class Predictor(nn.Module):
    """Windows to probabilities, shape (window, class), and what else is asked for.

    Parameters
    ----------
    before : Module
        Preprocessing.
    encoder : Encoder
    head : Head
    calibrated : bool
        Whether each window is a whole recording, whose probabilities are calibrated.
    further : sequence of {"z", "steps"}
        Further outputs: the pooled representation, shape (window, feature), and that of each step.

    Raises
    ------
    RunError
        When the head cannot be a part of a graph.
    """

    def __init__(
        self, before: nn.Module, encoder: Encoder, head: Head, *, calibrated: bool, further: Sequence[Further]
    ) -> None:
        super().__init__()
        classifier = head.classifier.module()
        if classifier is None:
            holds = f", which holds features of {head.records_held:,} training samples" * (
                head.records_held > 0
            )
            raise RunError(
                f"head {head.name} ({head.kind}{holds}) cannot be exported; fit a linear one with "
                "tsrep evaluate RUN -p probe, and name it with --head"
            )
        self.before, self.encoder, self.classifier = before, head.encoder(encoder), classifier
        self.pool, self.further = POOLS[head.pool], tuple(further)
        inside = calibrated and head.calibration is not None
        self.calibration = Calibrated(head.calibration) if inside and head.calibration else nn.Identity()

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Map (batch, channel, time) to probabilities and the further outputs, float32."""
        steps = self.encoder(self.before(x))  # (batch, dim, time')
        z = self.pool(steps).float()
        found = {"z": z, "steps": steps}
        probability = self.calibration(self.classifier(z)).float()
        return probability, *(found[name] for name in self.further)


class Calibrated(nn.Module):
    """A calibration of the probabilities of records; see :class:`Calibration`."""

    def __init__(self, calibration: Calibration) -> None:
        super().__init__()
        self.multilabel, self.floor = calibration.multilabel, calibration.floor
        self.temperature = nn.Buffer(torch.tensor(calibration.temperature, dtype=torch.float64))
        self.bias = nn.Buffer(torch.tensor(calibration.bias, dtype=torch.float64))
        self.steps = nn.ModuleList(
            nn.Identity() if each is None else Stepped(each) for each in calibration.steps
        )
        self.stepped = [each is not None for each in calibration.steps]
        self.idle = set(calibration.temperature) == {1.0} and not any(calibration.bias)

    def forward(self, prob: Tensor) -> Tensor:
        """Map probabilities (record, class) to calibrated ones, float64."""
        scaled = prob if self.idle else self._scaled(prob)
        if not any(self.stepped):
            return scaled
        columns = zip(self.steps, self.stepped, prob.unbind(1), scaled.unbind(1), strict=True)
        found = torch.stack([step(raw) if has else other for step, has, raw, other in columns], dim=1)
        if self.multilabel:
            return found
        total = found.sum(dim=1, keepdim=True)
        return torch.where(total > 0, found / torch.where(total > 0, total, 1.0), scaled)

    def _scaled(self, prob: Tensor) -> Tensor:
        low = prob.clamp(min=self.floor.low).log()
        if self.multilabel:
            logit = low - (1 - prob).clamp(min=self.floor.high).log()
            return (logit / self.temperature + self.bias).sigmoid()
        return (low / self.temperature + self.bias).softmax(dim=1)


class Stepped(nn.Module):
    """A rising function by its knots, as a sum of slopes."""

    def __init__(self, steps: Steps) -> None:
        super().__init__()
        at, value = (torch.tensor(values, dtype=torch.float64) for values in (steps.at, steps.value))
        width = at[1:] - at[:-1]
        self.first = float(value[0])
        self.begin = nn.Buffer(at[:-1])
        self.width = nn.Buffer(width)
        self.slope = nn.Buffer((value[1:] - value[:-1]) / width.clamp(min=1e-300))

    def forward(self, prob: Tensor) -> Tensor:
        """Map (record,) to (record,)."""
        inside = torch.minimum((prob[:, None] - self.begin).clamp(min=0), self.width)
        return self.first + (inside * self.slope).sum(dim=1)

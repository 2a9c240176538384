"""Classifiers as modules of torch, for graphs that run without this package."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from tsrep.evaluation.arrays import Array

if TYPE_CHECKING:
    from tsrep.evaluation.labels.linear_probe import Probe
    from tsrep.objectives.objective import Objective


def _buffer(array: Array) -> nn.Buffer:
    return nn.Buffer(torch.tensor(array, dtype=torch.float64))


class LinearModule(nn.Module):
    """A logistic regression on standardised features, in double precision."""

    def __init__(self, probe: Probe) -> None:
        super().__init__()
        self.mean, self.deviation = map(_buffer, (probe.standardiser.mean, probe.standardiser.deviation))
        self.weight, self.intercept = map(_buffer, (probe.weight, probe.intercept))
        self.constant, self.fitted = _buffer(probe.constant), nn.Buffer(torch.tensor(probe.fitted))
        self.columns = probe.weight.shape[1]
        self.sigmoid, self.exclusive = probe.multilabel or probe.scheme != "multinomial", not probe.multilabel

    def forward(self, features: Tensor) -> Tensor:
        """Map (window, feature) to probabilities (window, class), float64."""
        # (1, class) to (window, class)
        prob = self.constant.expand(features.shape[0], -1)
        if not self.columns:
            return prob.clone()
        logit = (features.double() - self.mean) / self.deviation @ self.weight + self.intercept
        return prob.index_copy(1, self.fitted, self._of_fitted(logit))

    def _of_fitted(self, logit: Tensor) -> Tensor:
        if self.exclusive and self.columns == 1:
            return torch.cat([(-logit).sigmoid(), logit.sigmoid()], dim=1)
        if not self.sigmoid:
            return logit.softmax(dim=1)
        single = logit.sigmoid()
        return single / single.sum(dim=1, keepdim=True).clamp(min=1e-300) if self.exclusive else single


class NetworkModule(nn.Module):
    """The part of an objective that classifies pooled features."""

    def __init__(self, objective: Objective, *, multilabel: bool) -> None:
        super().__init__()
        self.objective, self.multilabel = objective, multilabel

    def forward(self, features: Tensor) -> Tensor:
        """Map (window, feature) to probabilities (window, class), float64."""
        logit = self.objective.pooled_logits(features).double()
        return logit.sigmoid() if self.multilabel else logit.softmax(dim=1)

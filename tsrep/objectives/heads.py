"""Classification heads on pooled representations; dropout is drawn from the objective's generator."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from tsrep.views.functional import dropout

HeadName = Literal["linear", "mlp", "published"]


class Head(nn.Module):
    """Dropout on the features, then a linear map or a perceptron with one hidden layer.

    Parameters
    ----------
    inputs, classes : int
    hidden : int or None
        Width of the hidden layer; None for a linear head.
    dropout : float
        Probability; in effect only when a generator is given.
    """

    def __init__(self, inputs: int, classes: int, hidden: int | None, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.layers = (
            nn.Sequential(nn.Linear(inputs, classes))
            if hidden is None
            else nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, classes))
        )

    def forward(self, features: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """Logits, shape (batch, class), of features, shape (batch, inputs)."""
        if generator is not None:
            features = dropout(features, self.dropout, generator=generator)
        logits: Tensor = self.layers(features)
        return logits


class PublishedHead(nn.Module):
    """The fine-tuning head of COMET's public code, kept for comparison.

    Dropout acts on the logits. With ``double_sigmoid`` two sigmoids follow, so that the outputs lie
    between 0.5 and 0.731 and a cross-entropy over two classes cannot fall below 0.584.
    """

    def __init__(self, inputs: int, classes: int, hidden: int, dropout: float, double_sigmoid: bool) -> None:
        super().__init__()
        self.dropout = dropout
        self.double_sigmoid = double_sigmoid
        self.layers = nn.Sequential(
            nn.Linear(inputs, hidden), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Linear(hidden, classes)
        )

    def forward(self, features: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """Outputs, shape (batch, class), that are taken for logits."""
        logits: Tensor = self.layers(features)
        if generator is not None:
            logits = dropout(logits, self.dropout, generator=generator)
        return logits.sigmoid().sigmoid() if self.double_sigmoid else logits

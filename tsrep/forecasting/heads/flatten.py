"""The head that reads all steps of a representation at once."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from tsrep.forecasting.heads.head import Head, Positive, Probability, linear_or_mlp
from tsrep.registry import HEADS


@HEADS.register("flatten", runtime=("dim", "steps", "variates", "horizon"))
class Flatten(Head):
    """Dropout, then one map from all steps and dimensions to all steps of the forecast.

    It has ``dim * steps * variates * horizon`` weights: meant for representations of few steps, such as
    patches.

    Parameters
    ----------
    dim, steps, variates, horizon : int
        See :class:`Head`.
    hidden : int, optional
        Width of a hidden layer; linear when missing.
    dropout : float
        Probability, on the representation.

    References
    ----------
    Nie et al., "A time series is worth 64 words", ICLR 2023. Deviation: dropout comes before the map, as on
    the published head for pre-training, not on the forecast itself.
    """

    def __init__(
        self,
        dim: int,
        steps: int,
        variates: int,
        horizon: int,
        hidden: Positive | None = None,
        dropout: Probability = 0.0,
    ) -> None:
        super().__init__()
        self.variates, self.horizon, self.dropout = variates, horizon, dropout
        self.layers = linear_or_mlp(dim * steps, hidden, variates * horizon)

    @property
    def linear(self) -> nn.Linear | None:
        """See :attr:`Head.linear`; None with a hidden layer."""
        return cast("nn.Linear", self.layers[0]) if len(self.layers) == 1 else None

    def forward(
        self, z: Tensor, past: Tensor, ahead: Tensor, *, generator: torch.Generator | None = None
    ) -> Tensor:
        del past, ahead
        out: Tensor = self.layers(self.noisy(self.inputs(z), generator))
        return out.reshape(-1, self.variates, self.horizon)

"""The head that reads the last step of a representation."""

from __future__ import annotations

import torch
from torch import Tensor

from tsrep.forecasting.heads.head import HEADS, Head, Positive, Probability, linear_or_mlp


@HEADS.register("last-state", runtime=("dim", "variates", "horizon"))
class LastState(Head):
    """Dropout, then one map from the last vector to all steps of the forecast.

    For a causal encoder that vector has seen the whole look-back, as far as its receptive field goes.

    Parameters
    ----------
    dim, variates, horizon : int
        See :class:`Head`.
    hidden : int, optional
        Width of a hidden layer; linear when missing.
    dropout : float
        Probability, on the last vector.
    """

    def __init__(
        self,
        dim: int,
        variates: int,
        horizon: int,
        hidden: Positive | None = None,
        dropout: Probability = 0.0,
    ) -> None:
        super().__init__()
        self.variates, self.horizon, self.dropout = variates, horizon, dropout
        self.layers = linear_or_mlp(dim, hidden, variates * horizon)

    def forward(
        self,
        z: Tensor,
        past: Tensor,  # noqa: ARG002 - every head is called alike
        ahead: Tensor,  # noqa: ARG002 - every head is called alike
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        out: Tensor = self.layers(self.noisy(z[..., -1], generator))
        return out.reshape(-1, self.variates, self.horizon)

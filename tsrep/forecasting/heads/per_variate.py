"""The head of encoders that keep the channels apart."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tsrep.errors import ConfigError
from tsrep.forecasting.heads.head import Head, Probability
from tsrep.registry import HEADS


@HEADS.register("per-variate", runtime=("dim", "steps", "variates", "covariates", "horizon"))
class PerVariate(Head):
    """One linear map, shared by all variates, from the vector of a variate to its forecast.

    The representation is one step that holds a vector for every channel after the other, covariates
    first; those of covariates are not read.

    Parameters
    ----------
    dim, steps, variates, covariates, horizon : int
        See :class:`Head`.
    dropout : float
        Probability, on the vectors.

    Raises
    ------
    ConfigError
        When the representation has more than one step, or a dimension that the channels do not divide.

    References
    ----------
    Liu et al., "iTransformer", ICLR 2024.
    """

    def __init__(
        self,
        dim: int,
        steps: int,
        variates: int,
        covariates: int,
        horizon: int,
        dropout: Probability = 0.0,
    ) -> None:
        super().__init__()
        channels = variates + covariates
        if steps != 1 or dim % channels:
            raise ConfigError(
                f"head 'per-variate' needs one step that holds a vector for each of {channels} channels, and "
                f"the encoder makes {steps} of dimension {dim}; take an encoder with channels as tokens or "
                "head 'flatten'"
            )
        self.variates, self.channels, self.dropout = variates, channels, dropout
        self.layer = nn.Linear(dim // channels, horizon)

    @property
    def linear(self) -> nn.Linear:
        """See :attr:`Head.linear`."""
        return self.layer

    def inputs(self, z: Tensor) -> Tensor:
        """See :meth:`Head.inputs`."""
        vectors = z.reshape(-1, self.channels, self.layer.in_features)  # (row, channel, width)
        return vectors[:, -self.variates :]

    def forward(
        self, z: Tensor, past: Tensor, ahead: Tensor, *, generator: torch.Generator | None = None
    ) -> Tensor:
        del past, ahead
        out: Tensor = self.layer(self.noisy(self.inputs(z), generator))
        return out

"""An encoder and what it was trained with, as one map from the past to the future."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from tsrep.encoders.encoder import Encoder
from tsrep.forecasting.forecast import Forecast


class Forecaster(nn.Module):
    """A trained forecast as a module of its own.

    Parameters
    ----------
    encoder : Encoder
    objective : Forecast

    Attributes
    ----------
    lookback, horizon : int
        In steps.
    """

    def __init__(self, encoder: Encoder, objective: Forecast) -> None:
        super().__init__()
        self.encoder, self.objective = encoder, objective
        self.lookback, self.horizon = objective.lookback, objective.horizon

    def forward(self, past: Tensor, ahead: Tensor) -> Tensor:
        """Forecasts in the units of the input.

        Parameters
        ----------
        past : Tensor, shape (batch, covariate + channel, lookback), standardised
            Missing values are NaN.
        ahead : Tensor, shape (batch, covariate, horizon)
            Covariates of the steps that are forecast; with none of shape (batch, 0, horizon).

        Returns
        -------
        Tensor, shape (batch, channel, horizon), standardised
        """
        return self.objective.predict(self.encoder, past, ahead)

    if TYPE_CHECKING:

        def __call__(self, past: Tensor, ahead: Tensor) -> Tensor: ...

"""An encoder and an objective that forecasts, as one map from the past to the future."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from tsrep.encoders.encoder import Encoder
from tsrep.objectives.objective import Objective


class Forecaster(nn.Module):
    """A trained forecast as a module of its own.

    Parameters
    ----------
    encoder : Encoder
    objective : Objective
        One that forecasts.

    Attributes
    ----------
    lookback, horizon : int
        In steps.
    """

    def __init__(self, encoder: Encoder, objective: Objective) -> None:
        super().__init__()
        self.encoder, self.objective = encoder, objective
        self.lookback, self.horizon = objective.lookback, objective.horizon

    def forward(self, past: Tensor, ahead: Tensor) -> Tensor:
        """Forecasts in the units of the input; see :meth:`tsrep.objectives.objective.Objective.predict`."""
        return self.objective.predict(self.encoder, past, ahead)

    if TYPE_CHECKING:

        def __call__(self, past: Tensor, ahead: Tensor) -> Tensor: ...

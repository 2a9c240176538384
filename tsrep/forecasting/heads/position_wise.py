"""The head that forecasts each step from the vector one horizon before it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tsrep.errors import ConfigError
from tsrep.forecasting.heads.head import Head, linear_or_mlp
from tsrep.registry import HEADS


@HEADS.register("position-wise", runtime=("dim", "steps", "lookback", "variates", "horizon"))
class PositionWise(Head):
    """The same perceptron at each of the last ``horizon`` positions, kept for comparison.

    The vector at position ``lookback - horizon + h`` gives step ``h``: every step is a direct forecast
    one whole horizon ahead. Behind a causal encoder step ``h`` therefore sees only the inputs up to that
    position, and with a look-back as long as the horizon the first step sees a single input;
    ``last-state`` sees all of them.

    Parameters
    ----------
    dim, steps, lookback, variates, horizon : int
        See :class:`Head`.

    Raises
    ------
    ConfigError
        When the representation has not one vector per input step, or fewer than the horizon.

    References
    ----------
    Zhang et al., "What constitutes good contrastive learning in time-series forecasting?", 2023, and its
    public code: hidden layer as wide as the representation, ReLU, uniform Xavier weights, no biases at the
    start. Deviation: positions whose forecast is thrown away are not computed.
    """

    def __init__(self, dim: int, steps: int, lookback: int, variates: int, horizon: int) -> None:
        super().__init__()
        if steps != lookback:
            raise ConfigError(
                f"head 'position-wise' needs one vector per input step, and the encoder makes {steps} of a "
                f"look-back of {lookback}; take an encoder of stride 1 or head 'flatten'"
            )
        if lookback < horizon:
            raise ConfigError(
                f"head 'position-wise' needs a look-back of at least the horizon, and {lookback} is below "
                f"{horizon}; lengthen the look-back or take head 'last-state'"
            )
        self.horizon = horizon
        self.layers = linear_or_mlp(dim, dim, variates)
        for layer in self.layers:
            if isinstance(layer, nn.Linear):
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)

    def forward(
        self, z: Tensor, past: Tensor, ahead: Tensor, *, generator: torch.Generator | None = None
    ) -> Tensor:
        del past, ahead, generator
        out: Tensor = self.layers(z[..., -self.horizon :].mT)
        return out.mT

"""The head that reads the last step of a representation."""

from __future__ import annotations

from torch import Tensor

from tsrep.forecasting.heads.flatten import Flatten
from tsrep.forecasting.heads.head import Positive, Probability
from tsrep.registry import HEADS


@HEADS.register("last-state", runtime=("dim", "variates", "horizon"))
class LastState(Flatten):
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
        super().__init__(dim, 1, variates, horizon, hidden, dropout)

    def inputs(self, z: Tensor) -> Tensor:
        """See :meth:`Head.inputs`."""
        return super().inputs(z[..., -1:])

"""A network's head for one number, trained together with the encoder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from tsrep.encoders.encoder import Encoder
from tsrep.encoders.pooling import Pooling, pool
from tsrep.evaluation.targets.linear_value import LinearValue
from tsrep.objectives.objective import Objective
from tsrep.signals.batch import Batch
from tsrep.views.dropout import dropout

ErrorName = Literal["l1", "huber", "mse"]
ERRORS: Mapping[str, Callable[..., Tensor]] = {
    "l1": functional.l1_loss,
    "huber": functional.huber_loss,
    "mse": functional.mse_loss,
}


class RegressionHead(Objective):
    """One number from pooled features, by its error in standard deviations of the training part.

    Samples whose number is not known have no error.

    Parameters
    ----------
    dim : int
        Of a representation vector.
    column : int
        Number of the target.
    pooling : str
        Over time.
    error : {"l1", "huber", "mse"}
        Huber's is quadratic up to one standard deviation.
    dropout : float
        Probability on the features, in training only.
    """

    needs: frozenset[str] = frozenset({"target"})
    center: Tensor
    spread: Tensor

    def __init__(self, dim: int, column: int, pooling: Pooling, error: ErrorName, dropout: float) -> None:
        super().__init__()
        self.column, self.error, self.dropout = column, ERRORS[error], dropout
        self.pooling = self.head_pooling = pooling
        self.linear = nn.Linear(2 * dim if pooling == "max-mean" else dim, 1)
        self.register_buffer("center", torch.zeros(()))
        self.register_buffer("spread", torch.ones(()))

    def forward(self, encoder: Encoder, batch: Batch, *, generator: torch.Generator) -> dict[str, Tensor]:
        """Term ``error``; see :class:`Objective`."""
        assert batch.target is not None
        true = (batch.target[:, self.column] - self.center) / self.spread  # (batch,)
        known = true.isfinite()
        features = self.pooled(encoder(batch.x))
        if self.training:
            features = dropout(features, self.dropout, generator=generator)
        found = self.linear(features)[:, 0]
        wrong = self.error(found, torch.where(known, true, found.detach()), reduction="none")
        return {"error": wrong.sum() / known.sum().clamp(min=1)}

    def values(self, encoder: Encoder, x: Tensor) -> Tensor:
        """Predicted numbers, shape (batch,), of samples, shape (batch, channel, time)."""
        found: Tensor = self.linear(self.pooled(encoder(x)))[:, 0]
        return found * self.spread + self.center

    def linear_value(self) -> LinearValue:
        """The map from :meth:`pooled` features to numbers in their unit."""
        spread, center = float(self.spread), float(self.center)
        weight, bias = (p.detach().double().cpu().numpy() for p in (self.linear.weight, self.linear.bias))
        return LinearValue(weight * spread, float(bias[0]) * spread + center)

    def linear_head(self) -> nn.Linear:
        """See :meth:`Objective.linear_head`; of the standardised number."""
        return self.linear

    def pooled(self, z: Tensor) -> Tensor:
        """See :meth:`Objective.pooled`."""
        return pool(z, self.pooling)

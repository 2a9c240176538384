"""What every forecasting head promises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from tsrep.views.dropout import dropout

Probability = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[int, Field(gt=0)]


class Head(nn.Module, ABC):
    """A map from a representation of the look-back to a forecast.

    What a head may ask of the run: ``dim`` and ``steps`` of the representation, ``lookback`` and
    ``horizon`` in time steps, and the numbers of ``variates`` and ``covariates`` of a row. A row is a
    sample or, where channels are forecast each on its own, one channel of a sample (``variates`` 1).

    Attributes
    ----------
    dropout : float
        Probability of :meth:`noisy`; 0 for heads without such a setting.
    """

    dropout: float = 0.0

    @property
    def linear(self) -> nn.Linear | None:
        """The map from :meth:`inputs` to the forecast; None where there is more to it."""
        return None

    def inputs(self, z: Tensor) -> Tensor:
        """What :attr:`linear` reads of a representation, of a row or of each variate apart.

        Parameters
        ----------
        z : Tensor, shape (row, dim, steps)

        Returns
        -------
        Tensor, shape (row, part, feature)
            Whose outputs, shape (row, part, output), are the forecast in the order of its values.
        """
        return z.flatten(1).unsqueeze(1)

    @abstractmethod
    def forward(
        self, z: Tensor, past: Tensor, ahead: Tensor, *, generator: torch.Generator | None = None
    ) -> Tensor:
        """Forecast in the units of ``past``.

        Parameters
        ----------
        z : Tensor, shape (row, dim, steps)
            Representation of the look-back.
        past : Tensor, shape (row, covariate + variate, lookback)
            What was encoded, normalised, with zeros for missing values.
        ahead : Tensor, shape (row, covariate, horizon)
            Covariates of the steps to forecast.
        generator : torch.Generator, optional
            Draws the dropout in training mode; without it there is none.

        Returns
        -------
        Tensor, shape (row, variate, horizon)
        """

    def noisy(self, z: Tensor, generator: torch.Generator | None) -> Tensor:
        """Dropout in training mode, when there is a generator to draw it from."""
        if generator is None or not self.training:
            return z
        return dropout(z, self.dropout, generator=generator)

    if TYPE_CHECKING:

        def __call__(
            self, z: Tensor, past: Tensor, ahead: Tensor, *, generator: torch.Generator | None = None
        ) -> Tensor: ...


def linear_or_mlp(inputs: int, hidden: int | None, outputs: int) -> nn.Sequential:
    """A linear map or, with the width of a hidden layer, a perceptron with one (ReLU)."""
    if hidden is None:
        return nn.Sequential(nn.Linear(inputs, outputs))
    return nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, outputs))

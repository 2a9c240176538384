"""What every encoder promises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn


class Encoder(nn.Module, ABC):
    """A map from signals to one vector per (strided) time step.

    Encoders hold no dropout: noise on a representation is a view and belongs to the objective. Plain
    tensors go in and come out, so an encoder exports.

    Attributes
    ----------
    dim : int
        Length of a representation vector.
    stride : int
        Input steps per output step.
    receptive_field : int
        Input steps that can reach one output step, in steps.
    causal : bool
        Whether an output step depends on no later input step.
    """

    dim: int
    stride: int
    receptive_field: int
    causal: bool

    @abstractmethod
    def forward(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        """Representation of signals.

        Parameters
        ----------
        x : Tensor, shape (batch, channel, time)
            Standardised signals; steps with a NaN in any channel are never kept.
        keep : Tensor, shape (batch, time), bool, optional
            Time steps whose latent survives; all of them when missing.

        Returns
        -------
        Tensor, shape (batch, dim, time // stride)
        """

    if TYPE_CHECKING:

        def __call__(self, x: Tensor, keep: Tensor | None = None) -> Tensor: ...


def without_missing(x: Tensor, keep: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Signals with incomplete steps set to zero, and the steps to keep.

    Parameters
    ----------
    x : Tensor, shape (batch, channel, time)
    keep : Tensor, shape (batch, time), bool, optional

    Returns
    -------
    x : Tensor, shape (batch, channel, time)
    keep : Tensor, shape (batch, time), bool
    """
    complete = ~torch.isnan(x).any(dim=1)
    filled = torch.where(complete[:, None], x, torch.zeros_like(x))
    return filled, complete if keep is None else complete & keep

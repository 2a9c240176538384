"""What every encoder promises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

UNBOUNDED = 2**31 - 1


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
        Input steps that can reach one output step, in steps; ``UNBOUNDED`` where there is no limit.
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

    def last_step(self, x: Tensor) -> Tensor:
        """Representation of the last steps of signals: the last output of windows that end where ``x`` ends.

        Leading steps are dropped so that the rest is a multiple of the stride. Encoders that can compute
        it faster than a whole pass override this method; the numbers stay those of :meth:`forward`.

        Parameters
        ----------
        x : Tensor, shape (batch, channel, time)
            At least ``stride`` steps.

        Returns
        -------
        Tensor, shape (batch, dim)
        """
        return self(x[..., x.shape[-1] % self.stride :])[..., -1]

    def last_step_reader(self) -> Callable[[Tensor], Tensor]:
        """:meth:`last_step` for many batches in a row, while the weights stay as they are.

        Encoders that derive something from their weights alone override this to do it once.
        """
        return self.last_step

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

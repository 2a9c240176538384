"""What every encoder promises, and the types of the settings that encoders share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated

import torch
from pydantic import AfterValidator, Field
from torch import Tensor, nn

UNBOUNDED = 2**31 - 1
LISTS = (nn.ModuleList, nn.Sequential)


def _odd(number: int) -> int:
    if number % 2 == 0:
        raise ValueError(f"a kernel has an odd number of taps, not {number}")
    return number


Positive = Annotated[int, Field(gt=0)]
Odd = Annotated[int, Field(gt=0), AfterValidator(_odd)]


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

    def layer_groups(self) -> list[list[nn.Parameter]]:
        """Parameters by depth, from input to output, for learning rates that decay from layer to layer.

        The default takes the parts of the encoder in the order in which they were created: each element of
        an ``nn.ModuleList`` or ``nn.Sequential`` is a group of its own, a part that has such a list is
        opened, and every other part with parameters is one group. Parameters of the encoder itself come
        first. Encoders whose parts are not created from input to output override this method.

        Returns
        -------
        list of lists of Parameter
            Every parameter in one group; no group is empty.

        References
        ----------
        Howard & Ruder, "Universal language model fine-tuning for text classification", ACL 2018, section 3.2.
        """
        groups, seen = [], set()
        for layer in _layers(self):
            group = [parameter for parameter in layer if id(parameter) not in seen]
            seen |= {id(parameter) for parameter in group}
            groups.append(group)
        return [group for group in groups if group]

    if TYPE_CHECKING:

        def __call__(self, x: Tensor, keep: Tensor | None = None) -> Tensor: ...


class TokenEncoder(Encoder):
    """An encoder whose representation is a sequence of tokens: time steps or patches of the signal."""

    @abstractmethod
    def tokens(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        """Tokens of signals.

        Parameters
        ----------
        x : Tensor, shape (batch, channel, time)
        keep : Tensor, shape (batch, time), bool, optional
            As for :meth:`forward`.

        Returns
        -------
        Tensor, shape (batch, token, dim)
            In order of time, one for each output step.
        """

    def forward(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        return self.tokens(x, keep).mT


def _layers(module: nn.Module) -> Iterator[list[nn.Parameter]]:
    """Parameters of each layer of a module that holds several; see :meth:`Encoder.layer_groups`."""
    yield list(module.parameters(recurse=False))
    for part in module.children():
        if type(part) in LISTS:
            yield from (list(layer.parameters()) for layer in part)
        elif any(type(inner) in LISTS for inner in part.children()):
            yield from _layers(part)
        else:
            yield list(part.parameters())


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

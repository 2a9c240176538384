"""What every encoder promises, and the types of the settings that encoders share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import torch
from pydantic import AfterValidator, Field
from torch import Tensor, nn

from tsrep.errors import ConfigError

UNBOUNDED = 2**31 - 1
LISTS = (nn.ModuleList, nn.Sequential)


def _odd(number: int) -> int:
    if number % 2 == 0:
        raise ValueError(f"a kernel has an odd number of taps, not {number}")
    return number


Positive = Annotated[int, Field(gt=0)]
Odd = Annotated[int, Field(gt=0), AfterValidator(_odd)]


@dataclass(frozen=True)
class SlowParameters:
    """Parameters that an optimiser moves slowly and does not pull towards zero.

    Attributes
    ----------
    parameters : list of Parameter
    most_rate : float
        Largest learning rate; where that of the others is lower, theirs holds.
    """

    parameters: list[nn.Parameter]
    most_rate: float


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
    latent_dim : int or None
        Width of :meth:`latent`; None where the encoder has no such stage.
    token_overlap : int or None
        Steps that a token shares with the next one; None where :meth:`visible_tokens` is not offered.
    """

    dim: int
    stride: int
    receptive_field: int
    causal: bool
    latent_dim: int | None = None
    token_overlap: int | None = None

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

    def latent(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        """Local description of each output step, before steps know of one another.

        Parameters
        ----------
        x : Tensor, shape (batch, channel, time)
        keep : Tensor, shape (batch, time), bool, optional

        Returns
        -------
        Tensor, shape (batch, latent_dim, time // stride)

        Raises
        ------
        ConfigError
            When the encoder has no such stage.
        """
        del x, keep
        raise ConfigError(
            f"{type(self).__name__} has no stage before steps know of one another; use s4d or conv-s4d"
        )

    def context(self, latent: Tensor) -> Tensor:
        """Representation, shape (batch, dim, time // stride), of what :meth:`latent` gives.

        Raises
        ------
        ConfigError
            When the encoder has no such stage.
        """
        return self.latent(latent)

    def visible_tokens(self, x: Tensor, visible: Tensor) -> Tensor:
        """Tokens of signals of which the encoder sees only some, without computing the others.

        Equal to those of :meth:`TokenEncoder.tokens` where the steps of all other tokens are not kept.

        Parameters
        ----------
        x : Tensor, shape (batch, channel, time)
        visible : Tensor, shape (batch, token), int64
            Numbers of the tokens to see, in order of time.

        Returns
        -------
        Tensor, shape (batch, token, dim)
            Of the visible tokens.

        Raises
        ------
        ConfigError
            When the encoder cannot leave tokens out.
        """
        del x, visible
        raise ConfigError(
            f"{type(self).__name__} cannot leave tokens out; use patch-transformer or transformer"
        )

    def slow_parameters(self) -> list[SlowParameters]:
        """Parameters that need a smaller learning rate and no weight decay; none by default."""
        return []

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
            yield from (list(layer.parameters()) for layer in part.children())
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

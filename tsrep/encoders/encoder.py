"""What every encoder promises, and the types of the settings that encoders share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, Self

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


class StemWeight(NamedTuple):
    """A weight with columns for each input channel.

    Attributes
    ----------
    name : str
        As in ``named_parameters``.
    axis : int
        Of the input channels.
    block : int
        Neighbouring columns of each channel, such as the steps of a patch.
    """

    name: str
    axis: int = 1
    block: int = 1


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

    def __new__(cls, *arguments: Any, **settings: Any) -> Self:
        made = super().__new__(cls)
        made.__dict__["_made_of"] = arguments, settings  # a module takes attributes after its __init__ only
        return made

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

    def see(self, names: Sequence[str]) -> None:
        """Say the names of the channels that signals will have, in their order.

        Encoders that take any channels, or look at their names, override this method.
        """
        del names

    def another(self) -> Self:
        """An encoder of the same architecture with weights of its own, drawn as those of this one were.

        It is made of the same arguments. An encoder that is made of modules overrides this method.
        """
        arguments, settings = self.__dict__["_made_of"]
        return type(self)(*arguments, **settings)

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

    def layer_groups(self) -> list[tuple[str, list[str]]]:
        """Parameters by depth, from input to output, to freeze, thaw or slow them layer by layer.

        The default takes the parts of the encoder in the order in which they were created: each element of
        an ``nn.ModuleList`` or ``nn.Sequential`` is a group of its own, a part that has such a list is
        opened, and every other part with parameters is one group. Parameters of the encoder itself come
        first. Encoders whose parts are not created from input to output override this method.

        Returns
        -------
        list of (str, list of str)
            Name of each group, such as ``"blocks.0"``, and of its parameters as in ``named_parameters``.
            Every parameter is in one group; no group is empty.

        References
        ----------
        Howard & Ruder, "Universal language model fine-tuning for text classification", ACL 2018, section 3.2.
        """
        name_of = {id(parameter): name for name, parameter in self.named_parameters()}
        groups = []
        for layer, parameters in _layers(self):
            # of a shared parameter the first layer's name holds
            group = [name_of.pop(id(parameter)) for parameter in parameters if id(parameter) in name_of]
            groups += [(layer or "own", group)] if group else []
        return groups

    def stem_weights(self) -> list[StemWeight]:
        """Weights whose shape depends on the number of input channels; none where channels are encoded alike.

        An encoder that says them can start from weights that were trained on other channels.

        Raises
        ------
        ConfigError
            When the encoder does not say them.
        """
        raise ConfigError(
            f"{type(self).__name__} does not say which weights read its input channels, so they cannot be "
            "adapted; set init.channels to refuse, or let the encoder override stem_weights"
        )

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


def _layers(module: nn.Module, path: str = "") -> Iterator[tuple[str, list[nn.Parameter]]]:
    """Path and parameters of each layer of a module that holds several; see :meth:`Encoder.layer_groups`."""
    yield path, list(module.parameters(recurse=False))
    for name, part in module.named_children():
        inside = f"{path}.{name}" if path else name
        if type(part) in LISTS:
            yield from ((f"{inside}.{n}", list(layer.parameters())) for n, layer in part.named_children())
        elif any(type(inner) in LISTS for inner in part.children()):
            yield from _layers(part, inside)
        else:
            yield inside, list(part.parameters())


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

"""A foreign network as an encoder."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from tsrep.encoders.adapters.description import Description
from tsrep.encoders.adapters.reading import Read, called
from tsrep.encoders.encoder import UNBOUNDED, Encoder
from tsrep.errors import ConfigError
from tsrep.registry import explain
from tsrep.rng import initial_weights
from tsrep.signals.contract import SignalContract

LENGTH = 256  # steps that an encoder of any length is tried on
Remake = Callable[[int], nn.Module]


class Adapter(Encoder):
    """Somebody else's network, shown what its contract says, as an encoder.

    Whatever it returns becomes (batch, dim, time'): a vector for each sample is one step. Where the contract
    shows each channel alone, the representations of the channels are put side by side or averaged. The number
    of output steps is the network's own and may exceed ``time // stride`` by the padding of its convolutions.

    Parameters
    ----------
    network : Module
    description : Description
    read : callable
        From network, signals (batch, channel, time) and names of their channels to the representation,
        (batch, dim, time') or (batch, dim); by default the network is called.
    remake : callable, optional
        Makes the network with random weights from a seed, for comparisons with random initialisations; by
        default :func:`redrawn` does.

    Attributes
    ----------
    network : Module
    description : Description
    channel_names : tuple of str
        Of the signals that it is shown; see :meth:`see`.

    Raises
    ------
    ConfigError
        When the contract does not say how wide the representation is.
    """

    def __init__(
        self,
        network: nn.Module,
        description: Description,
        *,
        read: Read = called,
        remake: Remake | None = None,
    ) -> None:
        super().__init__()
        self.network, self.description, self._read, self._remake = network, description, read, remake
        output = self.contract.output
        if output.dim is None:
            raise ConfigError(
                f"the contract of {description.name} lacks output.dim; say how wide its representation is"
            )
        self._dim = output.dim
        self.stride = output.stride or self.window_steps
        self.receptive_field = output.receptive_field or UNBOUNDED
        self.causal = output.causal
        self.see(self.contract.channels or ("channel",))

    @property
    def contract(self) -> SignalContract:
        """What it must be shown."""
        return self.description.contract

    @property
    def window_steps(self) -> int:
        """Steps of the signals that it is tried on: those of the contract's window, or the least it takes."""
        window = self.contract.window
        return window.steps or max(window.least, LENGTH - LENGTH % window.multiple_of)

    def see(self, names: Sequence[str]) -> None:
        """See :meth:`Encoder.see`; where channels stand side by side the width follows."""
        self.channel_names = tuple(names)
        beside = self.contract.channel_mode == "each" and self.contract.join == "concat"
        self.dim = self._dim * (len(self.channel_names) if beside else 1)

    def forward(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        if keep is not None and not bool(keep.all()):
            raise ConfigError(
                f"{self.description.name} cannot leave out steps, which this objective hides from it; use "
                "one that shows whole windows, such as simclr, moco or supervised"
            )
        if self.contract.channel_mode != "each":
            return self._as_steps(self._told(x, self.channel_names))
        channels = x.shape[1]
        z = self._as_steps(self._told(x.reshape(-1, 1, x.shape[2]), ("channel",)))
        z = z.reshape(-1, channels, *z.shape[1:])  # (batch, channel, dim, time')
        return z.flatten(1, 2) if self.contract.join == "concat" else z.mean(dim=1)

    def _told(self, x: Tensor, names: Sequence[str]) -> Any:
        """What is read of the network, whose own complaints are told in one sentence."""
        try:
            return self._read(self.network, x, names)
        except torch.OutOfMemoryError:
            raise
        except (ArithmeticError, AssertionError, LookupError, RuntimeError, TypeError, ValueError) as error:
            what = " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")[:300]
            raise ConfigError(
                f"{self.description.name} cannot encode signals of shape {tuple(x.shape)} ({what}); correct "
                "its contract, or how it is read"
            ) from error

    def _as_steps(self, z: Any) -> Tensor:
        if not isinstance(z, Tensor) or z.ndim not in (2, 3):
            shown = f"shape {tuple(z.shape)}" if isinstance(z, Tensor) else f"a {type(z).__name__}"
            raise ConfigError(
                f"{self.description.name} gives {shown}; let it read one tensor, (batch, dim, time) or "
                "(batch, dim)"
            )
        return z[..., None] if z.ndim == 2 else z

    def layer_groups(self) -> list[tuple[str, list[str]]]:
        """Those that the network says, where it has ``layer_groups`` of its own; see the base class."""
        own = getattr(self.network, "layer_groups", None)
        if own is None:
            return super().layer_groups()
        return [(group, [f"network.{name}" for name in names]) for group, names in own()]

    def another(self) -> Adapter:
        """See :meth:`Encoder.another`."""
        return self.untrained(int(torch.randint(UNBOUNDED, ())))

    def untrained(self, seed: int) -> Adapter:
        """The same architecture with random weights; see :func:`redrawn` where nothing makes it anew."""
        anew = self._remake or partial(redrawn, self.network)
        told = self.description.model_copy(update={"parameters_from": f"random, seed {seed}"})
        made = Adapter(anew(seed), told, read=self._read, remake=self._remake)
        made.see(self.channel_names)
        return made


def adapted(made: Any, name: str) -> Adapter:
    """What a user's function made, as an encoder.

    Parameters
    ----------
    made : Adapter, or Module with ``contract``
        The contract as :class:`~tsrep.signals.contract.SignalContract` or plain values. A module may have
        ``licence``, ``citation``, ``parameters_from`` and ``sources`` besides, and ``untrained``, which makes
        it with random weights from a seed.
    name : str
        Of the function, for messages.

    Raises
    ------
    ConfigError
        When it is neither, or its contract is none.
    """
    if hasattr(made, "description"):
        adapter: Adapter = made
        return adapter
    if not isinstance(made, nn.Module) or not hasattr(made, "contract"):
        raise ConfigError(
            f"what {name} returns ({type(made).__name__}) does not say what it must be shown; return an "
            "Adapter, or a torch module with a contract"
        )
    fields = {key: getattr(made, key) for key in Description.model_fields if hasattr(made, key)}
    try:
        description = Description(**{"name": type(made).__name__} | fields)
    except ValidationError as error:
        raise ConfigError(f"{name}: {explain(error)}") from error
    return Adapter(made, description, remake=getattr(made, "untrained", None))


def redrawn(network: nn.Module, seed: int) -> nn.Module:
    """A copy of a network with random weights, where nothing tells how its authors start it.

    Parts that can start anew do. Every other weight is drawn from a normal distribution with the mean and the
    standard deviation of its trained tensor, so that the scale of signals inside stays possible. Weights that
    are never trained, such as fixed positions, stay, unless the whole network is frozen.
    """
    made = copy.deepcopy(network)
    frozen = not any(weight.requires_grad for weight in made.parameters())
    trained = {
        name: weight.detach().clone()
        for name, weight in made.named_parameters()
        if weight.requires_grad or frozen
    }
    with initial_weights(seed, "encoder"), torch.no_grad():
        for part in made.modules():
            if callable(start := getattr(part, "reset_parameters", None)):
                start()
        for name, before in trained.items():
            weight = made.get_parameter(name)
            if torch.equal(weight, before) and weight.numel() > 1:
                weight.copy_(before.mean() + before.std() * torch.randn_like(weight))
    return made.eval()


def pretrained(
    make: Callable[[], nn.Module],
    weights: Mapping[str, Tensor] | None,
    description: Description,
    *,
    read: Read = called,
    head: Sequence[str] = (),
) -> Adapter:
    """A network with weights that were read from a file; every one must have its place.

    Parameters
    ----------
    make : callable
        Makes the network with random weights: the class of its authors with its settings.
    weights : mapping of name to Tensor or None
        Such as ``torch.load(path, weights_only=True)["state_dict"]``; None leaves the weights random.
    description : Description
    read : callable
        See :class:`Adapter`.
    head : sequence of str
        Parts behind the representation, which are left out of network and weights.

    Raises
    ------
    ConfigError
        When a weight is missing, has no place, or another shape.
    """

    def bare() -> nn.Module:
        network = make()
        for part in head:
            network.set_submodule(part, nn.Identity())
        return network.eval()

    def remake(seed: int) -> nn.Module:
        with initial_weights(seed, "encoder"):
            return bare()

    with torch.random.fork_rng(devices=[]):
        network = bare()
    if weights is not None:
        behind = tuple(f"{part}." for part in head)
        _load(network, {k: v for k, v in weights.items() if not k.startswith(behind)}, description.name)
    return Adapter(network, description, read=read, remake=remake)


def _load(network: nn.Module, weights: Mapping[str, Tensor], name: str) -> None:
    try:
        network.load_state_dict(weights, strict=True)
    except RuntimeError as error:
        first = " ".join(str(error).partition("\n")[2].split())[:200]
        raise ConfigError(
            f"the weights do not fit the network of {name} ({first}); take the checkpoint and the code of "
            "one release"
        ) from error

"""Where in somebody else's network the representation is found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor, nn

from tsrep.errors import ConfigError

Read = Callable[[nn.Module, Tensor, Sequence[str]], Tensor]


def called(network: nn.Module, x: Tensor, names: Sequence[str]) -> Tensor:
    """What the network returns for signals, shape (batch, channel, time)."""
    del names
    found: Tensor = network(x)
    return found


def output_of(part: str) -> Read:
    """What a part of the network gives out while the network runs, such as ``"stage_list.6"``.

    Raises
    ------
    ConfigError
        When the network has no such part, or does not run it.
    """
    return _watched(part, lambda _, output: output)


def input_of(part: str) -> Read:
    """What a part of the network is given while the network runs, such as ``"final_layer"``.

    Raises
    ------
    ConfigError
        When the network has no such part, or does not run it.
    """
    return _watched(part, lambda inputs, _: inputs[0])


def _watched(part: str, taken: Callable[[Any, Any], Tensor]) -> Read:
    def read(network: nn.Module, x: Tensor, names: Sequence[str]) -> Tensor:
        del names
        seen: list[Tensor] = []
        try:
            watched = network.get_submodule(part)
        except AttributeError as error:
            has = ", ".join(name for name, _ in network.named_children())
            raise ConfigError(
                f"{type(network).__name__} has no part {part!r}; it has {has}, so name one of them"
            ) from error
        handle = watched.register_forward_hook(lambda _, inputs, output: seen.append(taken(inputs, output)))
        try:
            network(x)
        finally:
            handle.remove()
        if not seen:
            raise ConfigError(f"{type(network).__name__} does not run its part {part!r}; name another one")
        return seen[-1]

    return read

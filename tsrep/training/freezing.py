"""Layer groups that training leaves as they are: their weights, running statistics and noise."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError
from torch import nn

from tsrep.encoders.encoder import Encoder
from tsrep.errors import ConfigError
from tsrep.registry import nearest

NUMBERED = re.compile(r"groups (\d+)(?:-(\d+))?")


def _checked(value: Any) -> str | tuple[str, ...]:
    """What may be said of groups before the encoder is known."""
    match value:
        case "none" | "all":
            return str(value)
        case str() if NUMBERED.fullmatch(value):
            return value
        case list() | tuple() if value and all(isinstance(name, str) for name in value):
            return tuple(value)
    raise PydanticCustomError("groups", "write none, all, 'groups 0-3', or a list of names of layer groups")


Frozen = Annotated[str | tuple[str, ...], BeforeValidator(_checked)]


def frozen_groups(encoder: Encoder, which: Frozen) -> list[str]:
    """Names of the layer groups of an encoder that are frozen.

    Parameters
    ----------
    encoder : Encoder
    which : str or tuple of str
        ``"none"``, ``"all"``, numbers such as ``"groups 0-3"`` (from the input on, both ends included), or
        names; ``"blocks"`` stands for all groups ``"blocks.0"``, ``"blocks.1"`` and so on.

    Raises
    ------
    ConfigError
        When the encoder has no such group; the message says which there are.
    """
    names = [name for name, _ in encoder.layer_groups()]
    if which == "none":
        return []
    if which == "all":
        return names
    if isinstance(which, str):
        return _by_number(names, which)
    return [name for name in names if any(_within(name, one) for one in _known(names, which))]


def freeze(encoder: Encoder, groups: list[str]) -> None:
    """Train all weights of an encoder but those of some layer groups.

    Parameters
    ----------
    encoder : Encoder
        Changed in place.
    groups : list of str
        Names of groups; parts whose weights all belong to them are kept in evaluation mode by
        :func:`rest_frozen`.
    """
    weights = dict(encoder.named_parameters())
    for name, group in encoder.layer_groups():
        for parameter in group:
            weights[parameter].requires_grad_(name not in groups)


def rest_frozen(module: nn.Module) -> None:
    """Put parts of a module whose weights are all frozen into evaluation mode.

    So their running statistics stay as they are, and dropout inside them is off.
    """
    weights = list(module.parameters())
    if weights and not any(weight.requires_grad for weight in weights):
        module.eval()
        return
    for part in module.children():
        rest_frozen(part)


def _by_number(names: list[str], which: str) -> list[str]:
    found = NUMBERED.fullmatch(which)
    assert found is not None
    first, last = int(found[1]), int(found[2] or found[1])
    if last < first:
        raise ConfigError(
            f"init.freeze is {which!r}, whose last group comes first; write the lower one first"
        )
    if last >= len(names):
        raise ConfigError(f"init.freeze: {_told(names)}, so there is no group {last}; they count from 0")
    return names[first : last + 1]


def _known(names: list[str], which: tuple[str, ...]) -> tuple[str, ...]:
    for one in which:
        if not any(_within(name, one) for name in names):
            raise ConfigError(
                f"init.freeze: {_told(names)}, and none is called {one!r}; {nearest(one, names)}"
            )
    return which


def _within(name: str, group: str) -> bool:
    return name == group or name.startswith(f"{group}.")


def _told(names: list[str]) -> str:
    """How many groups there are, and what they are called, numbered ones together."""
    runs: dict[str, list[str]] = {}
    for name in names:
        stem, dot, number = name.rpartition(".")
        key = stem if dot and number.isdecimal() else name
        runs.setdefault(key, []).append(number if key == stem else "")
    told = [
        f"{key} {numbers[0]}-{numbers[-1]}" if len(numbers) > 1 else ".".join(filter(None, (key, numbers[0])))
        for key, numbers in runs.items()
    ]
    return f"the encoder has {len(names)} groups ({', '.join(told) or 'no weights'})"

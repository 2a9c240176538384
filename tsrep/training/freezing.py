"""Layer groups that training leaves as they are: their weights, running statistics and noise."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from tsrep.errors import ConfigError
from tsrep.registry import nearest

if TYPE_CHECKING:  # what may be said of groups is a setting, which is checked before torch is loaded
    from torch import nn

    from tsrep.encoders.encoder import Encoder

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


def freeze(encoder: Encoder, groups: Sequence[str]) -> None:
    """Train no weight of some layer groups of an encoder, in place; the others stay as they are.

    Parameters
    ----------
    encoder : Encoder
    groups : sequence of str
        Names of groups.
    """
    weights = dict(encoder.named_parameters())
    for name, group in encoder.layer_groups():
        for parameter in group if name in groups else ():
            weights[parameter].requires_grad_(False)


def resting_parts(module: nn.Module) -> list[nn.Module]:
    """Outermost parts of a module whose weights are all frozen.

    Kept in evaluation mode they change no running statistics and add no noise.
    """
    weights = list(module.parameters())
    if weights and not any(weight.requires_grad for weight in weights):
        return [module]
    return [part for child in module.children() for part in resting_parts(child)]


class Thawing:
    """Training of one more layer group each epoch, from the output on; at first of none.

    Several at a time are thawed where there are fewer epochs than groups, so that the last epoch trains all.
    Groups that are frozen already stay so.

    Parameters
    ----------
    encoder : Encoder
    epochs : int

    References
    ----------
    Howard & Ruder, "Universal language model fine-tuning for text classification", ACL 2018, section 3.3.
    """

    def __init__(self, encoder: Encoder, epochs: int) -> None:
        weights = dict(encoder.named_parameters())
        groups = [[weights[name] for name in group] for _, group in encoder.layer_groups()]
        trained = ([weight for weight in group if weight.requires_grad] for group in groups)
        self.groups = [group for group in trained if group]
        self.at_once = math.ceil(len(self.groups) / max(epochs - 1, 1))
        self.head_start = int(epochs > 1)

    def begin(self, epoch: int) -> None:
        """Thaw what is trained in an epoch, counted from 1, and freeze what is not yet."""
        thawed = self.at_once * (epoch - self.head_start)
        for depth, group in enumerate(reversed(self.groups)):
            for weight in group:
                weight.requires_grad_(depth < thawed)


@contextmanager
def all_frozen(encoder: Encoder) -> Iterator[None]:
    """An encoder none of whose weights is trained, for a while."""
    trained = [weight for weight in encoder.parameters() if weight.requires_grad]
    encoder.requires_grad_(False)
    try:
        yield
    finally:
        for weight in trained:
            weight.requires_grad_(True)


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

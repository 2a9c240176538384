"""What may stand in place of a leaf of a configuration: a range, a list, named branches, a share."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Literal

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from tsrep.errors import ConfigError
from tsrep.registry import nearest

Array = NDArray[Any]
Scalar = str | int | float | bool | None
Kind = Literal["float", "int", "one_of", "choose", "share"]

KINDS: tuple[Kind, ...] = ("float", "int", "one_of", "choose", "share")
MODIFIERS = {"float": {"log", "step"}, "int": {"log", "step"}}
SHARE = (1e-6, 1 - 1e-6)  # ends of the number behind a share


@dataclass(frozen=True)
class Range:
    """Values that one leaf may take.

    Attributes
    ----------
    kind : str
    low, high : float
        Of numbers, both included.
    log : bool
    step : float or None
    choices : tuple
        Values of ``one_of``, labels of ``choose``.
    group : str
        Of a ``share``: shares of one group are positive and sum to one, and are uniform on the simplex when
        drawn at random (normalised exponentials).
    """

    kind: Kind
    low: float = 0.0
    high: float = 1.0
    log: bool = False
    step: float | None = None
    choices: tuple[Scalar, ...] = ()
    group: str = ""

    @property
    def distribution(self) -> BaseDistribution:
        """As Optuna has it."""
        if self.kind in ("float", "share"):
            return FloatDistribution(self.low, self.high, log=self.log, step=self.step)
        if self.kind == "int":
            return IntDistribution(int(self.low), int(self.high), log=self.log, step=int(self.step or 1))
        return CategoricalDistribution(self.choices)

    def holds(self, value: Any) -> bool:
        """Whether a value lies in the range; of a share, whether it can be one."""
        if self.kind in ("one_of", "choose"):
            return any(value == choice and type(value) is type(choice) for choice in self.choices)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        if self.kind == "share":
            return bool(0 < value <= 1)
        return self.low <= value <= self.high and self.distribution._contains(float(value))

    def suggest(self, trial: optuna.Trial, name: str) -> Scalar:
        """The value that Optuna's sampler chooses for a study trial."""
        if self.choices:
            return trial.suggest_categorical(name, self.choices)
        if self.kind == "int":
            low, high, step = int(self.low), int(self.high), int(self.step or 1)
            return trial.suggest_int(name, low, high, log=self.log, step=step)
        return trial.suggest_float(name, self.low, self.high, log=self.log, step=self.step)

    def drawn(self, value: Scalar) -> Scalar:
        """The number that Optuna draws for a value that a user names."""
        return math.exp(-float(value)) if self.kind == "share" else value  # type: ignore[arg-type]  # checked

    @property
    def finite(self) -> tuple[Scalar, ...] | None:
        """All values, where they are few enough to be listed."""
        if self.choices:
            return self.choices
        if self.kind == "int" and not self.log:
            return tuple(range(int(self.low), int(self.high) + 1, int(self.step or 1)))
        if self.kind == "float" and self.step is not None:
            count = math.floor((self.high - self.low) / self.step + 1e-9)
            return tuple(self.low + k * self.step for k in range(count + 1))
        return None

    def unit_scale(self, numbers: Array) -> Array:
        """Numbers from 0 to 1 over the range, those of their logarithms where it is searched so."""
        low, high, values = (np.log(x) if self.log else x for x in (self.low, self.high, numbers))
        return np.asarray((values - low) / (high - low))

    def text(self, value: Any) -> str:
        """A value as tables and figures call it, numbers with three digits."""
        if self.choices:
            return level_name(value)
        return f"{int(value)}" if self.kind == "int" else f"{float(value):.3g}"

    def absent(self, value: Any) -> bool:
        """Whether a value of a table stands for a study trial in which this does not count."""
        if value is None:
            return None not in self.choices
        return isinstance(value, float) and math.isnan(value)


@dataclass(frozen=True)
class Declared:
    """A range as it is written, with conditions of which one must hold, and the branches of a choice."""

    range: Range
    when: tuple[Mapping[str, tuple[Scalar, ...]], ...] = ({},)
    branches: Mapping[str, Any] = field(default_factory=dict)


def level_name(value: Any) -> str:
    """How a listed value is called in tables and figures."""
    if value is None:
        return "none"
    if isinstance(value, bool | np.bool_):
        return "on" if value else "off"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def is_range(value: Any) -> bool:
    """Whether a mapping is a range and no part of a configuration."""
    return isinstance(value, Mapping) and any(key in value for key in KINDS)


def refuse_misspelt(value: Mapping[str, Any], path: str) -> None:
    """A mapping is no range whose kind is misspelt: ``{flaot: [0, 1]}`` would be taken for a value.

    Raises
    ------
    ConfigError
        When a key that has a list looks like a kind of range.
    """
    for key, content in value.items():
        meant = get_close_matches(str(key).lower().replace("-", "_"), ("float", "int", "one_of"), 1, 0.75)
        if meant and isinstance(content, list):
            raise ConfigError(f"{path} has an unknown range {key!r}; did you mean {meant[0]!r}?")


def declared(value: Mapping[str, Any], path: str) -> Declared:
    """The range that a mapping declares.

    Parameters
    ----------
    value : mapping
        ``{float: [low, high], log: true}``, ``{int: [low, high], step: 2}``, ``{one_of: [a, b]}``,
        ``{choose: {label: branch}}`` or ``{share: group}``, each with ``when: {name: value or list}``, with a
        list of such conditions of which one must hold, or without.
    path : str
        Where it stands, for messages.

    Raises
    ------
    ConfigError
        When it is malformed or empty.
    """
    kinds = [kind for kind in KINDS if kind in value]
    if len(kinds) != 1:
        raise ConfigError(f"{path} has {' and '.join(kinds)} in one range; keep one of them")
    kind, content = kinds[0], value[kinds[0]]
    allowed = sorted({kind, "when"} | MODIFIERS.get(kind, set()))
    for key in value:
        if key not in allowed:
            raise ConfigError(f"{path} has an unknown key {key!r} in its range; {nearest(str(key), allowed)}")
    given = value.get("when", {})
    when = tuple(_condition(each, path) for each in (given if isinstance(given, list) and given else [given]))
    if kind in ("float", "int"):
        return Declared(_numeric(kind, content, value, path), when)
    if kind == "share":
        if not isinstance(content, str) or not content:
            raise ConfigError(f"{path} is a share of {content!r}; name a group, such as share: levels")
        return Declared(Range("share", *SHARE, group=content), when)
    if kind == "choose":
        if not isinstance(content, Mapping) or not content:
            raise ConfigError(f"{path} has no branches to choose from; write choose: {{label: value, ...}}")
        branches = {str(label): branch for label, branch in content.items()}
        return Declared(Range("choose", choices=tuple(branches)), when, branches)
    return Declared(Range("one_of", choices=_listed(content, path)), when)


def _numeric(kind: Kind, content: Any, value: Mapping[str, Any], path: str) -> Range:
    numbers = isinstance(content, list | tuple) and len(content) == 2
    if not numbers or any(isinstance(end, bool) or not isinstance(end, int | float) for end in content):
        raise ConfigError(f"{path} has {kind}: {content!r}; write two numbers, [low, high]")
    low, high = content
    log, step = value.get("log", False), value.get("step")
    if kind == "int" and not (isinstance(low, int) and isinstance(high, int)):
        raise ConfigError(f"{path} has int: {content!r}; both ends must be whole numbers")
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ConfigError(f"{path} reaches from {low} to {high}; the first end must be below the second")
    if not isinstance(log, bool) or (log and (low <= 0 or step is not None)):
        raise ConfigError(
            f"{path} has log: {log!r} from {low}; a logarithmic range is positive and has no step"
        )
    if step is not None and (isinstance(step, bool) or not isinstance(step, int | float) or step <= 0):
        raise ConfigError(f"{path} has step: {step!r}; a step is a positive number")
    return Range(kind, low, high, log, step)


def _listed(content: Any, path: str) -> tuple[Scalar, ...]:
    if not isinstance(content, list | tuple) or not content:
        raise ConfigError(f"{path} has one_of: {content!r}; write a list of values")
    for k, entry in enumerate(content):
        if not isinstance(entry, str | int | float | bool | None):
            raise ConfigError(
                f"{path} lists a {type(entry).__name__} in one_of; use choose: {{label: value}} for settings"
            )
        if any(entry == other and type(entry) is type(other) for other in content[:k]):
            raise ConfigError(f"{path} lists {entry!r} twice; remove one")
    return tuple(content)


def _condition(when: Any, path: str) -> dict[str, tuple[Scalar, ...]]:
    if not isinstance(when, Mapping):
        raise ConfigError(f"{path} has when: {when!r}; write when: {{name: value}} or a list of values")
    return {
        str(name): tuple(values) if isinstance(values, list | tuple) else (values,)
        for name, values in when.items()
    }

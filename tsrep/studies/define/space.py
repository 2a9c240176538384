"""A search space: a configuration with ranges in place of leaves, and factors that lie across it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any

from tsrep.errors import ConfigError
from tsrep.registry import nearest
from tsrep.runs.config import Configuration, merged
from tsrep.studies.define.ranges import Declared, Range, Scalar, declared, is_range, refuse_misspelt

Condition = Mapping[str, tuple[Scalar, ...]]
Point = Mapping[str, Scalar]
ALWAYS: tuple[Condition, ...] = ({},)

# Scores on other data, or of another task, are not comparable; tasks are the place for these.
FIXED = (
    "dataset", "split", "root", "window", "evaluation", "seed", "seeds", "version", "device", "name",
    "strict", "objective.horizon",
)  # fmt: skip


@dataclass(frozen=True)
class Parameter:
    """Something that is searched.

    Attributes
    ----------
    name : str
        The dotted path in the configuration, or the name of a factor. Where two branches declare different
        ranges at one path, the later one is called ``path@branch``.
    range : Range
    when : tuple of conditions
        It counts where one of them holds; always, where there is none.
    """

    name: str
    range: Range
    when: tuple[Condition, ...] = ()


@dataclass(frozen=True)
class Leaf:
    """Where the value of a parameter goes, or the branch that it chooses."""

    name: str
    when: tuple[Condition, ...]
    branches: Mapping[str, Any]


@dataclass
class Space:
    """What is searched.

    Parameters
    ----------
    config : mapping
        A configuration, ranges in place of leaves; see :func:`tsrep.studies.define.ranges.declared`.
    factors : mapping of name to mapping of label to partial configuration
        Each is one choice that may touch several parts of the configuration; the chosen partial
        configuration, which may have ranges of its own, is laid over ``config``.

    Raises
    ------
    ConfigError
        When a range is malformed, stands where nothing can be searched, or has a condition that can never
        hold.

    Attributes
    ----------
    parameters : dict of name to Parameter
        Each after those that its conditions name.
    """

    config: Mapping[str, Any]
    factors: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._found: dict[str, Parameter] = {}
        self._at: dict[str, list[str]] = {}
        self._fragments = {}
        for name, options in self.factors.items():
            if not isinstance(options, Mapping) or not options:
                raise ConfigError(f"factor {name} has no options; write label: {{settings}} for each")
            if name in Configuration.model_fields:
                raise ConfigError(f"factor {name} is called like a part of a configuration; rename it")
            leaf = self._add(name, declared({"choose": options}, f"factor {name}"), ALWAYS, "")
            self._fragments[name] = leaf.branches
        self._tree = self._parse(self.config, "", ALWAYS, "")
        self.parameters = self._ordered()
        for name in self.parameters:
            if next(self.ways(name, {}), None) is None:
                raise ConfigError(f"{name} has a condition that can never hold; remove it or the range")

    def _parse(self, node: Any, path: str, when: tuple[Condition, ...], label: str) -> Any:
        if is_range(node):
            refused = next((p for p in FIXED if path == p or path.startswith(f"{p}.")), None)
            if refused:
                raise ConfigError(
                    f"{path} cannot be searched, as scores would not be comparable; give it one value, or "
                    "make a task of each"
                )
            return self._add(path, declared(node, path), when, label)
        if isinstance(node, Mapping):
            refuse_misspelt(node, path)
            below = f"{path}." if path else ""
            return {key: self._parse(value, f"{below}{key}", when, label) for key, value in node.items()}
        if isinstance(node, list) and any(map(is_range, node)):
            raise ConfigError(f"{path} is a list with a range in it; use choose: {{label: list}} instead")
        return node

    def _add(self, path: str, found: Declared, around: tuple[Condition, ...], label: str) -> Leaf:
        """Note a range that counts in what is around it, and what it chooses from."""
        both = (_both(outer, own) for outer in around for own in found.when)
        when = tuple(condition for condition in both if condition is not None)
        name = self._name(path, found.range, label)
        if not when:
            raise ConfigError(f"{name} has a condition that can never hold; remove it or the range")
        old = self._found.get(name)
        ways = (*(old.when if old else ()), *when)
        self._found[name] = Parameter(name, found.range, ways if all(ways) else ({},))
        below = "" if path in self.factors else path
        branches = {
            option: self._parse(branch, below, tuple({**way, name: (option,)} for way in when), option)
            for option, branch in found.branches.items()
        }
        return Leaf(name, when, branches)

    def _name(self, path: str, found: Range, label: str) -> str:
        """The path, unless another branch has another range there."""
        names = self._at.setdefault(path, [])
        for name in names:
            if self._found[name].range == found:
                return name
        name = path if not names else f"{path}@{label or len(names)}"
        while name in self._found:
            name += "+"
        names.append(name)
        return name

    def _ordered(self) -> dict[str, Parameter]:
        for parameter in self._found.values():
            for name, values in _pairs(parameter.when):
                self._check_condition(parameter.name, name, values)
        waits = {name: [parent for parent, _ in _pairs(p.when)] for name, p in self._found.items()}
        try:
            return {name: self._found[name] for name in TopologicalSorter(waits).static_order()}
        except CycleError as error:
            circle = " and ".join(dict.fromkeys(error.args[1]))
            raise ConfigError(f"the conditions of {circle} wait for each other; remove one") from error

    def _check_condition(self, name: str, parent: str, values: tuple[Scalar, ...]) -> None:
        if parent not in self._found:
            raise ConfigError(
                f"{name} waits for {parent}, which is not searched; {nearest(parent, list(self._found))}"
            )
        known = self._found[parent].range.finite
        if known is None:
            raise ConfigError(f"{name} waits for a value of {parent}, which is continuous; use one_of there")
        for value in values:
            if not self._found[parent].range.holds(value):
                raise ConfigError(
                    f"{name} waits for {parent} to be {value!r}, which it never is; it takes "
                    f"{', '.join(map(str, known))}"
                )

    def ways(self, name: str, held: Condition) -> Iterator[Condition]:
        """Conditions under which a parameter counts, with those of all that it waits for."""
        for condition in self.parameters[name].when:
            both = _both(held, condition)
            ways = [] if both is None else [both]
            for parent in condition:
                ways = [wider for way in ways for wider in self.ways(parent, way)]
            yield from ways

    def active(self, parameter: Parameter, point: Point) -> bool:
        """Whether a parameter counts, given those before it."""
        return any(_holds(condition, point) for condition in parameter.when)

    def draw(self, suggest: Callable[[Parameter], Scalar]) -> dict[str, Scalar]:
        """A point: every parameter that counts, each asked for after those it waits for."""
        point: dict[str, Scalar] = {}
        for name, parameter in self.parameters.items():
            if self.active(parameter, point):
                point[name] = suggest(parameter)
        return point

    def readable(self, point: Point) -> dict[str, Scalar]:
        """A point as drawn, with shares that sum to one in place of the numbers behind them."""
        drawn: dict[str, dict[str, float]] = {}
        for name, value in point.items():
            found = self.parameters[name].range
            if found.kind == "share":
                drawn.setdefault(found.group, {})[name] = -math.log(float(value))  # type: ignore[arg-type]  # a number
        shares = {
            name: round(value / sum(group.values()), 6)
            for group in drawn.values()
            for name, value in group.items()
        }
        return {**point, **shares}

    def values(self, point: Point) -> dict[str, Any]:
        """The configuration at a point as drawn, in plain values."""
        told = self.readable(point)
        result = _built(self._tree, told)
        for name, branches in self._fragments.items():
            result = merged(result, _built(branches[str(told[name])], told))
        assert isinstance(result, dict)
        return result

    def preset(self, name: str, values: Mapping[str, Any]) -> dict[str, Scalar]:
        """What a preset fixes, as drawn.

        Raises
        ------
        ConfigError
            When it names something that is not searched, is out of range, or does not count.
        """
        fixed: dict[str, Scalar] = {}
        for key, value in values.items():
            if key not in self.parameters:
                raise ConfigError(
                    f"preset {name} sets {key}, which is not searched; {nearest(key, list(self.parameters))}"
                )
            found = self.parameters[key].range
            if not found.holds(value):
                raise ConfigError(f"preset {name} sets {key} to {value!r}, which is outside its range")
            if not self.active(self.parameters[key], values):
                raise ConfigError(
                    f"preset {name} sets {key}, which does not count with the rest of it; remove it, or set "
                    f"{' and '.join(sorted({parent for parent, _ in _pairs(self.parameters[key].when)}))}"
                )
            fixed[key] = found.drawn(value)
        return fixed


def _pairs(conditions: tuple[Condition, ...]) -> list[tuple[str, tuple[Scalar, ...]]]:
    return [pair for condition in conditions for pair in condition.items()]


def _both(first: Condition, second: Condition) -> Condition | None:
    """Both conditions at once; None when they contradict each other."""
    result = dict(first)
    for name, values in second.items():
        result[name] = tuple(v for v in result[name] if v in values) if name in result else values
        if not result[name]:
            return None
    return result


def _holds(condition: Condition, point: Point) -> bool:
    return all(name in point and point[name] in values for name, values in condition.items())


OMITTED = object()


def _built(node: Any, point: Point) -> Any:
    if isinstance(node, Leaf):
        if node.name not in point or not any(_holds(condition, point) for condition in node.when):
            return OMITTED
        value = point[node.name]
        return _built(node.branches[str(value)], point) if node.branches else value
    if isinstance(node, Mapping):
        built = {key: _built(value, point) for key, value in node.items()}
        return {key: value for key, value in built.items() if value is not OMITTED}
    return node

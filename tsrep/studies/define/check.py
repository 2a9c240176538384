"""Is every configuration of a study valid? Asked of many of them before the first trial."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator

import numpy as np

from tsrep.errors import ConfigError
from tsrep.evaluation.forecasts.baselines import BASELINES
from tsrep.evaluation.labels.evaluation import MAJORITY
from tsrep.evaluation.scores import RANDOM_INIT
from tsrep.rng import numpy_generator
from tsrep.runs.config import Configuration
from tsrep.runs.config_files import assemble
from tsrep.runs.task import task_of
from tsrep.studies.define.definition import Definition
from tsrep.studies.define.ranges import LEAST, MOST, Range, Scalar
from tsrep.studies.define.space import Parameter, Point

RANDOM_POINTS = 100
CONTROLS = (RANDOM_INIT, MAJORITY, *BASELINES)


def configuration(definition: Definition, point: Point, task: str) -> Configuration:
    """The configuration of a trial on one task; seed and place of the data are given later.

    Raises
    ------
    ConfigError
        When the point is not a valid configuration.
    """
    return assemble(definition.space.values(point), definition.tasks[task])


def check_study(definition: Definition) -> None:
    """Check presets, every value of every list and both ends of every range on each task.

    Everything else of such a point is random; as many points again are random altogether.

    Raises
    ------
    ConfigError
        Naming the task, the point and what is wrong with it, or that scores of two of its points are not
        comparable, a preset is called like another finalist, or the pruner could never stop a trial.
    """
    _check_presets(definition)
    _check_pruner(definition)
    kinds: dict[str, Point] = {}
    for origin, point in points(definition):
        for task in definition.tasks:
            try:
                config = configuration(definition, point, task)
            except ConfigError as error:
                told = ", ".join(
                    f"{name}={value}" for name, value in definition.space.readable(point).items()
                )
                where = f"task {task}, " if task else ""
                raise ConfigError(f"study {definition.study}, {where}{origin} ({told}): {error}") from error
            kinds.setdefault(judged_by(config), point)
    if len(kinds) > 1:
        raise ConfigError(
            f"study {definition.study} compares what is judged by {' and by '.join(kinds)}; search one "
            "of them"
        )


def _check_presets(definition: Definition) -> None:
    for name in definition.presets:
        if name in CONTROLS or re.fullmatch(r"trial[ -]\d+", name):
            raise ConfigError(
                f"study {definition.study}: preset {name} would stand beside another {name} among the "
                "finalists; rename it"
            )


def _check_pruner(definition: Definition) -> None:
    """A signed-rank test of n runs cannot go below ``2 ** -n``, and stopping after the last saves nothing."""
    runs = len(definition.tasks) * definition.seeds
    least = max(math.floor(-math.log2(definition.pruner.p)) + 1, definition.pruner.least, 2)
    if definition.pruner.name == "wilcoxon" and runs <= least:
        raise ConfigError(
            f"study {definition.study}: pruner wilcoxon can stop a trial after {least} runs at the earliest, "
            f"and a trial has {runs}; set pruner: none, or more tasks or seeds"
        )


def reference(definition: Definition) -> dict[str, Scalar]:
    """A point that is the same for every worker: the first of each list, the upper end of each range."""

    def last(parameter: Parameter) -> Scalar:
        return parameter.range.choices[0] if parameter.range.choices else _marks(parameter.range)[-1]

    return definition.space.draw(last)


def judged_by(config: Configuration) -> str:
    """What the validation score of a configuration is."""
    return task_of(config).judged_by


def points(definition: Definition) -> Iterator[tuple[str, dict[str, Scalar]]]:
    """Points to check, with what each is there for."""
    space, generator = definition.space, numpy_generator(definition.seed, "check")
    for name, values in definition.presets.items():
        yield f"preset {name}", space.draw(_completing(space.preset(name, values), generator))
    for parameter in space.parameters.values():
        for value in _marks(parameter.range):
            yield "a point", _with(definition, parameter, value, generator)
    for _ in range(RANDOM_POINTS):
        yield "a point", space.draw(lambda p: _random(p.range, generator))


def _completing(fixed: Point, generator: np.random.Generator) -> Callable[[Parameter], Scalar]:
    return lambda p: fixed[p.name] if p.name in fixed else _random(p.range, generator)


def _with(
    definition: Definition, parameter: Parameter, value: Scalar, generator: np.random.Generator
) -> dict[str, Scalar]:
    """A random point where a parameter counts and has a value."""
    way = next(definition.space.ways(parameter.name, {}))

    def suggest(p: Parameter) -> Scalar:
        if p.name == parameter.name:
            return value
        return way[p.name][0] if p.name in way else _random(p.range, generator)

    return definition.space.draw(suggest)


def _marks(range_: Range) -> tuple[Scalar, ...]:
    if range_.choices:
        return range_.choices
    if range_.kind == "share":
        return (LEAST, MOST)
    return (int(range_.low), int(range_.high)) if range_.kind == "int" else (range_.low, range_.high)


def _random(range_: Range, generator: np.random.Generator) -> Scalar:
    if range_.finite is not None:
        return range_.finite[generator.integers(len(range_.finite))]
    if range_.kind == "share":
        return float(generator.uniform(LEAST, MOST))
    low, high = (np.log(range_.low), np.log(range_.high)) if range_.log else (range_.low, range_.high)
    value = float(generator.uniform(low, high))
    value = float(np.clip(np.exp(value), range_.low, range_.high)) if range_.log else value
    return round(value) if range_.kind == "int" else value

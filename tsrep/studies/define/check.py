"""Is every configuration of a study valid? Asked of many of them before the first trial."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

import numpy as np

from tsrep.errors import ConfigError
from tsrep.evaluation.forecasts.baselines import BASELINES
from tsrep.evaluation.labels.evaluation import MAJORITY
from tsrep.evaluation.scores import RANDOM_INIT
from tsrep.rng import numpy_generator
from tsrep.runs.task import task_of
from tsrep.studies.define.configuration import configuration
from tsrep.studies.define.definition import Definition
from tsrep.studies.define.ranges import Range, Scalar
from tsrep.studies.define.space import Point

RANDOM_POINTS = 100
CONTROLS = (RANDOM_INIT, MAJORITY, *BASELINES)


def check_study(definition: Definition) -> None:
    """Check presets, every value of every list and both ends of every range on each task.

    Everything else of such a point is random; as many points again are random altogether.

    Raises
    ------
    ConfigError
        Naming the task, the point and what is wrong with it, or that scores of two of its points are not
        comparable, a preset is called like another finalist, or the pruner could never stop a trial.
    RunError
        When trials start from an encoder on a hub that may change while they run.
    """
    _check_presets(definition)
    _check_pruner(definition)
    kinds: dict[str, Point] = {}
    for origin, point in points(definition):
        for task in definition.tasks:
            try:
                config = configuration(definition, point, task)
            except ConfigError as error:
                settings = definition.space.readable(point).items()
                told = ", ".join(f"{name}={value}" for name, value in settings)
                where = f"task {task}, " if task else ""
                raise ConfigError(f"study {definition.study}, {where}{origin} ({told}): {error}") from error
            if config.seeds > 1:
                raise ConfigError(
                    f"study {definition.study}: config.seeds is {config.seeds}, but a run of a trial has one "
                    "seed; leave it out, and set seeds of the study or of its confirmation"
                )
            kinds.setdefault(task_of(config).judged_by, point)
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
    earliest = max(math.floor(-math.log2(definition.pruner.p)) + 1, definition.pruner.min_steps, 2)
    if definition.pruner.name == "wilcoxon" and runs <= earliest:
        raise ConfigError(
            f"study {definition.study}: pruner wilcoxon can stop a trial after {earliest} runs at the "
            f"earliest, and a trial has {runs}; set pruner: none, or more tasks or seeds"
        )


def reference(definition: Definition) -> dict[str, Scalar]:
    """A point that is the same for every worker: the first of each list, the upper end of each range."""
    return definition.space.draw(lambda p: p.range.choices[0] if p.range.choices else p.range.high)


def points(definition: Definition) -> Iterator[tuple[str, dict[str, Scalar]]]:
    """Points to check, with what each is there for."""
    space, generator = definition.space, numpy_generator(definition.seed, "check")

    def completed(fixed: Point) -> dict[str, Scalar]:
        return space.draw(lambda p: fixed[p.name] if p.name in fixed else _random(p.range, generator))

    for name, values in definition.presets.items():
        yield f"preset {name}", completed(space.preset(name, values))
    for name, parameter in space.parameters.items():
        held = {parent: allowed[0] for parent, allowed in next(space.ways(name, {})).items()}
        for value in parameter.range.choices or (parameter.range.low, parameter.range.high):
            yield "a point", completed({**held, name: value})
    for _ in range(RANDOM_POINTS):
        yield "a point", completed({})


def _random(range_: Range, generator: np.random.Generator) -> Scalar:
    if range_.finite is not None:
        return range_.finite[generator.integers(len(range_.finite))]
    ends = np.array([range_.low, range_.high])
    value = np.exp(generator.uniform(*np.log(ends))) if range_.log else generator.uniform(*ends)
    value = float(np.clip(value, *ends))
    return round(value) if range_.kind == "int" else value

"""What a study is: its question, its space, its tasks and its budget, as one YAML file says it."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, ValidationError, field_validator, model_validator

from tsrep.errors import ConfigError
from tsrep.registry import Settings, explain
from tsrep.rng import numpy_generator
from tsrep.runs.config_files import read_config
from tsrep.studies.define.ranges import Scalar
from tsrep.studies.define.space import Space

Count = Annotated[int, Field(ge=1)]
LARGEST_GRID = 10_000
FOLDER_NAME = re.compile(r"\w[^/\\:\0-\x1f]*")


class Sampling(Settings):
    """Where the next trial looks."""

    name: Literal["tpe", "gp", "qmc", "random", "grid"] = Field(
        "tpe",
        description="tpe: multivariate, in groups that count together; gp: Gaussian process, for few "
        "conditions and up to 500 trials; qmc: scrambled Sobol points; grid: every point once, shuffled",
    )
    startup: Count = Field(20, description="random trials before tpe or gp models anything")


class Pruning(Settings):
    """When a trial is not worth its end."""

    name: Literal["none", "median", "hyperband", "wilcoxon"] = Field(
        "none",
        description="median: worse than half at the same step; hyperband: by brackets of epochs; wilcoxon: "
        "over tasks and seeds, worse than the best on those that are done",
    )
    startup: Count = Field(10, description="trials before median stops any")
    min_steps: Count = Field(1, description="epochs that every trial gets; of wilcoxon, runs")
    reduction: Annotated[int, Field(ge=2)] = Field(3, description="of hyperband")
    p: Annotated[float, Field(gt=0, lt=1)] = Field(0.1, description="of wilcoxon")


class Budget(Settings):
    """When a study ends."""

    trials: Count = 50
    hours: Annotated[float, Field(gt=0)] | None = Field(None, description="no trial begins after so many")


class Confirmation(Settings):
    """The best, trained again from fresh seeds and scored once on the test part."""

    finalists: Annotated[int, Field(ge=0)] = Field(
        3, description="best by validation; 0 leaves the test part alone"
    )
    presets: bool = Field(True, description="presets that ended stand beside them")
    seeds: Count = 5


def _by_name(value: Any) -> Any:
    """``sampler: gp`` is short for ``sampler: {name: gp}``."""
    return {"name": value} if isinstance(value, str) else value


class Definition(Settings):
    """A study file.

    Raises
    ------
    ConfigError
        From :func:`read_definition`; see there.
    """

    version: Literal[1] = 1
    study: str = Field(pattern=r"^\w[\w.-]*$", description="its name, in the storage and of its folder")
    question: str
    cost: str = ""
    config: dict[str, Any]
    factors: dict[str, dict[str, Any]] = Field({})
    tasks: dict[str, dict[str, Any]] = Field(
        {"": {}}, min_length=1, description="partial configurations; every trial is run on each"
    )
    presets: dict[str, dict[str, Any]] = Field({}, description="points to begin with, by name")
    goals: tuple[Literal["score"]] | tuple[Literal["score"], Literal["seconds"]] = Field(
        ("score",), description="with seconds of training as a second one, no trial is pruned"
    )
    seed: Annotated[int, Field(ge=0)] = 0
    seeds: Count = Field(1, description="runs of each trial on each task")
    sampler: Annotated[Sampling, BeforeValidator(_by_name)] = Sampling()
    pruner: Annotated[Pruning, BeforeValidator(_by_name)] = Pruning()
    budget: Budget = Budget()
    confirmation: Confirmation = Confirmation()

    @field_validator("goals", mode="before")
    @classmethod
    def _know_goals(cls, value: Any) -> Any:
        if value not in (["score"], ["score", "seconds"], ("score",), ("score", "seconds")):
            raise ConfigError(f"goals is {value!r}; write [score] or [score, seconds]")
        return value

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        """Names of tasks and presets are those of folders, too."""
        for kind, names in (("task", self.tasks), ("preset", self.presets)):
            folders: dict[str, str] = {}
            for name in names:
                if not FOLDER_NAME.fullmatch(name) and (kind, name) != ("task", ""):
                    raise ConfigError(
                        f"{kind} {name!r} cannot be the name of a folder; begin it with a letter or digit, "
                        "without slashes and colons"
                    )
                other = folders.setdefault(name.replace(" ", "-").casefold(), name)
                if other != name:
                    raise ConfigError(f"{kind}s {other!r} and {name!r} would share a folder; rename one")
        return self

    @model_validator(mode="after")
    def _check_goals(self) -> Self:
        if len(self.goals) > 1 and self.pruner.name != "none":
            raise ConfigError(
                f"study {self.study} has two goals, with which no trial can be pruned; set pruner: none"
            )
        return self

    @cached_property
    def space(self) -> Space:
        """What is searched."""
        return Space(self.config, self.factors)

    @cached_property
    def digest(self) -> str:
        """Of all that makes one trial comparable to another; budget, sampler and pruner are not in it."""
        told = self.model_dump(mode="json", include={"config", "factors", "tasks", "goals", "seed", "seeds"})
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]

    def beginnings(self) -> list[tuple[str, dict[str, Scalar]]]:
        """Origin and fixed parameters, as drawn, of the trials to begin with: presets, then a grid.

        Raises
        ------
        ConfigError
            When a preset does not fit the space, or the grid is infinite, empty or too large.
        """
        presets = [(f"preset:{name}", self.space.preset(name, dict(v))) for name, v in self.presets.items()]
        if self.sampler.name != "grid":
            return presets
        done = [point for _, point in presets]
        rest = [("grid", point) for point in self._grid() if point not in done]
        order = numpy_generator(self.seed, "grid").permutation(len(rest))
        return presets + [rest[k] for k in order]

    def _grid(self) -> list[dict[str, Scalar]]:
        points: list[dict[str, Scalar]] = [{}]
        for name, parameter in self.space.parameters.items():
            values = parameter.range.finite
            if values is None:
                raise ConfigError(
                    f"study {self.study} has the sampler grid, and {name} is continuous; use one_of, a step, "
                    "or another sampler"
                )
            grown = (
                [{**point, name: value} for value in values]
                if self.space.active(parameter, point)
                else [point]
                for point in points
            )
            points = list(itertools.islice(itertools.chain.from_iterable(grown), LARGEST_GRID + 1))
            if len(points) > LARGEST_GRID:
                raise ConfigError(
                    f"study {self.study} has a grid of more than {LARGEST_GRID} points; use another sampler"
                )
        return points


def read_definition(path: Path) -> Definition:
    """The study that a YAML file says, with its space parsed.

    Raises
    ------
    ConfigError
        When the file is missing or not YAML, a key is unknown or out of range, or the space is malformed.
    """
    return define(read_config(path), str(path))


def define(values: Mapping[str, Any], where: str) -> Definition:
    """A checked study from plain values; ``where`` is how messages call it.

    Raises
    ------
    ConfigError
        As :func:`read_definition`.
    """
    try:
        definition = Definition.model_validate(dict(values))
        definition.beginnings()
    except ValidationError as error:
        raise ConfigError(f"study {where}: {explain(error)}") from error
    except ConfigError as error:
        raise ConfigError(f"study {where}: {error}") from error
    return definition

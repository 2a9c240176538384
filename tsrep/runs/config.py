"""The configuration of a run: one versioned tree, checked before any data are read."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from functools import cache, reduce
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    create_model,
    field_validator,
)

from tsrep.errors import ConfigError
from tsrep.registry import DATASETS, ENCODERS, OBJECTIVES, SAMPLERS, SPLITS, Registry, explain, nearest
from tsrep.runs.evaluation_settings import evaluation_settings
from tsrep.signals.standardise import Standardisation
from tsrep.training.settings import TrainingSettings

CLOSED = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
SERIES_DEFAULTS: Mapping[str, Any] = {
    "window": {"seconds": None, "standardise": "channel"},
    "encoder": {"name": "dilated-conv-ar"},
    "objective": {"name": "autotcl"},
    "training": {"epochs": 20, "batch_size": 32, "lr": 2e-4, "average": "uniform", "validate_every": 5},
    "evaluation": {"protocols": ["forecast"], "seeds": 3},
}


class WindowSettings(BaseModel):
    """How records become samples."""

    model_config = CLOSED

    seconds: Annotated[float, Field(gt=0)] | None = Field(
        2.5, description="length of a sample; null takes whole records"
    )
    hop_seconds: Annotated[float, Field(gt=0)] | None = Field(
        None, description="from one sample to the next; null means no overlap"
    )
    steps: Annotated[int, Field(ge=1)] | None = Field(
        None, description="length in time steps, instead of seconds; what a series is cut into"
    )
    hop_steps: Annotated[int, Field(ge=1)] | None = Field(None, description="likewise")
    standardise: Standardisation = Field("global", description="what to divide by; see the guide")


class Configuration(BaseModel):
    """What all runs have in common; the parts by name are added by :func:`schema`."""

    model_config = CLOSED

    version: Literal[1] = 1
    name: str | None = Field(None, pattern=r"^[\w.-]+$", description="of the run folder")
    seed: Annotated[int, Field(ge=0)] = 0
    device: str = Field("auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$")
    dataset: Any
    root: Path | None = Field(None, description="folder of the data; null looks in the data cache")
    strict: bool = Field(False, description="refuse data with unreadable records instead of leaving them out")
    window: WindowSettings = WindowSettings()
    split: Any
    encoder: Any
    objective: Any
    sampler: Any
    pretrain: TrainingSettings | None = Field(
        None, description="first train by the contrast of objective forecast alone, so; null does not"
    )
    training: TrainingSettings = TrainingSettings()
    evaluation: Any


def _named(value: Any, part: str) -> Any:
    """``comet`` is short for ``{name: comet}``; settings without a name belong to the default one."""
    if isinstance(value, str):
        return {"name": value}
    default = PARTS[part][1]
    return {"name": default} | value if default and isinstance(value, dict) else value


def _named_field(value: Any, info: ValidationInfo) -> Any:
    return _named(value, str(info.field_name))


PARTS: Mapping[str, tuple[Registry, str | None]] = {
    "dataset": (DATASETS, "ptb-xl-sim"),
    "split": (SPLITS, None),
    "encoder": (ENCODERS, "dilated-conv"),
    "objective": (OBJECTIVES, "comet" if "comet" in OBJECTIVES.names() else "simclr"),
    "sampler": (SAMPLERS, None),
}


@cache
def schema() -> type[Configuration]:
    """The full model, with a discriminated union over each registry."""
    fields: dict[str, Any] = {}
    for part, (registry, default) in PARTS.items():
        models = [registry.entry(name).settings for name in registry.names()]
        union: Any = reduce(operator.or_, models)
        if len(models) > 1:
            union = Annotated[union, Field(discriminator="name")]
        if default is None:
            fields[part] = (union | None, None)
        else:
            fields[part] = (union, Field(default_factory=registry.entry(default).settings))
    evaluation = evaluation_settings()
    fields["evaluation"] = (evaluation, Field(default_factory=evaluation))
    short = field_validator(*PARTS, mode="before")(_named_field)
    validators: dict[str, Any] = {"short": short}
    return create_model("RunConfiguration", __base__=Configuration, __validators__=validators, **fields)


def configure(values: Mapping[str, Any] | Configuration | None = None) -> Configuration:
    """Checked configuration from plain values; what is not said takes its default.

    Raises
    ------
    ConfigError
        Naming the first setting that is unknown or out of range.
    """
    if isinstance(values, Configuration):
        return values
    try:
        config = schema().model_validate(merged(_suited(values or {}), values or {}))
    except ValidationError as error:
        raise ConfigError(_sentence(error)) from error
    from tsrep.runs.task import task_of

    task_of(config).check()
    return config


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Nested values, those ``above`` winning.

    A part that goes by another name above replaces the one below as a whole, since its settings belong
    to its name.
    """
    result = dict(below)
    for key, value in above.items():
        old = result.get(key)
        old = {"name": old} if isinstance(old, str) and isinstance(value, Mapping) else old
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            renamed = "name" in value and value["name"] != old.get("name", value["name"])
            result[key] = dict(value) if renamed else merged(old, value)
        elif not (isinstance(old, Mapping) and isinstance(value, str) and old.get("name") == value):
            result[key] = value
    return result


def _suited(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """What suits the chosen data set and objective better than the general defaults, as their classes say."""
    below: Mapping[str, Any] = {}
    for part in ("dataset", "objective"):
        named = _named(values.get(part) or below.get(part, {}), part)
        registry = PARTS[part][0]
        if isinstance(named, Mapping) and named.get("name") in registry.names():
            cls = registry.entry(named["name"]).cls
            if getattr(cls, "task", "panel") == "series":
                below = merged(SERIES_DEFAULTS, below)
            below = merged(below, getattr(cls, "defaults", {}))
    return below


def plain(config: Configuration) -> dict[str, Any]:
    """Values as they go into YAML or JSON."""
    return config.model_dump(mode="json")


def _sentence(error: ValidationError) -> str:
    first = error.errors()[0]
    where = [str(part) for part in first["loc"]]
    kind = first["type"]
    if kind == "union_tag_invalid":
        part = where[0]
        return (
            f"unknown {part} {first['ctx']['tag']!r}; {nearest(first['ctx']['tag'], PARTS[part][0].names())}"
        )
    if kind == "union_tag_not_found":
        known = ", ".join(PARTS[where[0]][0].names())
        return f"{where[0]} does not say its name; give {where[0]}.name, one of {known}"
    path = ".".join(_without_tags(where))
    return explain(error, path, lambda: _known(where[:-1]))


def _without_tags(where: list[str]) -> list[str]:
    """pydantic puts the chosen name of a union into the path; users do not."""
    is_union = len(where) > 1 and where[0] in PARTS
    return [where[0], *where[2:]] if is_union and where[1] in PARTS[where[0]][0].names() else where


def _known(where: list[str]) -> list[str]:
    """Settings that there are at a path, which has the chosen name after each part with names."""
    model: Any = schema()
    path = iter(where)
    for part in path:
        if model is not schema() or part not in PARTS:
            model = model.model_fields[part].annotation
        elif (name := next(path, None)) is not None:
            model = PARTS[part][0].entry(name).settings
    return list(model.model_fields)

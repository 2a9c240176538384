"""Loading by name: settings are checked first, then the data set's own loader runs."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError

from tsrep.datasets.dataset import About, Dataset
from tsrep.errors import ConfigError
from tsrep.registry import DATASETS, explain
from tsrep.signals.panel import Panel
from tsrep.signals.series import Series


def load(
    dataset: str | Mapping[str, Any] | BaseModel,
    root: Path | str | None = None,
    *,
    cache: Path | str | None = None,
    strict: bool = False,
    progress: bool = True,
    **settings: Any,
) -> Panel | Series:
    """Panel or series of a data set.

    Parameters
    ----------
    dataset : str, mapping or settings
        Name of a data set (with its ``settings`` as keywords), or settings that hold their ``name``.
    root : Path or None
        Folder of the data, of a series also its file; ``None`` looks where ``tsrep data fetch`` puts them.
    cache : Path or None
        Folder for converted signals; ``None`` for ``$TSREP_CACHE`` or the user's cache folder.
    strict : bool
        Refuse records that cannot be read instead of listing them in ``Panel.skipped``.
    progress : bool
        Show progress on stderr while decoding.

    Raises
    ------
    ConfigError
        When the name or a setting is unknown or out of range.
    DataError
        When the data are missing or broken.
    """
    return build(dataset, **settings).load(root, cache=cache, strict=strict, progress=progress)


def build(dataset: str | Mapping[str, Any] | BaseModel, **settings: Any) -> Dataset:
    """Loader of a data set with checked settings.

    Raises
    ------
    ConfigError
        When the name or a setting is unknown or out of range.
    """
    if isinstance(dataset, BaseModel):
        built: Dataset = DATASETS.build(dataset)
        return built
    values = {"name": dataset, **settings} if isinstance(dataset, str) else {**dataset, **settings}
    if "name" not in values:
        raise ConfigError(f"data set settings need a name; known: {', '.join(DATASETS.names())}")
    model = DATASETS.entry(str(values["name"])).settings
    try:
        return build(model.model_validate(values))
    except ValidationError as error:
        raise ConfigError(f"data set {values['name']!r}: {explain(error)}") from error


def about(name: str) -> About:
    """Facts about a data set."""
    facts: About = DATASETS.entry(name).cls.about
    return facts


def default_splits(name: str) -> list[str]:
    """The split used when none is set, then those of settings that call for another one."""
    entry = DATASETS.entry(name)
    usual: str = entry.cls.about.default_split
    result = [usual]
    for key, field in entry.settings.model_fields.items():
        for value in get_args(field.annotation) if get_origin(field.annotation) is Literal else ():
            with suppress(ValidationError):
                other = DATASETS.build(entry.settings.model_validate({key: value})).default_split
                result += [f"{other} with {key}={value}"] if other != usual else []
    return result

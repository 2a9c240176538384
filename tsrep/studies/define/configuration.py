"""The configuration of a trial."""

from __future__ import annotations

from collections.abc import Mapping

from tsrep.runs.config import Configuration
from tsrep.runs.config_files import assemble
from tsrep.runs.hub_name import refuse_unpinned
from tsrep.studies.define.definition import Definition
from tsrep.studies.define.space import Point


def configuration(definition: Definition, point: Point, task: str) -> Configuration:
    """The configuration of a trial on one task; seed and place of the data are given later.

    Raises
    ------
    ConfigError
        When the point is not a valid configuration.
    RunError
        When it starts from an encoder on a hub that may change while the study runs.
    """
    layers = definition.space.values(point), definition.tasks[task]
    for part in ("init", "encoder"):
        for chosen in (layer.get(part) for layer in layers):
            if isinstance(chosen, Mapping) and isinstance(text := chosen.get("from"), str):
                refuse_unpinned(text, f"study {definition.study}: {part}.from")
    return assemble(*layers)

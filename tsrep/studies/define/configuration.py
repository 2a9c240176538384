"""The configuration of a trial."""

from __future__ import annotations

from tsrep.runs.config import Configuration
from tsrep.runs.config_files import assemble
from tsrep.studies.define.definition import Definition
from tsrep.studies.define.space import Point


def configuration(definition: Definition, point: Point, task: str) -> Configuration:
    """The configuration of a trial on one task; seed and place of the data are given later.

    Raises
    ------
    ConfigError
        When the point is not a valid configuration.
    """
    return assemble(definition.space.values(point), definition.tasks[task])

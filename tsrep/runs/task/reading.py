"""Reading the data set of settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tsrep.errors import DataError
from tsrep.registry import DATASETS
from tsrep.runs.prepared import DataSettings

if TYPE_CHECKING:
    from tsrep.runs.task.task import Task


def read_data(config: DataSettings, task: type[Task], *, progress: bool = True) -> Any:
    """The data set of settings, of the type that a task works on.

    Raises
    ------
    DataError
        When it is missing or broken.
    """
    entry, dataset = DATASETS.entry(config.dataset.name), DATASETS.build(config.dataset)
    with entry.blamed("be read", DataError):
        data = dataset.load(config.root, strict=config.strict, progress=progress)
    if not isinstance(data, task.type):
        raise DataError(
            f"{entry} gives {data!r:.60}, but {task.data} is a {task.type.__name__}; let read return one"
        )
    return data if data.digest else data.hashed()

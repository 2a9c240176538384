"""The kinds of data that runs work on, and the task of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tsrep.registry import DATASETS
from tsrep.runs.config import Configuration
from tsrep.runs.task.panel_task import PanelTask
from tsrep.runs.task.series_task import SeriesTask
from tsrep.runs.task.task import Task
from tsrep.signals import Panel, Series
from tsrep.training.distributed import ALONE, Ranks

TASKS: Mapping[str, type[Task]] = {task.name: task for task in (PanelTask, SeriesTask)}


def task_of(config: Configuration, ranks: Ranks = ALONE) -> Task:
    """The task of a configuration, by what its data set gives."""
    return TASKS[DATASETS.entry(config.dataset.name).task](config, ranks)


def task_for(data: Panel | Series) -> type[Task]:
    """The task on data of such a type."""
    return next(task for task in TASKS.values() if isinstance(data, task.type))


def prepare(config: Configuration, *, progress: bool = True) -> Any:
    """The data of a configuration, ready for training; see :meth:`Task.prepare`."""
    return task_of(config).prepare(progress=progress)

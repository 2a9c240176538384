"""What a run does with its kind of data: labelled recordings of patients, or a series in time."""

from tsrep.runs.task.kinds import TASKS, prepare, task_for, task_of
from tsrep.runs.task.panel_task import PanelTask
from tsrep.runs.task.reading import read_data
from tsrep.runs.task.series_task import SeriesTask
from tsrep.runs.task.task import Task

__all__ = ["TASKS", "PanelTask", "SeriesTask", "Task", "prepare", "read_data", "task_for", "task_of"]

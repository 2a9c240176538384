"""What a trial's error on a task is divided by: the same number for every trial of a study."""

from __future__ import annotations

import math
from pathlib import Path

from filelock import FileLock

from tsrep.errors import ConfigError, RunError
from tsrep.files import write_json
from tsrep.reading import read_json, readable
from tsrep.runs.config import Configuration
from tsrep.runs.task import task_of


def baseline(file: Path, task: str, config: Configuration) -> float | None:
    """Validation error of the baseline on a task; None where trials are judged by no error.

    It is worked out once and kept in ``file``; workers that want it at the same time wait for each other.

    Parameters
    ----------
    file : Path
        A JSON file of the study's folder.
    task : str
    config : Configuration
        Data, split and horizon are the same for all trials; the look-back is this one's.

    Raises
    ------
    RunError
        When it is not a positive number, so that nothing can be divided by it.
    """
    with FileLock(file.with_suffix(".lock")):
        with readable(file, "errors of baselines", "remove it, and they are worked out again"):
            known = read_json(file) if file.exists() else {}
        if task not in known:
            known[task] = measured(config, task)
            write_json(file, known)
    return None if known[task] is None else float(known[task])


def measured(config: Configuration, task: str) -> float | None:
    """What :func:`baseline` keeps, worked out now.

    Raises
    ------
    ConfigError, DataError, SplitError
        When the data are not there, or too short, or windows begin at some steps of a season alone.
    RunError
        When nothing can be divided by it.
    """
    own = task_of(config)
    prepared = own.prepare(progress=False)
    for fault in own.warnings(prepared):
        raise ConfigError(fault)
    error = own.baseline_error(prepared)
    if error is not None and not (math.isfinite(error) and error > 0):
        raise RunError(
            f"task {task or config.dataset.name}: the validation error of the baseline is {error}, and no "
            "error can be relative to it; check the series"
        )
    return error

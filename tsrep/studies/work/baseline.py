"""What a trial's error on a task is divided by: the same number for every trial of a study."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
from filelock import FileLock

from tsrep.errors import ConfigError, RunError
from tsrep.evaluation.forecasts.baselines import RIDGE_NLINEAR
from tsrep.evaluation.forecasts.direct import direct_scores
from tsrep.evaluation.forecasts.representation import forecast_scores
from tsrep.files import write_json
from tsrep.runs.config import Configuration
from tsrep.runs.prepare import prepare
from tsrep.runs.prepare_series import PreparedSeries, some_steps_of_a_season


def baseline(file: Path, task: str, config: Configuration) -> float | None:
    """Validation error of ridge-nlinear on a task; None for a panel, whose AUROC is no error.

    The ridge is fitted on four fifths of the training part, its penalty is chosen on the rest, and every
    window of the validation part counts. It is worked out once and kept in ``file``; workers that want it at
    the same time wait for each other.

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
        known = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
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
    prepared = prepare(config, progress=False)
    if not isinstance(prepared, PreparedSeries):
        return None
    if (fault := some_steps_of_a_season(config, prepared.records)) is not None:
        raise ConfigError(fault)
    settings = config.evaluation.forecast
    if config.objective.name == "forecast":
        scores = direct_scores(
            {},
            {},
            prepared.instances,
            prepared.spans,
            settings,
            horizon=config.objective.horizon,
            lookback=config.objective.lookback,
            part="validation",
        )
    else:
        scores = forecast_scores({}, prepared.instances, prepared.spans, settings, part="validation")
    error = float(np.mean([row.metrics["mse"].value for row in scores if row.method == RIDGE_NLINEAR]))
    if not (math.isfinite(error) and error > 0):
        raise RunError(
            f"task {task or config.dataset.name}: the validation error of {RIDGE_NLINEAR} is {error}, and no "
            "error can be relative to it; check the series"
        )
    return error

"""Prediction intervals of a run's forecasts, kept in its folder so that they need no training data."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from tsrep.errors import RunError, TsrepError
from tsrep.evaluation.forecasts.conformal import Conformal, calibrate
from tsrep.evaluation.forecasts.coverage import Covering
from tsrep.evaluation.forecasts.errors import Forecast
from tsrep.evaluation.forecasts.look_backs import forecast_of
from tsrep.runs.folder import Run
from tsrep.runs.lock import locked
from tsrep.runs.manifest import changing, refuse_changed
from tsrep.runs.prepare_series import PreparedSeries
from tsrep.training.distributed import pick_device

FILE = "intervals.npz"
KEPT = (0.5, 0.8, 0.9, 0.95, 0.99)  # levels that a run calibrates in advance


def write_intervals(run: Run, prepared: PreparedSeries) -> Conformal:
    """Calibrate on the validation part and keep the result as ``intervals.npz`` of the run.

    Parameters
    ----------
    run : Run
        Finished, of objective ``forecast``.
    prepared : PreparedSeries
        The data of the run.

    Raises
    ------
    RunError
        When the run makes no forecasts, or its folder cannot be written.
    ConfigError, DataError
        See :func:`tsrep.evaluation.forecasts.conformal.calibrate`.
    """
    found = _calibrated(run, prepared, KEPT)
    with changing(run.folders[0], FILE):
        found.save(run.folders[0] / FILE)
    return found


def intervals_of(run: Run, levels: Sequence[float]) -> tuple[Conformal | None, str]:
    """Intervals of a run for some levels, calibrated now where it has none of them and its data are at hand.

    Returns
    -------
    Conformal or None
        None where the run has no intervals and they cannot be had.
    str
        Why not; else empty.

    Raises
    ------
    RunError
        When what the run has cannot be read, or lacks a level that cannot be had.
    """
    path = run.folders[0] / FILE
    kept = _kept(run) if path.exists() else None
    if kept is not None and set(levels) <= set(kept.levels):
        return kept, ""
    try:
        prepared: Any = run.prepare()
        found = _calibrated(run, prepared, sorted({*(kept.levels if kept else KEPT), *levels}))
    except TsrepError as error:
        if kept is None:
            return None, (
                f"{run.path} has no {FILE}, and its data for calibrating intervals are not at hand ({error})"
            )
        known = ", ".join(f"{level:g}" for level in kept.levels)
        raise RunError(
            f"{run.path} has intervals of the levels {known} only, and its data for calibrating others are "
            f"not at hand ({error})"
        ) from error
    # a folder of someone else's may not be written, or not now, and a forecast needs it not
    with suppress(RunError), locked(run.path), changing(path.parent, FILE):
        found.save(path)
    return found, ""


def covering(run: Run, prepared: PreparedSeries, forecast: Forecast) -> Covering:
    """Counts on the test part how often the intervals of a run hold, while ``forecast`` is asked for it.

    Intervals that are missing or cannot be read are calibrated now.

    Raises
    ------
    RunError, ConfigError, DataError
        See :func:`write_intervals`.
    """
    try:
        conformal = _kept(run)
    except RunError:
        conformal = write_intervals(run, prepared)
    return Covering(conformal, forecast, prepared.instances, prepared.spans.test)


def _kept(run: Run) -> Conformal:
    refuse_changed(run.folders[0], FILE)
    return Conformal.load(run.folders[0] / FILE)


def _calibrated(run: Run, prepared: PreparedSeries, levels: Sequence[float]) -> Conformal:
    forecaster = run.forecaster()
    forecast = forecast_of(forecaster, prepared.instances, pick_device(run.config.device))
    return calibrate(forecast, prepared.instances, prepared.spans.validation, forecaster.horizon, levels)

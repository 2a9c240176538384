"""From predictions to scores in both units, windows and records."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tsrep.evaluation.bootstrap import Resampled, paired_difference, resample
from tsrep.evaluation.labels.aggregate import Aggregation, by_record, is_by_record
from tsrep.evaluation.labels.metrics import classes_scored
from tsrep.evaluation.predictions import Predictions
from tsrep.evaluation.scores import Score, Unit

RANDOM_INIT = "random initialisation"
ByUnit = dict[Unit, Resampled]


def score(
    predictions: Sequence[Predictions],
    *,
    method: str,
    protocol: str,
    part: str,
    labels: float = 1.0,
    subsample_by: str = "all",
    aggregate: Aggregation = "mean",
    n_bootstrap: int = 1000,
    seed: int = 0,
    control: Sequence[Predictions] | None = None,
    against: str = RANDOM_INIT,
    labelled: float = math.nan,
    labelled_patients: float = math.nan,
) -> list[Score]:
    """Scores of one method, per record and, where records have several windows, per window.

    Parameters
    ----------
    predictions : sequence of Predictions
        One for each seed, of the same units.
    method, protocol, part, labels, drawn_by, labelled, labelled_patients
        As in :class:`Score`.
    aggregate : str
        How windows become records.
    resamples, seed : int
        Of the bootstrap; the same seed pairs methods.
    control : sequence of Predictions, optional
        Of the method named by ``against``, on the same patients; gives the paired difference.

    Raises
    ------
    DataError
        When predictions are missing, contradictory or not finite.
    """
    own = resample_units(predictions, aggregate, n_bootstrap, seed)
    other = None if control is None else resample_units(control, aggregate, n_bootstrap, seed)
    return summarise(
        predictions,
        own,
        other,
        "" if control is None else against,
        method=method,
        protocol=protocol,
        part=part,
        subsample_by=subsample_by,
        labels=labels,
        labelled=labelled,
        labelled_patients=labelled_patients,
    )


def resample_units(
    predictions: Sequence[Predictions], aggregate: Aggregation, n_bootstrap: int, seed: int
) -> ByUnit:
    """The bootstrap of each unit that the predictions have."""
    units: dict[Unit, list[Predictions]] = {"record": [by_record(p, aggregate) for p in predictions]}
    if not all(is_by_record(p) for p in predictions):
        units["window"] = list(predictions)
    return {unit: resample(each, n_bootstrap=n_bootstrap, seed=seed) for unit, each in units.items()}


def summarise(
    predictions: Sequence[Predictions],
    own: ByUnit,
    control: ByUnit | None,
    against: str,
    *,
    method: str,
    protocol: str,
    part: str,
    subsample_by: str,
    labels: float,
    labelled: float,
    labelled_patients: float,
) -> list[Score]:
    """Scores out of finished bootstraps, see :func:`score`."""
    first = predictions[0]
    scores = []
    for unit, resampled in own.items():
        n = len(np.unique(first.trial)) if unit == "record" else len(first)
        scores.append(
            Score(
                method=method,
                protocol=protocol,
                part=part,
                unit=unit,
                labels=labels,
                subsample_by=subsample_by,
                seeds=len(predictions),
                n=n,
                patients=len(np.unique(first.patient)),
                classes_scored=classes_scored(first.target, first.prob.shape[1]),
                metrics=resampled.intervals(),
                spread=resampled.spread,
                n_bootstrap=len(next(iter(resampled.draws.values()))),
                labelled=labelled,
                labelled_patients=labelled_patients,
                against=against,
                difference={} if control is None else paired_difference(resampled, control[unit]),
            )
        )
    return scores

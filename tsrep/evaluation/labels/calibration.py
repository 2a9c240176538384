"""Whether stated probabilities come true: the reliability curve with a band over patients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tsrep.evaluation.arrays import Array
from tsrep.evaluation.bootstrap import (
    Interval,
    Variance,
    distance_interval,
    patient_weights,
    share_interval,
    variance_of_mean,
)
from tsrep.evaluation.labels.metrics import BINS, stated_probability, sums_by_bin
from tsrep.evaluation.predictions import Predictions


@dataclass(frozen=True, eq=False)
class Reliability:
    """A reliability curve.

    Attributes
    ----------
    edges : float64 array, shape (bin + 1,)
    stated, observed : float64 arrays, shape (bin,)
        Mean stated probability and share that came true; NaN in an empty bin.
    low, high : float64 arrays, shape (bin,)
        95 % interval of ``observed`` over patients; NaN in an empty bin.
    count : int64 array, shape (bin,)
        Statements: one a unit (the decided class), for multi-label targets one for each class.
    error : Interval
        Expected calibration error, the mean distance of the two weighted by ``count``.
    """

    edges: Array
    stated: Array
    observed: Array
    low: Array
    high: Array
    count: Array
    error: Interval


def reliability(
    predictions: Predictions, *, bins: int = BINS, n_bootstrap: int = 1000, seed: int = 0
) -> Reliability:
    """Reliability curve in equally wide bins, with a band by bootstrap over patients."""
    stated, true = stated_probability(predictions.prob, predictions.target)
    patients, group = np.unique(predictions.patient, return_inverse=True)
    sums = sums_by_bin(stated, (np.ones_like(stated), stated, true), group, len(patients), bins)
    once = _curve(sums, np.ones((len(patients), 1)))
    curves = [_curve(sums, weight) for weight in patient_weights(len(patients), n_bootstrap, seed=seed)]
    draws = [np.concatenate(part, axis=-1) for part in zip(*curves, strict=True)]
    if len(patients) < 2:
        draws = [np.full_like(draw, np.nan) for draw in draws]
    n = np.maximum((sums[0] > 0).sum(axis=0), 2)  # patients in each bin
    band = [_interval(*each) for each in zip(once[1][:, 0], draws[1], n, strict=True)]
    return Reliability(
        np.linspace(0, 1, bins + 1),
        once[0][:, 0],
        once[1][:, 0],
        np.array([interval.low for interval in band]),
        np.array([interval.high for interval in band]),
        sums[0].sum(axis=0).astype(np.int64),
        _interval(once[2][0], draws[2], max(len(patients), 2), distance_interval),
    )


def _interval(
    value: float,
    draws: Array,
    patients: int,
    form: Callable[[float, Variance], Interval] = share_interval,
) -> Interval:
    """Of a share, spread as in :meth:`~tsrep.evaluation.labels.metrics.Scorer.resampled`."""
    spread = value + np.sqrt((patients + 1) / (patients - 1)) * (draws - value)
    variance = variance_of_mean(np.array([value]), spread[None], patients - 1.0, share=1.0)
    return form(float(value), variance)


def _curve(sums: Sequence[Array], weight: Array) -> tuple[Array, ...]:
    """Stated and observed share (bin, weighting), and the calibration error (weighting,)."""
    count, stated, true = (part.T @ weight for part in sums)
    with np.errstate(invalid="ignore"):
        error = np.abs(stated - true).sum(axis=0) / count.sum(axis=0)
        return stated / count, true / count, error

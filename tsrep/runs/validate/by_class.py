"""Scores of each class: how it is ranked, and whether its mean predicted probability is its prevalence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tsrep.evaluation.arrays import Array
from tsrep.evaluation.bootstrap import Interval, resample, symmetric_interval
from tsrep.evaluation.bootstrap.means import Means
from tsrep.evaluation.bootstrap.patients import resampled_by
from tsrep.evaluation.predictions import Predictions, mean_predictions


@dataclass(frozen=True)
class ClassScore:
    """A class among scored recordings.

    Attributes
    ----------
    name : str
    records, positive : int
        Recordings that state the class, and that have it.
    stated : float
        Mean predicted probability.
    in_the_large : Interval
        Mean predicted probability minus prevalence.
    auroc, auprc : Interval
    """

    name: str
    records: int
    positive: int
    stated: float
    in_the_large: Interval
    auroc: Interval
    auprc: Interval

    @property
    def prevalence(self) -> float:
        """Share of the recordings that have it, the AUPRC of chance."""
        return self.positive / self.records


def by_class(
    predictions: Sequence[Predictions], classes: Sequence[str], *, n_bootstrap: int = 1000, seed: int = 0
) -> list[ClassScore]:
    """Scores of every class with 95 % intervals over patients and, of several encoders, over these.

    Parameters
    ----------
    predictions : sequence of Predictions
        Of recordings, one for each encoder.
    classes : sequence of str
    n_bootstrap, seed : int
    """
    return [
        _of_class([each.of_class(k) for each in predictions], name, n_bootstrap, seed)
        for k, name in enumerate(classes)
    ]


def in_the_large(predictions: Sequence[Predictions], *, n_bootstrap: int = 1000, seed: int = 0) -> Interval:
    """Mean predicted probability minus prevalence of a class, the first column.

    Parameters
    ----------
    predictions : sequence of Predictions
        One for each encoder, with one class of several.
    n_bootstrap, seed : int
    """
    patients = np.unique(predictions[0].patient)
    scorers = [_excess(each, patients) for each in predictions]
    found = resampled_by(scorers, len(patients), n_bootstrap=n_bootstrap, seed=seed, form=symmetric_interval)
    return found.intervals()["in_the_large"]


def _excess(predictions: Predictions, patients: Array) -> Means:
    """Mean of what is predicted beyond what is true."""
    group = np.searchsorted(patients, predictions.patient)
    beyond = np.bincount(group, predictions.prob[:, 0] - predictions.target[:, 0], len(patients))
    counts = np.bincount(group, minlength=len(patients)).astype(float)
    return Means(beyond[:, None], counts[:, None], ("in_the_large",))


def _of_class(predictions: Sequence[Predictions], name: str, n_bootstrap: int, seed: int) -> ClassScore:
    named = resample(predictions, names=("auroc", "auprc"), n_bootstrap=n_bootstrap, seed=seed)
    found = named.intervals()
    mean = mean_predictions(predictions)
    return ClassScore(
        name,
        len(mean),
        int(mean.target.sum()),
        float(mean.prob.mean()),
        in_the_large(predictions, n_bootstrap=n_bootstrap, seed=seed),
        found["auroc"],
        found["auprc"],
    )

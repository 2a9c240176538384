"""Confidence intervals over patients, because samples of one patient are not independent, and over seeds.

Patients are resampled by the Bayesian bootstrap: each resample weights them by a flat Dirichlet
distribution, all units of a patient alike. No weight is zero, so that no class can vanish from a resample and
macro averages are always over the same classes. The scores are sorted once and only reweighted.
"""

from tsrep.evaluation.bootstrap.intervals import (
    Interval,
    correlation_interval,
    distance_interval,
    explained_interval,
    positive_interval,
    share_interval,
    symmetric_interval,
)
from tsrep.evaluation.bootstrap.patients import patient_weights, resample, resampled_by
from tsrep.evaluation.bootstrap.resampled import LABEL_DRAWS, Resampled
from tsrep.evaluation.bootstrap.variance import (
    ROUNDING,
    Between,
    Variance,
    between_seeds,
    resampled_variances,
    total_variance,
    variance_of_mean,
)

__all__ = [
    "LABEL_DRAWS", "ROUNDING", "Between", "Interval", "Resampled", "Variance", "between_seeds",
    "correlation_interval", "distance_interval", "explained_interval", "patient_weights", "positive_interval",
    "resample", "resampled_by", "resampled_variances", "share_interval", "symmetric_interval",
    "total_variance", "variance_of_mean",
]  # fmt: skip

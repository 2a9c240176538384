"""Predicted numbers beside the true ones, and their errors under any weighting of the patients."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from tsrep.array_files import read_arrays, write_arrays
from tsrep.errors import DataError, RunError
from tsrep.evaluation.arrays import Array
from tsrep.evaluation.bootstrap import Resampled, positive_interval, resampled_by
from tsrep.signals.panel import Ints

Key = tuple[str, str, float, str, str, str]  # method, protocol, fraction, subsample_by, part, target
_FIELDS = ("predicted", "true", "patient", "trial")
METRICS = ("mae", "rmse", "r2", "pearson", "slope", "bias")


@dataclass(frozen=True, eq=False)
class Values:
    """Predicted and true numbers of some units, in the unit of the target.

    Attributes
    ----------
    predicted, true : float64 arrays, shape (unit,)
    patient, trial : int64 arrays, shape (unit,)
        ``trial`` is the record that a window was cut from.
    """

    predicted: Array
    true: Array
    patient: Ints
    trial: Ints

    def __post_init__(self) -> None:
        if self.predicted.shape != self.true.shape or self.true.ndim != 1:
            raise DataError(
                f"predictions of shape {self.predicted.shape} for true values of shape {self.true.shape}; "
                "give one number for each"
            )
        if not np.isfinite(self.predicted).all():
            bad = int(np.flatnonzero(~np.isfinite(self.predicted))[0])
            raise DataError(f"prediction {bad} is {self.predicted[bad]}; look at the head and its features")

    def __len__(self) -> int:
        return len(self.true)

    def by_record(self) -> Values:
        """Means over the windows of each record, in the order of their numbers."""
        trials, first, inverse, count = np.unique(
            self.trial, return_index=True, return_inverse=True, return_counts=True
        )
        predicted, true = (np.bincount(inverse, each) / count for each in (self.predicted, self.true))
        return Values(predicted, true, self.patient[first], trials)


def mean_values(values: Sequence[Values]) -> Values:
    """Predictions averaged over seeds, for figures; all of the same units in the same order."""
    first = values[0]
    predicted = np.stack([each.predicted for each in values]).mean(axis=0)
    return Values(np.asarray(predicted), first.true, first.patient, first.trial)


def save_values(path: Path, values: Mapping[Key, Values]) -> None:
    """Write predicted numbers by their keys to an ``.npz`` file, atomically."""
    arrays: dict[str, Array] = {"keys": np.array(json.dumps(list(values)))}
    for number, entry in enumerate(values.values()):
        arrays |= {f"{number}.{name}": getattr(entry, name) for name in _FIELDS}
    write_arrays(path, **arrays)


def load_values(path: Path) -> dict[Key, Values]:
    """Read what :func:`save_values` wrote.

    Raises
    ------
    RunError
        When the file is not readable as predicted numbers.
    """
    try:
        stored = read_arrays(path)
        keys = json.loads(str(stored["keys"]))
        return {
            (method, protocol, float(fraction), by, part, target): Values(
                *(stored[f"{i}.{name}"] for name in _FIELDS)
            )
            for i, (method, protocol, fraction, by, part, target) in enumerate(keys)
        }
    except (OSError, ValueError, KeyError, TypeError, DataError) as error:
        raise RunError(
            f"{path} is not readable as predicted numbers; remove it and evaluate again"
        ) from error


def resampled_values(values: Sequence[Values], *, n_bootstrap: int, seed: int) -> Resampled:
    """All errors of every seed, on the patients as they are and on resamples of them."""
    patients = np.unique(values[0].patient)
    scorers = [Errors(each, np.searchsorted(patients, each.patient)) for each in values]
    return resampled_by(scorers, len(patients), n_bootstrap=n_bootstrap, seed=seed, form=positive_interval)


class Errors:
    """Errors of fixed predictions.

    ``mae`` and ``rmse`` are mean absolute and root mean squared error; ``r2`` is relative to the mean of the
    scored units, and negative where that predicts better; ``pearson`` is the correlation; ``slope`` is that
    of the prediction on the true value, below 1 where predictions shrink towards the mean; ``bias`` is the
    mean of prediction minus true value.

    Parameters
    ----------
    values : Values
    patient : int64 array, shape (unit,)
        Numbers from 0 on.
    """

    names = METRICS

    def __init__(self, values: Values, patient: Ints) -> None:
        error = values.predicted - values.true
        # squares of a large offset would leave no digits for the spread
        true, predicted = values.true - values.true.mean(), values.predicted - values.predicted.mean()
        terms = {
            "n": np.ones(len(values)), "absolute": np.abs(error), "error": error, "square": error**2,
            "t": true, "tt": true**2, "p": predicted, "pp": predicted**2, "tp": true * predicted,
        }  # fmt: skip
        self._patients = int(patient.max()) + 1
        self._sums = {name: np.bincount(patient, term, self._patients) for name, term in terms.items()}

    @property
    def freedom(self) -> dict[str, float]:
        """One less than patients."""
        return dict.fromkeys(self.names, float(max(self._patients - 1, 1)))

    def __call__(self, weight: Array) -> dict[str, Array]:
        """Every metric for weights of patients.

        Parameters
        ----------
        weight : float64 array, shape (patient, weighting)

        Returns
        -------
        dict of float64 arrays, shape (weighting,)
            NaN where predictions or true values do not vary.
        """
        total = {name: sums @ weight for name, sums in self._sums.items()}
        n = total.pop("n")
        mean = {name: each / n for name, each in total.items()}
        tt, pp = mean["tt"] - mean["t"] ** 2, mean["pp"] - mean["p"] ** 2
        tp = mean["tp"] - mean["t"] * mean["p"]
        tt, pp = (
            np.where(each > 1e-12 * mean[name].clip(1e-12), each, np.nan)
            for each, name in ((tt, "tt"), (pp, "pp"))
        )
        return {
            "mae": mean["absolute"],
            "rmse": np.sqrt(mean["square"]),
            "r2": 1 - mean["square"] / tt,
            "pearson": (tp / np.sqrt(tt * pp)).clip(-1, 1),
            "slope": tp / tt,
            "bias": mean["error"],
        }

    def resampled(self, weight: Array) -> dict[str, Array]:
        """The same, spread around the value of equal weights as over new patients.

        A mean over ``n`` patients varies under such weights by ``(n - 1) / (n + 1)`` of the variance that it
        has over new ones.
        """
        n = max(self._patients, 2)
        factor = np.sqrt((n + 1) / (n - 1))
        return {name: self._once[name] + factor * (v - self._once[name]) for name, v in self(weight).items()}

    @cached_property
    def _once(self) -> dict[str, Array]:
        return self(np.ones((self._patients, 1)))

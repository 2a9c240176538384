"""Prediction sets with a stated coverage."""

from __future__ import annotations

from tsrep.evaluation.arrays import Array
from tsrep.evaluation.heads.facts import Facts


class PredictionSets(Facts):
    """Sets of classes that hold all classes of a record of a new patient with a stated probability.

    Attributes
    ----------
    coverage : float
        That is stated.
    least : float
        A class is in the set from this uncalibrated probability of the record on.
    records, patients : int
        That it rests on, of the validation part.
    """

    coverage: float
    least: float
    records: int
    patients: int

    def __call__(self, scores: Array) -> Array:
        """Flags of the classes in each set, shape (record, class), of uncalibrated probabilities."""
        flags: Array = scores >= self.least
        return flags

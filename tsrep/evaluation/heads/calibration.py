"""Calibration of the probabilities of records."""

from __future__ import annotations

from tsrep.evaluation.arrays import Array
from tsrep.evaluation.heads.facts import Facts


class Calibration(Facts):
    """Fitted calibration; see :func:`fit_calibration`."""

    def __call__(self, prob: Array) -> Array:
        """Calibrated probabilities, shape (record, class), of those of records."""
        return prob

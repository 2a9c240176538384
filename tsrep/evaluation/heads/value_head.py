"""A head for a number, such as age: values of recordings in their unit, with an interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from tsrep.errors import RunError
from tsrep.evaluation.arrays import Array
from tsrep.evaluation.heads.facts import Facts
from tsrep.evaluation.heads.kept_head import Cell, ColumnKind, KeptHead
from tsrep.evaluation.heads.prediction_sets import conformal_bound
from tsrep.signals.panel import Ints


class ValueInterval(Facts):
    """An interval around predicted values that holds the true one with a stated probability.

    Attributes
    ----------
    coverage : float
        That is stated: in so many of a hundred new patients, whose records weigh alike, it holds the value.
    margin : float
        To both sides, in the unit of the number.
    records, patients : int
        That it rests on.
    """

    coverage: float
    margin: float
    records: int
    patients: int


def fit_interval(predicted: Array, true: Array, patient: Ints, coverage: float) -> ValueInterval | None:
    """An interval by split conformal inference over patients that nothing was fitted on.

    Parameters
    ----------
    predicted, true : float64 arrays, shape (record,)
    patient : int64 array, shape (record,)
    coverage : float

    Returns
    -------
    ValueInterval or None
        None where there are too few patients: it takes ``coverage / (1 - coverage)`` of them.

    References
    ----------
    Lei et al., "Distribution-free predictive inference for regression", JASA 113, 2018 (absolute residuals);
    Lee, Barber & Willett, "Distribution-free inference with hierarchical data", 2023, section 3.2 (patients).
    """
    margin = conformal_bound(np.abs(predicted - true), patient, coverage)
    if margin is None:
        return None
    return ValueInterval(
        coverage=coverage, margin=margin, records=len(true), patients=len(np.unique(patient))
    )


@dataclass(frozen=True, eq=False, kw_only=True)
class ValueHead(KeptHead):
    """What turns features of an encoder into a number; values of windows are averaged.

    Attributes
    ----------
    target, unit : str
        What is predicted, such as ``"age"`` in ``"years"``.
    interval : ValueInterval or None
    """

    predicts = "value"
    target: str
    unit: str = ""
    interval: ValueInterval | None = None

    @property
    def question(self) -> str:
        """See :attr:`KeptHead.question`."""
        return self.target

    @property
    def answers(self) -> str:
        """See :attr:`KeptHead.answers`."""
        return self.target + (f" ({self.unit})" if self.unit else "")

    @property
    def quality(self) -> float:
        """Minus the mean absolute error; see :attr:`KeptHead.quality`."""
        found = None if self.validation is None else self.validation.metrics["mae"].value
        return -math.inf if found is None else -found

    def facts(self) -> dict[str, Any]:
        """See :meth:`KeptHead.facts`."""
        return {name: getattr(self, name) for name in ("target", "unit", "interval")}

    def of_classes(self) -> NoReturn:
        """See :meth:`KeptHead.of_classes`."""
        raise RunError(
            f"head {self.name} predicts {self.answers}, a number, and this takes a head for classes; name "
            "one with --head, or fit one with: tsrep evaluate RUN -p probe"
        )

    def values(self, features: Array, record: Sequence[int] | Ints | None = None) -> Array:
        """Values of records, shape (record,); see :meth:`KeptHead.scores`."""
        found: Array = self.scores(features, record)[:, 0]
        return found

    def columns(self, *, probabilities: bool) -> dict[str, ColumnKind]:
        """See :meth:`KeptHead.columns`."""
        del probabilities
        ends: dict[str, ColumnKind] = {} if self.interval is None else {"low": "number", "high": "number"}
        return {"prediction": "number", "unit": "text", **ends}

    def window_columns(self, *, probabilities: bool) -> dict[str, ColumnKind]:
        """See :meth:`KeptHead.window_columns`."""
        del probabilities
        return {"prediction": "number", "unit": "text"}

    def cells(self, outputs: Array, *, calibrated: bool) -> dict[str, Cell]:
        """See :meth:`KeptHead.cells`."""
        del calibrated
        if not len(outputs):
            return {"unit": self.unit}
        value = float(self.by_record(outputs, np.zeros(len(outputs), np.int64))[0, 0])
        margin = math.nan if self.interval is None else self.interval.margin
        return {"prediction": value, "unit": self.unit, "low": value - margin, "high": value + margin}

    def window_cells(
        self, outputs: Array, *, probabilities: bool, calibrated: bool
    ) -> Sequence[Sequence[Cell]]:
        """See :meth:`KeptHead.window_cells`."""
        del probabilities, calibrated
        return [[value, self.unit] for value in outputs[:, 0].tolist()]

"""A head for classes: from the features of windows to class probabilities and decisions of recordings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tsrep.evaluation.arrays import Array
from tsrep.evaluation.heads.calibration import Calibration
from tsrep.evaluation.heads.kept_head import Cell, ColumnKind, KeptHead
from tsrep.evaluation.heads.prediction_sets import PredictionSets
from tsrep.evaluation.heads.thresholds import Thresholds
from tsrep.evaluation.labels.aggregate import aggregated
from tsrep.signals.panel import Ints


@dataclass(frozen=True, eq=False, kw_only=True)
class Head(KeptHead):
    """What turns features of an encoder into probabilities and decisions.

    Attributes
    ----------
    classes : tuple of str
    multilabel : bool
        Whether a record can have several classes.
    calibration : Calibration or None
        Of the probabilities of records.
    thresholds : Thresholds or None
        On calibrated probabilities; None is the most probable class, or one half where a record can have
        several.
    sets : PredictionSets or None
    """

    predicts = "classes"
    classes: tuple[str, ...]
    multilabel: bool
    calibration: Calibration | None = None
    thresholds: Thresholds | None = None
    sets: PredictionSets | None = None

    question = ""

    @property
    def answers(self) -> str:
        """See :attr:`KeptHead.answers`."""
        return ", ".join(self.classes)

    @property
    def quality(self) -> float:
        """Macro AUROC; see :attr:`KeptHead.quality`."""
        found = None if self.validation is None else self.validation.metrics["auroc"].value
        return -math.inf if found is None else found

    def facts(self) -> dict[str, Any]:
        """See :meth:`KeptHead.facts`."""
        return {
            name: getattr(self, name)
            for name in ("classes", "multilabel", "calibration", "thresholds", "sets")
        }

    def of_classes(self) -> Head:
        """See :meth:`KeptHead.of_classes`."""
        return self

    def by_record(self, outputs: Array, record: Ints) -> Array:
        """See :meth:`KeptHead.by_record`; those of exclusive classes add up to one."""
        return aggregated(outputs, record, self.aggregate, multilabel=self.multilabel)

    def predict_proba(self, features: Array, record: Sequence[int] | Ints | None = None) -> Array:
        """Calibrated probabilities of records; see :meth:`scores`."""
        return self.calibrated(self.scores(features, record))

    def calibrated(self, scores: Array) -> Array:
        """Calibrated probabilities, shape (record, class), of what :meth:`scores` gives."""
        return scores if self.calibration is None else self.calibration(scores)

    def labels(self, probabilities: Array) -> Array:
        """Decisions from calibrated probabilities, shape (record, class).

        Returns
        -------
        int64 array, shape (record,), or bool array, shape (record, class)
            The class, or where a record can have several a flag for each.
        """
        if self.thresholds is not None:
            return self.thresholds.decide(probabilities)
        if self.multilabel:
            return np.asarray(probabilities >= 0.5)
        return np.asarray(probabilities.argmax(axis=1))

    def names(self, probabilities: Array) -> list[str]:
        """Decisions in words, several classes joined by ``;``."""
        decided = self.labels(probabilities)
        if not self.multilabel:
            return [self.classes[each] for each in decided]
        return [";".join(np.array(self.classes, object)[flags]) for flags in decided]

    def prediction_sets(self, scores: Array) -> Array | None:
        """Flags of the classes in each record's set, shape (record, class), of what :meth:`scores` gives.

        None where the head has no prediction sets.
        """
        return None if self.sets is None else self.sets(scores)

    def columns(self, *, probabilities: bool) -> dict[str, ColumnKind]:
        """See :meth:`KeptHead.columns`."""
        sets: dict[str, ColumnKind] = {} if self.sets is None else {"set": "text"}
        return {"prediction": "text", **sets, **self._probabilities(probabilities)}

    def window_columns(self, *, probabilities: bool) -> dict[str, ColumnKind]:
        """See :meth:`KeptHead.window_columns`."""
        return self._probabilities(probabilities) or {"prediction": "text"}

    def _probabilities(self, wanted: bool) -> dict[str, ColumnKind]:
        return {f"p_{name}": "number" for name in self.classes} if wanted else {}

    def cells(self, outputs: Array, *, calibrated: bool) -> dict[str, Cell]:
        """See :meth:`KeptHead.cells`; decisions always rest on calibrated probabilities."""
        if not len(outputs):
            return {"prediction": "", "set": ""}
        scores = self.by_record(outputs, np.zeros(len(outputs), np.int64))
        prob = self.calibrated(scores)
        cells: dict[str, Cell] = {"prediction": self.names(prob)[0]}
        if (flags := self.prediction_sets(scores)) is not None:
            cells["set"] = ";".join(np.array(self.classes, object)[flags[0]])
        shown = (prob if calibrated else scores)[0]
        return cells | {f"p_{name}": float(p) for name, p in zip(self.classes, shown, strict=True)}

    def window_cells(
        self, outputs: Array, *, probabilities: bool, calibrated: bool
    ) -> Sequence[Sequence[Cell]]:
        """See :meth:`KeptHead.window_cells`."""
        prob = self.calibrated(outputs)
        if not probabilities:
            return [[name] for name in self.names(prob)]
        rows: list[list[Cell]] = (prob if calibrated else outputs).tolist()
        return rows

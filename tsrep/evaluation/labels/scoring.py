"""From predictions to scores in both units, windows and records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from tsrep.evaluation.bootstrap import Resampled, paired_difference, resample
from tsrep.evaluation.labels.aggregate import by_record, is_by_record
from tsrep.evaluation.labels.evaluation import LabelEvaluation
from tsrep.evaluation.labels.metrics import classes_scored
from tsrep.evaluation.predictions import Predictions, mean_predictions
from tsrep.evaluation.scores import Role, Score, Scores
from tsrep.signals.panel import Ints


@dataclass(eq=False)
class Scoring:
    """Scores of methods under one protocol with one draw of labels, paired with the control scored before.

    Parameters
    ----------
    evaluation : LabelEvaluation
    protocol, metric : str
        Name of the protocol and of its primary metric.
    fraction : float
    subsample_by : str
    labelled : sequence of int64 arrays
        Samples whose labels are used, for each seed.
    """

    evaluation: LabelEvaluation
    protocol: str
    metric: str
    fraction: float
    subsample_by: str
    labelled: Sequence[Ints]
    _control: dict[str, Resampled] = field(default_factory=dict, init=False)
    _against: str = field(default="", init=False)

    def __post_init__(self) -> None:
        patients = [len(np.unique(self.evaluation.panel.patient[index])) for index in self.labelled]
        self.details = {
            "labelled": float(np.mean(list(map(len, self.labelled)))),
            "labelled_patients": float(np.mean(patients)),
        }

    def of(self, method: str, role: Role, predictions: Sequence[Predictions]) -> Scores:
        """Scores per record and, where records have several windows, per window.

        Parameters
        ----------
        method, role : str
        predictions : sequence of Predictions
            One for each seed, of the same units.

        Raises
        ------
        DataError
            When predictions are missing, contradictory or not finite.
        """
        e = self.evaluation
        units = {"record": [by_record(each, e.aggregate) for each in predictions]}
        if not all(map(is_by_record, predictions)):
            units["window"] = list(predictions)
        own = {unit: resample(u, n_bootstrap=e.n_bootstrap, seed=e.seed) for unit, u in units.items()}
        scores = tuple(self._score(method, role, unit, units[unit][0], own[unit]) for unit in units)
        if role == "control":
            self._control, self._against = own, method
        if self.fraction < max(e.fractions):
            return Scores(scores)
        return Scores(scores, {scores[0].key: mean_predictions(units["record"])})

    def _score(self, method: str, role: Role, unit: str, one: Predictions, own: Resampled) -> Score:
        paired = role == "method" and unit in self._control
        return Score(
            method=method,
            role=role,
            protocol=self.protocol,
            metric=self.metric,
            part=self.evaluation.part,
            unit=unit,
            n=len(one),
            seeds=own.seeds,
            metrics=own.intervals(),
            spread=own.spread,
            by_seed=own.by_seed,
            fraction=self.fraction,
            subsample_by=self.subsample_by,
            patients=len(np.unique(one.patient)),
            classes_scored=classes_scored(one.target, one.prob.shape[1]),
            n_bootstrap=self.evaluation.n_bootstrap,
            against=self._against if paired else "",
            difference=paired_difference(own, self._control[unit]) if paired else {},
            details=self.details,
        )

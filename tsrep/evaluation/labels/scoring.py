"""From predictions to scores in both units, windows and records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tsrep.evaluation.bootstrap import LABEL_DRAWS, Resampled
from tsrep.evaluation.difference import (
    RANDOM_INITS,
    TRAINING_SEEDS,
    Difference,
    difference_from_random,
    paired_difference,
)
from tsrep.evaluation.labels.evaluation import LabelEvaluation, draw_name
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
    paired : bool
        Whether every seed has a draw of labels and a random initialisation of its own.
    """

    evaluation: LabelEvaluation
    protocol: str
    metric: str
    fraction: float
    subsample_by: str
    labelled: Sequence[Ints]
    paired: bool = False
    _control: dict[str, Resampled] = field(default_factory=dict, init=False)
    _against: str = field(default="", init=False)

    def __post_init__(self) -> None:
        patients = [len(np.unique(self.evaluation.panel.patient[index])) for index in self.labelled]
        self.details = {
            "labelled": float(np.mean(list(map(len, self.labelled)))),
            "labelled_patients": float(np.mean(patients)),
        }

    @property
    def different(self) -> Sequence[Ints]:
        """The draws of labels that differ: all labels are the same labels for every seed."""
        return self.labelled if self.fraction < 1 else self.labelled[:1]

    def draw(self, seed: int) -> str:
        """Name of a draw of labels."""
        return draw_name(self.fraction, self.subsample_by, self.evaluation.seed + seed)

    @property
    def told(self) -> str:
        """Fraction and unit of the draw as messages say it, with the labels that were drawn."""
        by = f" by {self.subsample_by}" if self.fraction < 1 else ""
        return f"{100 * self.fraction:g} % of labels{by} ({self.details['labelled']:,.0f} samples)"

    def of(
        self,
        method: str,
        role: Role,
        predictions: Sequence[Any],
        *,
        encoders: int = 1,
        draws: int | None = None,
    ) -> Scores:
        """Scores per record and, where records have several windows, per window.

        Parameters
        ----------
        method, role : str
        predictions : sequence of Predictions or Values
            One for each seed, of the same units; what the evaluation's ``predictions`` gives.
        encoders : int
            How many encoders they are of; with one, seeds are draws of labels.
        draws : int, optional
            Every so many predictions that follow each other are of one encoder on other draws of labels; they
            count as one seed. By default each seed has a draw of its own.

        Raises
        ------
        DataError
            When predictions are missing, contradictory or not finite.
        """
        e = self.evaluation
        units = {"record": list(map(e.by_record, predictions))}
        if any(len(np.unique(each.trial)) < len(each) for each in predictions):
            units["window"] = list(predictions)
        every = {unit: e.resampled(own) for unit, own in units.items()}
        own = {unit: each if draws is None else each.crossed(draws) for unit, each in every.items()}
        kind = RANDOM_INITS if role == "control" else TRAINING_SEEDS if encoders > 1 else LABEL_DRAWS
        if role == "control":
            self._control, self._against = own, method
        gains = {unit: self._gain(each, unit, encoders) for unit, each in own.items() if role == "method"}
        scores = tuple(
            self._score(
                method,
                role,
                unit,
                units[unit][0],
                own[unit],
                gains.get(unit, {}),
                metrics=own[unit].intervals(),
                covers=own[unit].covers(kind),
            )
            for unit in units
        )
        if self.fraction < max(e.fractions):
            return Scores(scores)
        each = None if role != "method" else draws or (1 if encoders > 1 else len(predictions))
        return Scores(scores, **e.kept(scores[0], units["record"], each))

    def _gain(self, own: Resampled, unit: str, encoders: int) -> dict[str, Difference]:
        """Difference to the control, where one was scored before."""
        control = self._control.get(unit)
        if control is None:
            return {}
        if encoders > 1:
            return paired_difference(own, control)
        # seeds of one encoder are label draws; unless each has a control of its own, their mean counts
        return difference_from_random(own if self.paired else own.averaged(own.seeds), control)

    def _score(
        self,
        method: str,
        role: Role,
        unit: str,
        one: Any,
        own: Resampled,
        gain: dict[str, Difference],
        **intervals: Any,
    ) -> Score:
        return Score(
            method=method,
            role=role,
            protocol=self.protocol,
            metric=self.metric,
            part=self.evaluation.part,
            unit=unit,
            n=len(one),
            seeds=own.seeds,
            spread=own.spread,
            by_seed=own.by_seed,
            fraction=self.fraction,
            subsample_by=self.subsample_by,
            patients=len(np.unique(one.patient)),
            **self.evaluation.told_of(one),
            n_bootstrap=self.evaluation.n_bootstrap,
            against=self._against if gain else "",
            difference=gain,
            details=self.details,
            **intervals,
        )

"""The recordings of an evaluation as one of their targets sees them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from tsrep.errors import DataError
from tsrep.evaluation.arrays import Array
from tsrep.evaluation.bootstrap import Resampled
from tsrep.evaluation.heads.facts import FittedOn
from tsrep.evaluation.heads.making import Fitted
from tsrep.evaluation.heads.settings import HeadSettings
from tsrep.evaluation.heads.value_head import ValueHead
from tsrep.evaluation.labels.evaluation import LabelEvaluation
from tsrep.evaluation.scores import Score
from tsrep.evaluation.targets.making import made_value_head
from tsrep.evaluation.targets.values import Values, mean_values, resampled_values
from tsrep.signals.panel import Ints, Panel

DECILES = 10
MEAN = "mean value"


@dataclass(frozen=True, eq=False)
class TargetEvaluation(LabelEvaluation):
    """What protocols on numbers score: samples whose target is known.

    Draws of labels are stratified by its deciles.

    Attributes
    ----------
    column : int
        Number of the target.
    """

    column: int = 0

    @classmethod
    def of(cls, evaluation: LabelEvaluation, column: int) -> TargetEvaluation:
        """The evaluation of one target."""
        given = {each.name: getattr(evaluation, each.name) for each in fields(evaluation)}
        panel = in_deciles(evaluation.panel, column, evaluation.split.train)
        return cls(**(given | {"panel": panel}), column=column)

    @property
    def name(self) -> str:
        """Of the target, with its unit: ``age (years)``."""
        unit = self.panel.target_units[self.column]
        return self.panel.target_names[self.column] + (f" ({unit})" if unit else "")

    @property
    def notes(self) -> tuple[str, ...]:
        """How many samples are left out because the target is not known."""
        what = self.panel.target_names[self.column]
        out = [
            f"{n - known} of {n} in the {part} part" for part, (known, n) in self.counts.items() if known < n
        ]
        return (f"Samples without a known {what} are left out: {', '.join(out)}.",) if out else ()

    def refuse_unlabelled(self) -> None:
        """Check that every part that is used has known targets, and that those to learn from vary.

        Raises
        ------
        DataError
        """
        what = self.panel.target_names[self.column]
        for part, (known, samples) in self.counts.items():
            if samples and not known:
                raise DataError(
                    f"no {what} of the {part} part is known, of {samples} samples; give it samples with a "
                    "known target, or choose another target or split"
                )
        train = self.true(self.split.train[self.panel.labelled[self.split.train]])
        if len(train) and np.ptp(train) == 0:
            raise DataError(
                f"every known {what} of the training part is {train[0]:g}, so there is nothing to learn; "
                "choose another target"
            )

    def true(self, samples: Ints) -> Array:
        """True values of samples, float64."""
        assert self.panel.target is not None
        return np.asarray(self.panel.target[samples, self.column], np.float64)

    def predictions(self, prob: Array, samples: Ints | None = None) -> Any:
        """Predicted values of samples, by default the scored ones, beside the true ones."""
        at = self.scored if samples is None else samples
        return Values(
            np.asarray(prob, np.float64), self.true(at), self.panel.patient[at], self.panel.trial[at]
        )

    @property
    def baseline(self) -> str:
        """See :attr:`LabelEvaluation.baseline`."""
        return MEAN

    def of_baseline(self, labelled: Ints) -> Any:
        """The mean over training patients, each weighing alike, as everybody's value."""
        mean = center_of(self.true(labelled), self.panel.patient[labelled])[0]
        return self.predictions(np.full(len(self.scored), mean))

    def by_record(self, windows: Any) -> Any:
        """See :meth:`LabelEvaluation.by_record`."""
        return windows.by_record()

    def resampled(self, predictions: Sequence[Any]) -> Resampled:
        """See :meth:`LabelEvaluation.resampled`."""
        return resampled_values(predictions, n_bootstrap=self.n_bootstrap, seed=self.seed)

    def kept(self, score: Score, records: Sequence[Any], draws: int | None) -> dict[str, Any]:
        """See :meth:`LabelEvaluation.kept`; the mean alone."""
        del draws
        return {"values": {(*score.key, score.target): mean_values(records)}}

    def head_of(self, fitted: Fitted, predictions: Any, facts: FittedOn, settings: HeadSettings) -> ValueHead:
        """See :meth:`LabelEvaluation.head_of`; no classes were counted."""
        return made_value_head(
            fitted,
            predictions,
            facts.model_copy(update={"class_counts": ()}),
            target=self.panel.target_names[self.column],
            unit=self.panel.target_units[self.column],
            coverage=settings.coverage,
            part=self.part,
            n_bootstrap=self.n_bootstrap,
            seed=self.seed,
        )

    def told_of(self, records: Any) -> dict[str, Any]:
        """See :meth:`LabelEvaluation.told_of`."""
        del records
        return {"target": self.name}


def in_deciles(panel: Panel, column: int, train: Ints) -> Panel:
    """The panel with the decile of a target, among training samples, in place of its labels."""
    assert panel.target is not None
    value = panel.target[:, column].astype(np.float64)
    known = np.isfinite(value)
    if panel.target_known is not None:
        known &= panel.target_known[:, column]
    seen = value[train[known[train]]]
    edges = np.quantile(seen, np.arange(1, DECILES) / DECILES) if len(seen) else np.zeros(0)
    decile = np.searchsorted(edges, np.where(known, value, 0), side="right").astype(np.int64)
    return replace(panel, label=decile, known=known, classes=tuple(str(k + 1) for k in range(DECILES)))


def center_of(true: Array, patient: Ints) -> tuple[float, float]:
    """Mean and standard deviation of a target over patients, who weigh alike."""
    _, inverse, count = np.unique(patient, return_inverse=True, return_counts=True)
    weight = 1 / count[inverse]
    mean = float(np.average(true, weights=weight))
    return mean, float(np.sqrt(np.average((true - mean) ** 2, weights=weight)))

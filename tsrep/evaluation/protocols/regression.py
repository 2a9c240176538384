"""Prediction of numbers, such as age: a ridge on frozen features, beside the mean value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from tsrep.errors import ConfigError
from tsrep.evaluation.candidate import Candidate
from tsrep.evaluation.heads.head import Head
from tsrep.evaluation.labels.evaluation import LabelEvaluation
from tsrep.evaluation.labels.linear_probe import refuse_infinite
from tsrep.evaluation.protocols.labels import LabelProtocol
from tsrep.evaluation.scores import Scores
from tsrep.evaluation.targets.evaluation import TargetEvaluation
from tsrep.evaluation.targets.ridge import fit_ridge
from tsrep.registry import PROTOCOLS, nearest
from tsrep.signals.panel import Ints, Panel

Targets = Annotated[tuple[str, ...], Field(min_length=1)] | None
Penalties = Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(min_length=1)]
GRID: tuple[float, ...] = tuple(float(f"{each:.6g}") for each in np.logspace(-3, 3, 13))


def columns_of(panel: Panel, targets: Sequence[str] | None) -> list[int]:
    """Numbers of the targets that are scored; of all where none is named.

    Raises
    ------
    ConfigError
        When the data have no targets, or none of such a name.
    """
    names = panel.target_names
    if not names:
        raise ConfigError(
            f"{panel.source or 'the data set'} has no numbers to predict; name some in dataset.targets, such "
            "as age, or score classes by the protocol probe"
        )
    odd = next((name for name in targets or () if name not in names), None)
    if odd is not None:
        raise ConfigError(f"there is no target {odd!r}; {nearest(odd, list(names))}")
    return [names.index(name) for name in targets or names]


class TargetProtocol(LabelProtocol):
    """A protocol that fits on numbers, one target after the other."""

    metric, reads_classes = "mae", False
    targets: Targets = None

    def refuse_unfit(self, evaluation: LabelEvaluation) -> None:
        """See :meth:`Protocol.refuse_unfit`."""
        for column in columns_of(evaluation.panel, self.targets):
            TargetEvaluation.of(evaluation, column).refuse_unlabelled()

    def evaluate(
        self, candidates: Sequence[Candidate], evaluation: LabelEvaluation
    ) -> tuple[Scores, Head | None]:
        """See :meth:`LabelProtocol.evaluate`; for each target."""
        scores = Scores()
        for column in columns_of(evaluation.panel, self.targets):
            scores += super().evaluate(candidates, TargetEvaluation.of(evaluation, column))[0]
        return scores, None


@PROTOCOLS.register("regression")
class RidgeRegression(TargetProtocol):
    """Ridge regression of the targets on frozen features.

    Errors are in the unit of the target, per record and per window, with intervals over patients. The
    baseline says the mean over training patients for everybody.

    Parameters
    ----------
    targets : tuple of str or None
        Which of the data set's targets; None takes all.
    penalties : tuple of float
        Tried, on standardised features and for each training sample; the least mean absolute error on
        validation patients decides, and where these are scored five folds of the training patients.
    """

    title, rank = "ridge on frozen features", 40

    def __init__(self, targets: Targets = None, penalties: Penalties = GRID) -> None:
        self.targets, self.penalties = targets, penalties

    def predict(
        self, candidate: Candidate, seed: int, labelled: Ints, evaluation: Any, draw: str, *, keep: bool
    ) -> tuple[Any, None]:
        """See :meth:`LabelProtocol.predict`; nothing is kept."""
        del keep
        x, held = evaluation.features(candidate, seed, draw), evaluation.choosing
        refuse_infinite(x)
        ridge = fit_ridge(
            x[labelled],
            evaluation.true(labelled),
            self.penalties,
            group=evaluation.panel.patient[labelled],
            validation=None if held is None else (x[held], evaluation.true(held)),
        )
        return evaluation.predictions(ridge.predict(x[evaluation.scored])), None

"""From matched predictions to scores, scores of single classes, and contrasts with controls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tsrep.evaluation.bootstrap import Resampled, resample
from tsrep.evaluation.comparison import holm
from tsrep.evaluation.difference import TRAINING_SEEDS, Difference, difference_from_random, paired_difference
from tsrep.evaluation.labels.metrics import classes_scored
from tsrep.evaluation.predictions import Key, Predictions, mean_predictions
from tsrep.evaluation.scores import Score, Scores
from tsrep.runs.score_file.decisions import DECISIONS, Decide
from tsrep.runs.score_file.numbers import NumberResampling
from tsrep.runs.score_file.result import MACRO, ClassScore, Contrast

BY_CLASS = ("auroc", "auprc")
PROTOCOL, TITLE, PART = "predictions", "predictions as given", "given"
NO_PATIENTS = "Records were resampled as if each were of another patient, so intervals may be too narrow."
Methods = Mapping[str, Sequence[Predictions]]  # the method first, then its controls; one for each seed


@dataclass(frozen=True)
class Resampling:
    """How methods are scored.

    Attributes
    ----------
    metric : str
        On which contrasts rest.
    unit : {"record", "window"}
    patients : bool
        Whether patients are known.
    decide : callable, optional
        From predictions to decisions as probabilities of 0 and 1; by default the most probable class is
        decided on, or where a record can have several each with at least one half.
    n_bootstrap, seed : int
    """

    metric: str
    unit: str = "record"
    patients: bool = True
    decide: Decide | None = None
    n_bootstrap: int = 1000
    seed: int = 0

    def __call__(self, predictions: Sequence[Predictions], names: Sequence[str] | None = None) -> Resampled:
        """One method, with predictions for each seed."""
        found = resample(predictions, n_bootstrap=self.n_bootstrap, seed=self.seed, names=names)
        if self.decide is not None and names is None:
            hard = list(map(self.decide, predictions))
            own = [name for name in DECISIONS if name in found.draws]
            other = resample(hard, n_bootstrap=self.n_bootstrap, seed=self.seed, names=own)
            found = replace(
                found,
                by_seed=found.by_seed | other.by_seed,
                draws=found.draws | other.draws,
                freedom=found.freedom | other.freedom,
            )
        return found if self.patients else replace(found, over="records")

    def told_of(self, first: Predictions) -> dict[str, Any]:
        """Attributes of a score that follow from what was predicted."""
        return {"classes_scored": classes_scored(first.target, first.prob.shape[1])}

    def kept(self, key: Key, predictions: Sequence[Predictions]) -> dict[str, Any]:
        """What is kept of the predictions of every seed, as attributes of scores."""
        return {"predictions": {key: mean_predictions(predictions, draws=1)}}


def score_methods(
    methods: Mapping[str, Sequence[Any]], how: Resampling | NumberResampling
) -> tuple[Scores, dict[str, Difference]]:
    """Scores of the method and its controls, and by control the difference of the metric."""
    found = {name: how(predictions) for name, predictions in methods.items()}
    first, *controls = found
    differences = {name: _difference(found[first], found[name], name) for name in controls}
    scores = [_score(name, methods[name], each, how) for name, each in found.items()]
    scores[1:] = [replace(score, role="control") for score in scores[1:]]
    for name in controls[:1]:
        scores[0] = replace(scores[0], against=name, difference=differences[name])
    kept = how.kept(scores[0].key, methods[first])
    return Scores(tuple(scores), **kept), {name: each[how.metric] for name, each in differences.items()}


def _difference(one: Resampled, two: Resampled, control: str) -> dict[str, Difference]:
    """Seeds go in pairs; a single model stands beside the distribution of the seeds of a control."""
    if one.seeds > 1 or two.seeds == 1:
        return paired_difference(one, two)
    covers = f"{one.over} and seeds of {control}"
    return {name: replace(each, covers=covers) for name, each in difference_from_random(one, two).items()}


def _score(
    name: str, predictions: Sequence[Any], found: Resampled, how: Resampling | NumberResampling
) -> Score:
    first = predictions[0]
    return Score(
        method=name,
        role="method",
        protocol=PROTOCOL,
        title=TITLE,
        metric=how.metric,
        part=PART,
        unit=how.unit,
        n=len(first),
        seeds=found.seeds,
        metrics=found.intervals(),
        spread=found.spread,
        by_seed=found.by_seed,
        covers=found.covers(TRAINING_SEEDS),
        patients=len(np.unique(first.patient)) if how.patients else 0,
        **how.told_of(first),
        n_bootstrap=how.n_bootstrap,
        notes=() if how.patients else (NO_PATIENTS,),
    )


def score_classes(
    methods: Methods, classes: Sequence[str], how: Resampling
) -> tuple[tuple[ClassScore, ...], dict[tuple[str, str], Difference]]:
    """Each class by itself, and by control and class the difference of the metric, where classes have it."""
    scores, differences = [], {}
    main, *controls = methods
    for c, name in enumerate(classes):
        alone = {method: [each.of_class(c) for each in of] for method, of in methods.items()}
        found = {method: how(of, BY_CLASS) for method, of in alone.items()}
        has = alone[main][0].target[:, 0]
        patients = len(np.unique(alone[main][0].patient[has])) if how.patients else 0
        metrics = {method: each.intervals() for method, each in found.items()}
        scores.append(ClassScore(name, int(has.sum()), patients, metrics))
        for control in controls if how.metric in BY_CLASS else ():
            differences[control, name] = _difference(found[main], found[control], control)[how.metric]
    return tuple(scores), differences


def contrasts(
    macro: Mapping[str, Difference], by_class: Mapping[tuple[str, str], Difference], metric: str
) -> tuple[Contrast, ...]:
    """All differences to controls as one family, of which the first is the primary one."""
    rows = [(control, MACRO, difference) for control, difference in macro.items()]
    rows += [(control, name, difference) for (control, name), difference in by_class.items()]
    adjusted = holm([difference.p for *_, difference in rows], primary=0 if rows else None)
    return tuple(
        Contrast(control, of, metric, difference, float(p), i == 0)
        for i, ((control, of, difference), p) in enumerate(zip(rows, adjusted, strict=True))
    )

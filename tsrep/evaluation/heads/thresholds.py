"""Thresholds of decisions, chosen by a rule on validation patients, with the interval that they swing in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tsrep.evaluation.arrays import Array
from tsrep.evaluation.bootstrap import patient_weights
from tsrep.evaluation.heads.facts import Facts
from tsrep.evaluation.heads.rules import RULES, Counts, Rule
from tsrep.evaluation.labels.metrics import positives
from tsrep.evaluation.predictions import Predictions

FEWEST = 10  # records with and without a class for a threshold of its own


class Threshold(Facts):
    """From which calibrated probability on a class is decided on.

    Attributes
    ----------
    value : float
        Above every probability that was seen where deciding on the class never pays.
    rule : str
        That was applied: ``"f1"``, ``"sensitivity=0.95"``; ``"0.5"`` where the class had too few records.
    part : str
        That it was chosen on; empty for a value that was given.
    positives : int
        Records of that part with the class.
    low, high : float or None
        95 % interval over patients.
    too_few : bool
        Whether too few records have or lack the class to choose by the rule that was asked for.
    """

    value: float
    rule: str
    part: str = ""
    positives: int = 0
    low: float | None = None
    high: float | None = None
    too_few: bool = False


class Thresholds(Facts):
    """Thresholds by class.

    Attributes
    ----------
    classes : tuple of Threshold or None
        One for each class. Of two exclusive classes the second has one, and the first is decided on below it.
    """

    classes: tuple[Threshold | None, ...]

    def decide(self, probabilities: Array) -> Array:
        """Decisions from calibrated probabilities, shape (record, class).

        Returns
        -------
        bool array, shape (record, class), or int64 array, shape (record,), of exclusive classes
        """
        values = [each.value for each in self.classes if each is not None]
        if len(values) < len(self.classes):
            return (probabilities[:, 1] >= values[0]).astype(np.int64)
        return np.asarray(probabilities >= values)


def choose_thresholds(
    rule: Rule,
    records: Predictions,
    shares: Array,
    *,
    part: str = "validation",
    n_bootstrap: int = 1000,
    seed: int = 0,
) -> Thresholds:
    """Thresholds of all classes.

    Parameters
    ----------
    rule : Rule
    records : Predictions
        Calibrated probabilities of records of patients that nothing was fitted on.
    shares : float array, shape (class,)
        Of training samples with each class.
    part : str
        That the records are of.
    n_bootstrap, seed : int
        Bootstrap resamples of patients for intervals.
    """
    flags, first = positives(records.target, records.prob.shape[1]), 0 if records.multilabel else 1
    number = flags.sum(axis=0)
    asked = {
        c: _Falling.of(records.prob[:, c], flags[:, c], float(shares[c]))
        for c in range(first, flags.shape[1])
        if rule.name and min(number[c], len(flags) - number[c]) >= FEWEST
    }
    found = _swinging(rule, part, records, asked, n_bootstrap, seed)
    fixed = Threshold(value=rule.value, rule=rule.text)
    if rule.name:
        fixed = Threshold(value=0.5, rule="0.5", too_few=True)
    classes = [
        fixed.model_copy(update={"positives": int(n), **found.get(c, {})}) for c, n in enumerate(number)
    ]
    return Thresholds(classes=(*[None] * first, *classes[first:]))


def _swinging(
    rule: Rule,
    part: str,
    records: Predictions,
    asked: Mapping[int, _Falling],
    n_bootstrap: int,
    seed: int,
) -> dict[int, dict[str, Any]]:
    """Threshold with its rule and its interval over patients of each class that is asked for."""
    patients, group = np.unique(records.patient, return_inverse=True)
    once = np.ones((len(records), 1))
    found: dict[int, dict[str, Any]] = {
        c: {"value": float(each.at(rule, once)[0]), "rule": rule.text, "part": part, "too_few": False}
        for c, each in asked.items()
    }
    if not asked or len(patients) < 2:
        return found
    weights = patient_weights(len(patients), n_bootstrap, seed=seed)
    drawn = [[each.at(rule, weight[group]) for each in asked.values()] for weight in weights]
    ends: Array = np.quantile(np.concatenate(drawn, axis=1), [0.025, 0.975], axis=1)  # (end, class)
    for values, low, high in zip(found.values(), *ends.tolist(), strict=True):
        values |= {"low": low, "high": high}
    return found


@dataclass(frozen=True)
class _Falling:
    """A class with its records in falling order of their probability."""

    order: Array
    flags: Array
    last: Array
    values: Array
    share: float

    @classmethod
    def of(cls, prob: Array, flags: Array, share: float) -> _Falling:
        order = np.argsort(-prob, kind="stable")
        falling = prob[order]
        last = np.flatnonzero(np.append(falling[1:] < falling[:-1], True))  # of records with equal ones
        values = np.append(np.nextafter(falling[0], np.inf), falling[last])
        return cls(order, flags[order], last, values, share)

    def at(self, rule: Rule, weight: Array) -> Array:
        """Threshold for each weighting, of weights with shape (record, weighting)."""
        counts = _counts(self.flags, weight[self.order], self.last, self.share)
        return np.asarray(self.values[RULES[rule.name](counts, rule.value)])


def _counts(flags: Array, weight: Array, last: Array, share: float) -> Counts:
    """From weights, shape (record, weighting), of records in falling order of their probability."""
    hits, alarms = (
        np.concatenate([np.zeros((1, weight.shape[1])), np.cumsum(weight * kind[:, None], axis=0)[last]])
        for kind in (flags, ~flags)
    )
    return Counts(hits, alarms, hits[-1], alarms[-1], share)

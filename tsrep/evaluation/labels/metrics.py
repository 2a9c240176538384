"""Metrics of classification, for one weighting of the units or for thousands (the bootstrap).

One vocabulary for binary, multi-class and multi-label targets:

=============  ==================================================================================
accuracy       share of right decisions; multi-label: of all (unit, class) decisions, at 0.5
exact_match    multi-label only: share of units with every class right (subset accuracy)
precision,     macro average over the classes that occur among the targets or the decisions; a
recall, f1     class that is never decided on has precision 0 (scikit-learn, ``zero_division=0``)
auroc, auprc   macro one-vs-rest average over the classes with both values; ``auprc`` is the
               average precision (scikit-learn, without interpolation)
brier          half the squared distance to the one-hot target, 0 to 1, so that two classes give the
               usual binary score; multi-label: mean over the classes of the binary score
ece            expected calibration error in ``BINS`` equal bins; of the decided class's probability,
               multi-label: of all (unit, class) probabilities pooled
credit         where partial credit is asked for: see :class:`~tsrep.evaluation.labels.credit.Credit`
=============  ==================================================================================

Decisions are the most probable class, or for multi-label targets all classes with at least one half.
Binary targets are two classes: their two AUROC agree, their two average precisions are averaged, as
in the published evaluation of COMET. All sums are in float64.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np

from tsrep.errors import DataError
from tsrep.evaluation.arrays import Array
from tsrep.evaluation.labels.credit import Credit, scaled_credit
from tsrep.evaluation.labels.roc_sorting import RocSorting

METRICS = ("accuracy", "precision", "recall", "f1", "auroc", "auprc", "brier", "ece")
RANKINGS = frozenset({"auroc", "auprc"})
BINS = 15
Sorting = Callable[[Array], tuple[Array, Array]]  # of one class: AUROC and average precision
_TINY = np.finfo(np.float64).tiny


CREDIT = "credit"


def metric_names(multilabel: bool) -> tuple[str, ...]:
    """Names of all metrics for a kind of target."""
    return (METRICS[0], "exact_match", *METRICS[1:]) if multilabel else METRICS


def metrics(prob: Array, target: Array, known: Array | None = None) -> dict[str, float]:
    """All metrics of some predictions.

    Parameters
    ----------
    prob : array, shape (unit, class), probabilities
    target : int array, shape (unit,), or bool array, shape (unit, class)
    known : bool array, shape (unit, class), optional
        Which targets count.

    Returns
    -------
    dict
        NaN where a metric is not defined, such as the AUROC when no class has both values.

    Raises
    ------
    DataError
        When shapes disagree or a probability is not finite.
    """
    return _plain(Scorer(prob, target, known=known))


def auroc_of(prob: Array, target: Array, known: Array | None = None) -> float:
    """The macro AUROC alone of :func:`metrics`."""
    return _plain(Scorer(prob, target, known=known, names=("auroc",)))["auroc"]


def _plain(scorer: Scorer) -> dict[str, float]:
    return {name: float(value[0]) for name, value in scorer(np.ones((scorer.groups, 1))).items()}


def classes_scored(target: Array, classes: int, known: Array | None = None) -> int:
    """Number of classes that have both values among the known targets, and so enter the macro AUROC."""
    positive = positives(target, classes)
    known = np.ones_like(positive) if known is None else known
    return int(((positive & known).any(axis=0) & (~positive & known).any(axis=0)).sum())


def positives(target: Array, classes: int) -> Array:
    """Targets as flags, shape (unit, class)."""
    target = np.asarray(target)
    flags: Array = target.astype(bool) if target.ndim == 2 else np.eye(classes, dtype=bool)[target]
    return flags


def stated_probability(prob: Array, target: Array) -> tuple[Array, Array]:
    """Probabilities that were stated and whether they came true, shape (unit, statement).

    For single-label targets one statement a unit, about the decided class; for multi-label targets
    one for each class.
    """
    if np.ndim(target) == 2:
        return prob, np.asarray(target, bool)
    top = prob.argmax(axis=1)
    return prob[np.arange(len(prob)), top][:, None], (top == target)[:, None]


class Scorer:
    """Metrics of fixed predictions under any weighting of the units.

    Everything that does not depend on the weights (order of scores, decisions, sums within a group) is
    worked out once.

    Parameters
    ----------
    prob : array, shape (unit, class)
    target : int array, shape (unit,), or bool array, shape (unit, class)
    group : int64 array, shape (unit,), optional
        Units with one number share a weight, such as the units of a patient; default: each its own.
    names : sequence of str, optional
        Which metrics; default: all.
    known : bool array, shape (unit, class), optional
        Of targets of several classes those that count: each class is scored on the units that state it.
    credit : Credit, optional
        Adds its metric to the names; of targets of several classes.

    Raises
    ------
    DataError
        When shapes disagree or a probability is not finite.
    """

    def __init__(
        self,
        prob: Array,
        target: Array,
        group: Array | None = None,
        names: Sequence[str] | None = None,
        known: Array | None = None,
        credit: Credit | None = None,
    ) -> None:
        prob, target = np.asarray(prob, np.float64), np.asarray(target)
        _check(prob, target)
        self.multilabel = target.ndim == 2
        self.names = (*(names or metric_names(self.multilabel)), *([CREDIT] if credit else []))
        self._credit = credit
        self.classes = prob.shape[1]
        row = np.arange(len(prob)) if group is None else np.asarray(group)
        self.groups = int(row.max(initial=-1)) + 1
        self._row, self._sum = row, _RowSums(row, self.groups)
        self._prob, self._target, self._positive = prob, target, positives(target, self.classes)
        self._known = np.ones_like(self._positive) if known is None else known
        yes, no = self._outcomes
        self._both = np.flatnonzero(yes.any(axis=0) & no.any(axis=0))

    def __call__(self, weight: Array) -> dict[str, Array]:
        """Metrics for each weighting, shape (weighting,), NaN where not defined.

        Parameters
        ----------
        weight : float64 array, shape (group, weighting)
            Non-negative; integers stand for repeated units.
        """
        return {name: _nan_mean(values) for name, values in self._by_class(weight).items()}

    def resampled(self, weight: Array) -> dict[str, Array]:
        """Metrics for random weightings, spread as widely as those of new groups would be.

        Parameters
        ----------
        weight : float64 array, shape (group, weighting)
            Positive, the columns drawn from a flat Dirichlet distribution.

        Returns
        -------
        dict of float64 arrays, shape (weighting,)

        Notes
        -----
        A mean over ``n`` groups varies under such weights by ``(n - 1) / (n + 1)`` of the variance that it
        has over new groups. A class with few positives, or few negatives, varies as a mean over those few,
        so every class is spread by its own factor before classes are averaged.
        """
        spread = {}
        for name, values in self._by_class(weight).items():
            n = self._least(name)[:, None]
            centre = self._once[name]
            spread[name] = _nan_mean(centre + np.sqrt((n + 1) / (n - 1)) * (values - centre))
        return spread

    @cached_property
    def freedom(self) -> dict[str, float]:
        """Degrees of freedom of the variance of each metric over groups.

        Those of Welch and Satterthwaite for an average of classes whose variances fall with the number of
        groups of the rarer value: a class with two positive groups leaves one degree of freedom.
        """
        found = {}
        for name in self.names:
            n = self._least(name)[~np.isnan(self._once[name][:, 0])]
            n = n[:1] if self.classes == 2 and not self.multilabel else n  # one class and its opposite
            pooled = (1 / n).sum() ** 2 / ((1 / n) ** 2 / (n - 1)).sum() if len(n) else np.nan
            found[name] = float(np.minimum(pooled, max(self.groups - 1, 1)))
        return found

    @property
    def _outcomes(self) -> tuple[Array, Array]:
        """Which targets are positive, and which are negative, of those that count."""
        return self._positive & self._known, ~self._positive & self._known

    @cached_property
    def _rarer(self) -> Array:
        """Groups that have a unit with the rarer value, shape (class,)."""
        yes, no = ((self._sum(flags) > 0).sum(axis=0) for flags in self._outcomes)
        rarer: Array = np.minimum(yes, no)
        return rarer

    @cached_property
    def _once(self) -> dict[str, Array]:
        return self._by_class(np.ones((self.groups, 1)))

    def _least(self, name: str) -> Array:
        """Groups with the rarer value of each class, shape (class,), at least two."""
        of_classes = {"precision": self._rarer, "recall": self._rarer, "f1": self._rarer}
        of_classes |= {"auroc": self._rarer[self._both], "auprc": self._rarer[self._both]}
        return np.maximum(of_classes.get(name, np.array([self.groups])), 2).astype(float)

    def _by_class(self, weight: Array) -> dict[str, Array]:
        """Metrics before they are averaged, shape (class, weighting), or (1, weighting) of all classes."""
        values = self._ratios(weight) if set(self.names) - RANKINGS else {}
        if RANKINGS & set(self.names):
            curves = self._curves(weight)
            values["auroc"], values["auprc"] = curves[:, 0], curves[:, 1]
        return {name: values[name] for name in self.names}

    def _curves(self, weight: Array) -> Array:
        """AUROC and average precision, shape (class, 2, weighting)."""
        return np.array([each(weight) for each in self._sortings]).reshape(-1, 2, weight.shape[1])

    @cached_property
    def _sortings(self) -> list[Sorting]:
        """Of the classes with both values, on the units that state each."""
        units = ((c, self._known[:, c]) for c in self._both)
        return [RocSorting(self._prob[at, c], self._positive[at, c], self._row[at]) for c, at in units]

    def _ratios(self, weight: Array) -> dict[str, Array]:
        """The metrics that are ratios of sums, as of :meth:`_by_class`."""
        total = {name: sums.T @ weight for name, sums in self._sums.items()}
        with np.errstate(invalid="ignore", divide="ignore"):
            values = {name: total[name][:1] / total["decisions"][:1] for name in ("accuracy", "brier")}
            values["exact_match"] = total["exact_match"][:1] / total["units"][:1]
            values.update(_of_decisions(total["hit"], total["decided"], total["positive"]))
            values["ece"] = np.abs(total["stated"] - total["true"]).sum(axis=0)[None] / total["statements"]
        if self._credit is not None:
            values[CREDIT] = scaled_credit(*(total[name] for name in ("earned", "most", "inactive")))
        return values

    @cached_property
    def _sums(self) -> dict[str, Array]:
        """Sums over the units of each group, shape (group, k)."""
        prob, target, positive, known = self._prob, self._target, self._positive, self._known
        decided = prob >= 0.5 if self.multilabel else positives(prob.argmax(axis=1), self.classes)
        right = decided == positive
        exact = (right | ~known).all(axis=1, keepdims=True)
        distance = (known * (prob - positive) ** 2).sum(axis=1, keepdims=True)
        stated, true = stated_probability(prob, target)
        counts = known if self.multilabel else np.ones_like(stated)
        share = known.mean(axis=1, keepdims=True)  # of the classes, in which a unit is known
        per_unit = {
            "units": np.ones_like(distance),
            "decisions": share if self.multilabel else np.ones_like(distance),
            "accuracy": (right & known).mean(axis=1, keepdims=True) if self.multilabel else exact,
            "exact_match": exact,
            "brier": distance / (self.classes if self.multilabel else 2),
            "hit": decided & positive & known,
            "decided": decided & known,
            "positive": positive & known,
            "statements": counts.sum(axis=1, keepdims=True),
        }
        if self._credit is not None:
            per_unit |= self._credit.earned(positive & known, decided & known)
        sums = {name: self._sum(value) for name, value in per_unit.items()}
        sums["stated"], sums["true"] = sums_by_bin(
            stated, (stated * counts, true * counts), self._row, self.groups, BINS
        )
        return sums


def sums_by_bin(prob: Array, values: Sequence[Array], row: Array, groups: int, bins: int) -> list[Array]:
    """Sums of values, shape (unit, statement), by group and by bin of their probability, shape (group, bin).

    Bins are the equally wide ``[b / bins, (b + 1) / bins)``; a probability of 1 is in the last.
    """
    cell = row[:, None] * bins + np.clip((prob * bins).astype(np.int64), 0, bins - 1)
    sums = [np.bincount(cell.ravel(), value.ravel().astype(float), groups * bins) for value in values]
    return [each.reshape(groups, bins) for each in sums]


def _of_decisions(hit: Array, decided: Array, positive: Array) -> dict[str, Array]:
    """Precision, recall and F1 from counts, shape (class, weighting); NaN for a class that never occurs."""
    ratios = {
        "precision": hit / np.maximum(decided, _TINY),
        "recall": hit / np.maximum(positive, _TINY),
        "f1": 2 * hit / np.maximum(decided + positive, _TINY),
    }
    occurs = decided + positive > 0
    return {name: np.where(occurs, ratio, np.nan) for name, ratio in ratios.items()}


def _nan_mean(values: Array) -> Array:
    """Mean over the first axis of what is defined; NaN where nothing is."""
    count = (~np.isnan(values)).sum(axis=0)
    mean: Array = np.nansum(values, axis=0) / np.where(count > 0, count, np.nan)
    return mean


class _RowSums:
    """Sums over the units of each group, of values of shape (unit, k); shape (group, k)."""

    def __init__(self, row: Array, groups: int) -> None:
        self._order, self._groups = np.argsort(row, kind="stable"), groups
        self._present, self._starts = np.unique(row[self._order], return_index=True)

    def __call__(self, value: Array) -> Array:
        sums = np.zeros((self._groups, value.shape[1]))
        if len(self._present):
            sums[self._present] = np.add.reduceat(value[self._order], self._starts, axis=0, dtype=np.float64)
        return sums


def _check(prob: Array, target: Array) -> None:
    if prob.ndim != 2 or len(prob) != len(target) or (target.ndim == 2 and target.shape != prob.shape):
        raise DataError(
            f"probabilities of shape {prob.shape} do not fit targets of shape {target.shape}; "
            "give one row a unit and one column a class"
        )
    if not np.isfinite(prob).all():
        bad = int(np.flatnonzero(~np.isfinite(prob).all(axis=1))[0])
        raise DataError(
            f"the probability of unit {bad} is not finite; look at the model's outputs before scoring"
        )
    if target.ndim == 1 and len(target) and not 0 <= target.min() <= target.max() < prob.shape[1]:
        raise DataError(
            f"targets run from {target.min()} to {target.max()} but there are {prob.shape[1]} columns of "
            "probabilities; give one column for each class"
        )

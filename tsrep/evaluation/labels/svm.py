"""The classifiers of the UCR/UEA protocol: RBF SVM and logistic regression, ``C`` by cross-validation."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from scipy.special import softmax

from tsrep.errors import DataError
from tsrep.evaluation.arrays import Array
from tsrep.evaluation.heads.classifier import Classifier, Stored
from tsrep.evaluation.labels.linear_probe import Probe, fit_probe, refuse_infinite
from tsrep.registry import CLASSIFIERS
from tsrep.signals.panel import Ints

if TYPE_CHECKING:
    from sklearn.svm import SVC

HARD_MARGIN = 1e8
SVM_C = (*(10.0**k for k in range(-4, 5)), HARD_MARGIN)
LOGISTIC_C = (0.001, 0.01, 0.1, 1.0, 10.0)
LARGEST = 10_000
_FOLDS = 5
_CHUNK = 1024  # samples at a time, whose kernel with all support vectors is held
_ARRAYS = ("support", "of_class", "dual", "intercept", "present")
_LEAST = 50  # samples (or groups) below which nothing is chosen


@CLASSIFIERS.register("svm-rbf")
@dataclass(frozen=True, eq=False)
class RbfSvm(Classifier):
    """A fitted SVM, of its support vectors alone.

    Attributes
    ----------
    support : float64 array, shape (vector, feature)
        Support vectors, those of a class together; none where there was one class only.
    of_class : int64 array, shape (class with labels,)
        How many of them each class has.
    dual : float64 array, shape (class with labels - 1, vector)
        Coefficients, as in LIBSVM: in row ``j - 1`` those of class ``i`` against a later class ``j``, in row
        ``i`` those of class ``j``. Of two classes one row, for the second one.
    intercept : float64 array, shape (pair of classes,)
    present : int64 array, shape (class with labels,)
    classes : int
    gamma : float
        Of the kernel ``exp(-gamma |x - s|^2)``.
    C : float
        That was used.

    References
    ----------
    Chang & Lin, "LIBSVM: A library for support vector machines", ACM TIST 2, 2011, sections 4 and 7.
    """

    support: Array
    of_class: Ints
    dual: Array
    intercept: Array
    present: Ints
    classes: int
    gamma: float
    C: float

    @classmethod
    def of(cls, model: SVC, present: Ints, classes: int) -> RbfSvm:
        """From a fitted model of scikit-learn."""
        arrays = model.support_vectors_, model.n_support_.astype(np.int64), model.dual_coef_, model.intercept_
        return cls(*arrays, present, classes, float(model._gamma), float(model.C))

    @classmethod
    def of_one_class(cls, features: int, present: Ints, classes: int) -> RbfSvm:
        """That decides on the only class with labels."""
        nothing = np.zeros((0, features)), np.zeros(1, np.int64), np.zeros((0, 0)), np.zeros(0)
        return cls(*nothing, present, classes, 0.0, HARD_MARGIN)

    def predict(self, features: Array) -> Array:
        """Scores that add up to one, shape (sample, class); the largest is the class that the SVM decides on.

        They are no calibrated probabilities: accuracy and F1 are the metrics of this protocol.
        """
        prob = np.zeros((len(features), self.classes))
        if len(self.present) < 2:
            prob[:, self.present] = 1.0
            return prob
        pairs = self._pairs(np.asarray(features, np.float64))
        votes, decision = self._votes(pairs)
        prob[:, self.present] = softmax(decision, axis=1)
        return _deciding(prob, self.present[votes.argmax(axis=1)])

    def _pairs(self, x: Array) -> Array:
        """Decision of each pair of classes, shape (sample, pair), positive for the first one."""
        from scipy.spatial.distance import cdist

        weight = np.stack([self._weight(i, j) for i, j in self._each_pair()])  # (pair, vector)
        parts = [x[at : at + _CHUNK] for at in range(0, len(x), _CHUNK)]
        kernels = (np.exp(-self.gamma * cdist(part, self.support, "sqeuclidean")) for part in parts)
        found = [kernel @ weight.T for kernel in kernels]
        return np.concatenate([np.zeros((0, len(weight))), *found]) + self.intercept * self._sign

    def _each_pair(self) -> Iterator[tuple[int, int]]:
        return combinations(range(len(self.present)), 2)

    @property
    def _sign(self) -> float:
        return -1.0 if len(self.present) == 2 else 1.0

    def _weight(self, i: int, j: int) -> Array:
        """Coefficients of all support vectors for a pair of classes, shape (vector,)."""
        end = np.cumsum(self.of_class)
        weight = np.zeros(len(self.support))
        for one, other in ((i, j), (j, i)):
            own = slice(end[one] - self.of_class[one], end[one])
            weight[own] = self._sign * self.dual[other - (other > one), own]
        return weight

    def _votes(self, pairs: Array) -> tuple[Array, Array]:
        """Votes for each class by pairs, and decisions of one class against the rest; shape (sample, class).

        As in scikit-learn: votes, whose ties the sum of the decisions breaks.
        """
        if len(self.present) == 2:
            decision = np.concatenate([np.zeros_like(pairs), -pairs], axis=1)
            return np.concatenate([pairs > 0, pairs <= 0], axis=1).astype(float), decision
        votes, votes_or_even, confidence = np.zeros((3, len(pairs), len(self.present)))
        for k, (i, j) in enumerate(self._each_pair()):
            first = pairs[:, k] > 0
            votes[:, i] += first
            votes[:, j] += ~first
            votes_or_even[:, i] += pairs[:, k] >= 0
            votes_or_even[:, j] += pairs[:, k] < 0
            confidence[:, i] += pairs[:, k]
            confidence[:, j] -= pairs[:, k]
        return votes, votes_or_even + confidence / (3 * (np.abs(confidence) + 1))

    @property
    def records_held(self) -> int:
        """See :attr:`Classifier.records_held`."""
        return len(self.support)

    def stored(self) -> Stored:
        """See :meth:`Classifier.stored`."""
        settings = {"classes": self.classes, "gamma": self.gamma, "C": self.C}
        return Stored({name: getattr(self, name) for name in _ARRAYS}, settings)

    @classmethod
    def restored(cls, arrays: Mapping[str, Array], settings: Mapping[str, Any]) -> Self:
        """See :meth:`Classifier.restored`."""
        return cls(**{name: arrays[name] for name in _ARRAYS}, **settings)


def fit_svm(
    features: Array,
    label: Array,
    classes: int,
    *,
    group: Array | None = None,
    C: Sequence[float] = SVM_C,
    largest: int = LARGEST,
) -> RbfSvm:
    """Fit an RBF SVM as published for time-series representations.

    Parameters
    ----------
    features : array, shape (sample, feature)
        Of all labelled samples; they are not standardised.
    label : int array, shape (sample,)
    classes : int
    group : int array, shape (sample,), optional
        Samples of one group, such as a patient, stay in one fold; default: each its own.
    C : sequence of float
        Values tried; of equals in cross-validated accuracy the first is taken.
    largest : int
        More samples are thinned out to this number, class by class.

    Raises
    ------
    DataError
        When there are no samples, a feature is not finite, or the target is multi-label.

    Notes
    -----
    ``gamma`` is one over the number of features times their variance. With fewer than 50 samples, or
    fewer than 5 for each class on average, nothing is chosen and ``C`` is 1e8.

    References
    ----------
    The protocol of Yue et al., "TS2Vec", AAAI 2022, which Zheng et al., "AutoTCL", ICLR 2024, take over; a
    ``C`` of infinity is 1e8 here.
    """
    from sklearn.model_selection import GridSearchCV
    from sklearn.svm import SVC

    _check(features, label)
    index = _thinned(label, largest)
    x, y = np.asarray(features[index], np.float64), label[index]
    present = np.unique(y)
    if len(present) < 2:
        return RbfSvm.of_one_class(x.shape[1], present, classes)
    folds = label_folds(y, None if group is None else group[index])
    model = SVC(C=HARD_MARGIN, gamma="scale", random_state=0)
    if not folds:
        return RbfSvm.of(model.fit(x, y), present, classes)
    search = GridSearchCV(model, {"C": list(C)}, cv=folds, scoring="accuracy").fit(x, y)
    return RbfSvm.of(search.best_estimator_, present, classes)


def fit_logistic(
    features: Array,
    label: Array,
    classes: int,
    *,
    group: Array | None = None,
    C: Sequence[float] = LOGISTIC_C,
) -> Probe:
    """Fit a multinomial logistic regression on standardised features, ``C`` by the same cross-validation.

    Parameters
    ----------
    features, label, classes, group
        See :func:`fit_svm`.
    C : sequence of float
        Values of ``C``, of which the best cross-validated accuracy chooses (of equals the smallest);
        where too few samples make no folds it is 1.

    Raises
    ------
    DataError
        When there are no samples, a feature is not finite, or the target is multi-label.
    """
    _check(features, label)
    folds = label_folds(label, group)
    accuracy = partial(_accuracy_by_folds, features, label, classes, folds)
    best = max(sorted(C), key=accuracy) if folds else 1.0
    return fit_probe(features, label, classes, C=(best,))


def label_folds(label: Array, group: Array | None = None) -> list[tuple[Ints, Ints]]:
    """Five stratified folds as (fitted on, held out) indices, or none where samples are too few.

    With groups of several samples no group is in two folds.
    """
    classes = len(np.unique(label))
    units = len(label) if group is None else len(np.unique(group))
    grouped = units < len(label)
    if units < _LEAST or units // classes < _FOLDS:
        return []
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    split = StratifiedGroupKFold(_FOLDS) if grouped else StratifiedKFold(_FOLDS)
    with warnings.catch_warnings():
        # a rare class is missing from some folds, which the published rule accepts
        warnings.filterwarnings("ignore", message="The least populated class in y")
        found = list(split.split(np.zeros((len(label), 1)), label, group if grouped else None))
    return found if all(len(np.unique(label[fitted])) > 1 for fitted, _ in found) else []


def _accuracy_by_folds(
    features: Array, label: Array, classes: int, folds: Sequence[tuple[Ints, Ints]], C: float
) -> float:
    right = []
    for fitted, held in folds:
        probe = fit_probe(features[fitted], label[fitted], classes, C=(C,))
        right.append(float((probe.predict(features[held]).argmax(axis=1) == label[held]).mean()))
    return float(np.mean(right))


def _deciding(prob: Array, decided: Ints) -> Array:
    """Exchange the two values where a vote of pairs was a tie, so that the largest is the decided class."""
    rows, top = np.arange(len(prob)), prob.argmax(axis=1)
    prob[rows, top], prob[rows, decided] = prob[rows, decided], prob[rows, top]
    return prob


def _thinned(label: Array, largest: int) -> Ints:
    if len(label) <= largest:
        return np.arange(len(label))
    from sklearn.model_selection import train_test_split

    possible = np.bincount(label)[np.unique(label)].min() >= 2
    kept, _ = train_test_split(
        np.arange(len(label)), train_size=largest, random_state=0, stratify=label if possible else None
    )
    return np.sort(kept)


def _check(features: Array, label: Array) -> None:
    if np.ndim(label) != 1:
        raise DataError("the protocols svm and logistic need one class per sample; use probe for multi-label")
    if not len(features):
        raise DataError("there are no labelled samples to fit on; use a larger fraction of labels")
    refuse_infinite(features)

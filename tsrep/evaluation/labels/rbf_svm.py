"""A fitted SVM with an RBF kernel, of the training samples that it rests on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from tsrep.evaluation.arrays import Array
from tsrep.evaluation.heads.classifier import Classifier, Stored
from tsrep.registry import CLASSIFIERS
from tsrep.signals.panel import Ints

if TYPE_CHECKING:
    from sklearn.svm import SVC

HARD_MARGIN = 1e8
_CHUNK = 1024  # samples at a time, whose kernel with all supporting ones is held
_ARRAYS = ("support", "of_class", "dual", "intercept", "present")


@CLASSIFIERS.register("svm-rbf")
@dataclass(frozen=True, eq=False)
class RbfSvm(Classifier):
    """A fitted SVM.

    Attributes
    ----------
    support : float64 array, shape (supporting sample, feature)
        Training samples that decisions rest on, those of a class together; none where there was one class.
    of_class : int64 array, shape (class with labels,)
        How many of them each class has.
    dual : float64 array, shape (class with labels - 1, supporting sample)
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
        from scipy.special import softmax

        prob[:, self.present] = softmax(decision, axis=1)
        return _deciding(prob, self.present[votes.argmax(axis=1)])

    def _pairs(self, x: Array) -> Array:
        """Decision of each pair of classes, shape (sample, pair), positive for the first one."""
        from scipy.spatial.distance import cdist

        weight = np.stack([self._weight(i, j) for i, j in self._each_pair()])  # (pair, supporting sample)
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
        """Coefficients of all supporting samples for a pair of classes, shape (supporting sample,)."""
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
    def width(self) -> int:
        """See :attr:`Classifier.width`."""
        return int(self.support.shape[1])

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
        fields: dict[str, Any] = {name: arrays[name] for name in _ARRAYS}
        return cls(**fields, **settings)


def _deciding(prob: Array, decided: Ints) -> Array:
    """Exchange the two values where a vote of pairs was a tie, so that the largest is the decided class."""
    rows, top = np.arange(len(prob)), prob.argmax(axis=1)
    prob[rows, top], prob[rows, decided] = prob[rows, decided], prob[rows, top]
    return prob

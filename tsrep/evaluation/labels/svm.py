"""The classifiers of the UCR/UEA protocol: RBF SVM and logistic regression, ``C`` by cross-validation."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import partial

import numpy as np

from tsrep.errors import DataError
from tsrep.evaluation.arrays import Array
from tsrep.evaluation.labels.linear_probe import Probe, fit_probe, refuse_infinite
from tsrep.evaluation.labels.rbf_svm import HARD_MARGIN, RbfSvm
from tsrep.signals.panel import Ints

SVM_C = (*(10.0**k for k in range(-4, 5)), HARD_MARGIN)
LOGISTIC_C = (0.001, 0.01, 0.1, 1.0, 10.0)
LARGEST = 10_000
_FOLDS = 5
_LEAST = 50  # samples (or groups) below which nothing is chosen


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

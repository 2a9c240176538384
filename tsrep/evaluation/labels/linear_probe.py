"""Logistic regression on frozen features."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self, get_args

import numpy as np

from tsrep.errors import DataError
from tsrep.evaluation.arrays import Array
from tsrep.evaluation.heads.classifier import Classifier, Stored
from tsrep.evaluation.labels.logistic_path import Link, logistic_path
from tsrep.evaluation.labels.metrics import auroc_of, positives
from tsrep.registry import CLASSIFIERS

if TYPE_CHECKING:
    from torch import nn

Scheme = Literal["multinomial", "one-vs-rest"]
_ARRAYS = ("weight", "intercept", "fitted", "constant")
C_GRID = (0.001, 0.01, 0.1, 1.0)


@dataclass(frozen=True, eq=False)
class Standardiser:
    """Mean and deviation of training features; a feature without deviation becomes zero."""

    mean: Array
    deviation: Array

    @classmethod
    def fit(cls, features: Array) -> Standardiser:
        """From features, shape (sample, feature).

        Raises
        ------
        DataError
            When a feature is not finite.
        """
        refuse_infinite(features)
        mean = features.mean(axis=0, dtype=np.float64)
        deviation = features.std(axis=0, dtype=np.float64)
        flat = deviation <= 1e-7 * np.maximum(np.abs(mean), 1e-30)
        return cls(mean, np.where(flat, 1.0, deviation))

    def __call__(self, features: Array, dtype: type[np.floating[Any]] = np.float64) -> Array:
        """Features in deviations from the mean."""
        out = features.astype(dtype)
        out -= self.mean.astype(dtype)
        out /= self.deviation.astype(dtype)
        return out


@CLASSIFIERS.register("linear")
@dataclass(frozen=True, eq=False)
class Probe(Classifier):
    """A fitted logistic regression.

    Attributes
    ----------
    standardiser : Standardiser
    weight : float64 array, shape (feature, column)
    intercept : float64 array, shape (column,)
    fitted : int64 array
        Multi-label: the class of each column. Single-label: the classes that had labels; two of them
        share one column, whose probability is that of the second.
    constant : float64 array, shape (class,)
        Probability of the classes that could not be fitted: their rate.
    C : float
        That was used, the inverse regularisation strength.
    multilabel : bool
    scheme : str
    """

    standardiser: Standardiser
    weight: Array
    intercept: Array
    fitted: Array
    constant: Array
    C: float
    multilabel: bool
    scheme: Scheme

    def predict(self, features: Array) -> Array:
        """Probabilities, shape (sample, class), float64."""
        return self._probability(self.standardiser(features))

    @property
    def width(self) -> int:
        """See :attr:`Classifier.width`."""
        return len(self.standardiser.mean)

    def module(self) -> nn.Module:
        """See :meth:`Classifier.module`."""
        from tsrep.evaluation.labels.modules import LinearModule

        return LinearModule(self)

    def stored(self) -> Stored:
        """See :meth:`Classifier.stored`."""
        arrays = {"mean": self.standardiser.mean, "deviation": self.standardiser.deviation}
        arrays |= {name: getattr(self, name) for name in _ARRAYS}
        return Stored(arrays, {"C": self.C, "multilabel": self.multilabel, "scheme": self.scheme})

    @classmethod
    def restored(cls, arrays: Mapping[str, Array], settings: Mapping[str, Any]) -> Self:
        """See :meth:`Classifier.restored`."""
        standardiser = Standardiser(arrays["mean"], arrays["deviation"])
        fields: dict[str, Any] = {name: arrays[name] for name in _ARRAYS}
        if settings["scheme"] not in get_args(Scheme):
            raise ValueError(f"there is no scheme {settings['scheme']!r}")
        return cls(standardiser, **fields, **settings)

    def _probability(self, standardised: Array) -> Array:
        from scipy.special import expit, softmax  # loads slowly, and a refusal needs none

        logit = (standardised @ self.weight.astype(standardised.dtype)).astype(np.float64) + self.intercept
        prob = np.tile(self.constant, (len(logit), 1))
        if not logit.shape[1]:
            return prob
        if self.multilabel:
            prob[:, self.fitted] = expit(logit)
        elif logit.shape[1] == 1:
            prob[:, self.fitted] = np.concatenate([expit(-logit), expit(logit)], axis=1)
        elif self.scheme == "multinomial":
            prob[:, self.fitted] = softmax(logit, axis=1)
        else:
            single = expit(logit)
            prob[:, self.fitted] = single / np.maximum(single.sum(axis=1, keepdims=True), 1e-300)
        return prob


def fit_probe(
    features: Array,
    label: Array,
    classes: int,
    *,
    C: Sequence[float] = C_GRID,
    validation: tuple[Array, Array] | None = None,
    scheme: Scheme = "multinomial",
    tolerance: float = 1e-5,
    dtype: type[np.floating[Any]] = np.float64,
    known: tuple[Array | None, Array | None] = (None, None),
) -> Probe:
    """Fit a probe on labelled features.

    Parameters
    ----------
    features : array, shape (sample, feature)
        Of the labelled training samples; they are standardised by their own mean and deviation.
    label : int array, shape (sample,), or bool array, shape (sample, class)
    classes : int
    C : sequence of float
        Values tried. With several, the best macro AUROC on the validation part decides (of equals the
        smallest ``C``); without a validation part, or when its AUROC is not defined, the last is taken.
    validation : (features, label), optional
    scheme : str
        For three classes and more. The published evaluation is ``"one-vs-rest"`` with ``C=(1.0,)``.
    tolerance : float
        Relative to the gradient at zero.
    dtype : type
        Precision of the passes over the features.
    known : (array, array), optional
        Which labels of several classes are known, of the training samples and of the validation samples; each
        class is fitted and chosen for on those that state it. None for all.

    Raises
    ------
    DataError
        When there are no samples, or a feature is not finite.

    Notes
    -----
    A multi-label class with one value only gets its rate as constant probability, a single-label class
    that never occurs gets zero. Two classes are one sigmoid, as in scikit-learn.
    """
    if not len(features):
        raise DataError("there are no labelled samples to fit a probe on; use a larger fraction of labels")
    standardiser = Standardiser.fit(features)
    x = standardiser(features, dtype)
    held = None if validation is None else (standardiser(validation[0], dtype), validation[1])
    if known[0] is not None:
        several = sorted(C) if held is not None else list(C[-1:])
        masked = list(_partly(x, np.asarray(label, bool), known[0], several, standardiser, tolerance))
        return _best(masked, held, known[1])
    y, fitted, constant = _columns(np.asarray(label), classes)
    multilabel = np.ndim(label) == 2
    if not y.shape[1]:
        nothing = np.zeros((x.shape[1], 0)), np.zeros(0)
        return Probe(standardiser, *nothing, fitted, constant, C[-1], multilabel, scheme)
    link: Link = "softmax" if not multilabel and y.shape[1] > 1 and scheme == "multinomial" else "sigmoid"
    tried = sorted(C) if held is not None else C[-1:]
    path = logistic_path(x, y, tried, link=link, tolerance=tolerance)
    probes = [
        Probe(standardiser, weight, intercept, fitted, constant, c, multilabel, scheme)
        for c, (weight, intercept) in zip(tried, path, strict=True)
    ]
    return _best(probes, held, known[1])


def _best(probes: Sequence[Probe], held: tuple[Array, Array] | None, known: Array | None) -> Probe:
    """The probe with the best macro AUROC on held samples, or the last where there are none."""
    if held is None:
        return probes[-1]
    best = best_auroc([probe._probability(held[0]) for probe in probes], held[1], known)
    return probes[-1 if best is None else best]


def _partly(
    x: Array,
    label: Array,
    known: Array,
    tried: Sequence[float],
    standardiser: Standardiser,
    tolerance: float,
) -> Iterator[Probe]:
    """Probes for each ``C``, every class fitted on the samples that state it.

    Classes that are known of the same samples, as those of a cohort are, are fitted together.
    """
    rate = (label & known).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    both = (label & known).any(axis=0) & (~label & known).any(axis=0)
    fitted = np.flatnonzero(both)
    patterns, of = np.unique(known[:, fitted], axis=1, return_inverse=True)
    groups = [(patterns[:, g], np.flatnonzero(of.ravel() == g)) for g in range(patterns.shape[1])]
    paths = [
        logistic_path(x[rows], label[rows][:, fitted[at]], tried, link="sigmoid", tolerance=tolerance)
        for rows, at in groups
    ]
    for c, *solved in zip(tried, *paths, strict=True):
        weight, intercept = np.zeros((x.shape[1], len(fitted))), np.zeros(len(fitted))
        for (_, at), (w, b) in zip(groups, solved, strict=True):
            weight[:, at], intercept[at] = w, b
        yield Probe(standardiser, weight, intercept, fitted, rate, c, True, "one-vs-rest")


def validation_probe(
    features: Array,
    label: Array,
    validation_features: Array,
    validation_label: Array,
    classes: int,
    *,
    known: tuple[Array | None, Array | None] = (None, None),
) -> float:
    """Quick macro AUROC of a probe on the validation part, by which training chooses its checkpoint.

    Parameters
    ----------
    features, validation_features : arrays, shape (sample, feature)
    label, validation_label : int arrays, shape (sample,), or bool arrays, shape (sample, class)
    classes : int
    known : (array, array)
        As for :func:`fit_probe`.

    Returns
    -------
    float
        With ``C`` = 0.1, single precision and a loose tolerance; NaN when no class has both values.
    """
    probe = fit_probe(features, label, classes, C=(0.1,), tolerance=1e-2, dtype=np.float32, known=known)
    return auroc_of(probe.predict(validation_features), validation_label, known[1])


def _columns(label: Array, classes: int) -> tuple[Array, Array, Array]:
    """Targets of the columns to fit, the classes that they belong to, and all classes' rates."""
    flags = positives(label, classes)
    rate = flags.mean(axis=0)
    if label.ndim == 2:
        fitted = np.flatnonzero((rate > 0) & (rate < 1))
        return flags[:, fitted], fitted, rate
    fitted = np.flatnonzero(rate > 0)
    columns = {1: fitted[:0], 2: fitted[1:]}.get(len(fitted), fitted)
    return flags[:, columns], fitted, rate


def best_auroc(probs: Sequence[Array], label: Array, known: Array | None = None) -> int | None:
    """Which predictions have the best macro AUROC, of equals the first; None where none is defined."""
    auroc = [auroc_of(prob, label, known) for prob in probs]
    return None if np.isnan(auroc).all() else int(np.nanargmax(auroc))


def refuse_infinite(features: Array) -> None:
    """Refuse features that are not finite.

    Raises
    ------
    DataError
        Naming the first such sample.
    """
    if not np.isfinite(features).all():
        bad = int(np.flatnonzero(~np.isfinite(features).all(axis=1))[0])
        raise DataError(
            f"the features of sample {bad} are not finite; look at the encoder before evaluating it"
        )

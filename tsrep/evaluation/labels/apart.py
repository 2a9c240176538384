"""Models of classes that other samples state, fitted apart and read as one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tsrep.evaluation.arrays import Array
from tsrep.evaluation.heads.classifier import Classifier
from tsrep.signals.panel import Ints


@dataclass(frozen=True, eq=False)
class Apart(Classifier):
    """Models of some of the classes each; it is scored, and not kept.

    Attributes
    ----------
    classes : int
    parts : tuple of (int array, Classifier)
        Numbers of the classes that a model gives probabilities of; of a class without a model it is zero.
    """

    classes: int
    parts: tuple[tuple[Ints, Classifier], ...]

    def predict(self, features: Array) -> Array:
        """See :meth:`Classifier.predict`."""
        prob = np.zeros((len(features), self.classes))
        for at, model in self.parts:
            prob[:, at] = model.predict(features)
        return prob


def fit_apart(
    fit: Callable[..., Classifier],
    features: Array,
    label: Array,
    classes: int,
    *,
    group: Ints,
    validation: tuple[Array, Array] | None,
    known: tuple[Array | None, Array | None],
) -> Classifier:
    """Fit each class on the samples that state it; classes of the same samples are fitted together.

    Parameters
    ----------
    fit : callable
        As :meth:`~tsrep.evaluation.protocols.labels.FrozenFeatureProtocol.fit`.
    features : array, shape (sample, feature)
    label : bool array, shape (sample, class)
    classes : int
    group : int64 array, shape (sample,)
    validation : (features, label) or None
    known : (array, array), of bool, shape (sample, class), or None
        Of the samples fitted on and of those of validation; None where all are.
    """
    held = np.zeros((0, features.shape[1])) if validation is None else validation[0]
    flags = np.zeros((0, classes), bool) if validation is None else validation[1]
    masks = [
        np.ones(own.shape, bool) if mask is None else mask
        for own, mask in zip((label, flags), known, strict=True)
    ]
    # (sample, pattern), and the pattern of each class
    patterns, of = np.unique(np.concatenate(masks), axis=1, return_inverse=True)
    parts = []
    for number, pattern in enumerate(patterns.T):
        at, rows, some = np.flatnonzero(of.ravel() == number), pattern[: len(label)], pattern[len(label) :]
        if not rows.any():
            continue
        chosen = (held[some], flags[some][:, at]) if some.any() else None
        parts.append(
            (at, fit(features[rows], label[rows][:, at], len(at), group=group[rows], validation=chosen))
        )
    return Apart(classes, tuple(parts))

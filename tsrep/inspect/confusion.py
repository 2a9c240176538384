"""Which class is taken for which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Confusion:
    """Counts of single-label predictions.

    Attributes
    ----------
    counts : int64 array, shape (class, class)
        Rows are true, columns predicted classes.
    classes : tuple of str
    """

    counts: NDArray[np.int64]
    classes: tuple[str, ...]

    def shares(self) -> NDArray[np.float64]:
        """Counts as shares of each true class; NaN where a class has no record."""
        total = self.counts.sum(axis=1, keepdims=True)
        return np.asarray(np.where(total > 0, self.counts / np.maximum(total, 1), np.nan))

    def largest(self, keep: int) -> Confusion:
        """The ``keep`` most frequent true classes in their order, and all others as one."""
        if len(self.classes) <= keep + 1:
            return self
        top = np.sort(np.argsort(-self.counts.sum(axis=1), kind="stable")[:keep])
        group = np.full(len(self.classes), keep)
        group[top] = np.arange(keep)
        merged = np.zeros((keep + 1, keep + 1), dtype=np.int64)
        np.add.at(merged, (group[:, None], group[None, :]), self.counts)
        rest = len(self.classes) - keep
        return Confusion(merged, (*(self.classes[i] for i in top), f"{rest} others"))


def confusion(prob: NDArray[Any], target: NDArray[Any], classes: tuple[str, ...]) -> Confusion:
    """Count the most probable class against the true one.

    Parameters
    ----------
    prob : array, shape (n, class)
        Rows with NaN are left out.
    target : int array, shape (n,)
    classes : tuple of str
    """
    known = np.isfinite(prob).all(axis=1)
    counts = np.zeros((len(classes), len(classes)), dtype=np.int64)
    np.add.at(counts, (np.asarray(target, np.int64)[known], prob[known].argmax(axis=1)), 1)
    return Confusion(counts, classes)

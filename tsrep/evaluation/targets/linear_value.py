"""A number as a linear map of pooled features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from tsrep.evaluation.arrays import Array
from tsrep.evaluation.heads.classifier import Classifier, Stored
from tsrep.registry import CLASSIFIERS


@CLASSIFIERS.register("linear-value")
@dataclass(frozen=True, eq=False)
class LinearValue(Classifier):
    """One number, in its unit, from features that are not standardised.

    Attributes
    ----------
    weight : float64 array, shape (1, feature)
    bias : float
    """

    weight: Array
    bias: float

    def predict(self, features: Array) -> Array:
        """Values, shape (sample, 1), float64."""
        return np.asarray(np.asarray(features, np.float64) @ self.weight.T + self.bias)

    @property
    def width(self) -> int:
        """See :attr:`Classifier.width`."""
        return int(self.weight.shape[1])

    def stored(self) -> Stored:
        """See :meth:`Classifier.stored`."""
        return Stored({"weight": self.weight, "bias": np.array(self.bias)})

    @classmethod
    def restored(cls, arrays: Mapping[str, Array], settings: Mapping[str, Any]) -> Self:
        """See :meth:`Classifier.restored`."""
        del settings
        return cls(arrays["weight"], float(arrays["bias"]))

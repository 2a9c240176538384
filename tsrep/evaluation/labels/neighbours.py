"""Nearest neighbours by cosine similarity on frozen features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from tsrep.errors import DataError
from tsrep.evaluation.arrays import Array
from tsrep.evaluation.heads.classifier import Classifier, Stored
from tsrep.evaluation.labels.linear_probe import Standardiser, best_auroc
from tsrep.evaluation.labels.metrics import positives
from tsrep.registry import CLASSIFIERS

NEIGHBOURS = (5, 10, 20, 50)
_TEMPERATURE = 0.07
_AT_ONCE = 1 << 24  # similarities, or votes, that are in memory together


@CLASSIFIERS.register("knn")
@dataclass(frozen=True, eq=False)
class Neighbours(Classifier):
    """Vote of the nearest labelled samples, each weighing ``exp(similarity / 0.07)``.

    Features are standardised by the labelled samples first, because the features of a pooled encoder
    share a large mean that makes all cosines alike.

    Attributes
    ----------
    standardiser : Standardiser
    directions : float32 array, shape (labelled sample, feature)
        Standardised features of length one.
    flags : bool array, shape (labelled sample, class)
    k : int
        Neighbours that vote; fewer where there are fewer samples.

    References
    ----------
    Wu et al., Unsupervised Feature Learning via Non-Parametric Instance Discrimination, CVPR 2018,
    section 3.4 (weights and temperature); standardising is ours.
    """

    standardiser: Standardiser
    directions: Array
    flags: Array
    k: int = 20

    def __post_init__(self) -> None:
        if self.k < 1:
            raise ValueError(f"{self.k} neighbours cannot vote")

    @classmethod
    def of(cls, features: Array, label: Array, classes: int, k: int = 20) -> Neighbours:
        """From labelled samples.

        Parameters
        ----------
        features : array, shape (sample, feature)
        label : int array, shape (sample,), or bool array, shape (sample, class)
        classes, k : int

        Raises
        ------
        DataError
            When there are no samples, or a feature is not finite.
        """
        if not len(features):
            raise DataError("there are no labelled samples to be neighbours; use a larger fraction of labels")
        standardiser = Standardiser.fit(features)
        return cls(standardiser, _directions(standardiser, features).numpy(), positives(label, classes), k)

    def predict(self, features: Array) -> Array:
        """Probabilities, shape (sample, class), float64."""
        return self.predict_each(features, (self.k,))[0]

    def predict_each(self, features: Array, ks: Sequence[int]) -> list[Array]:
        """Probabilities for several numbers of neighbours, from one search."""
        query = _directions(self.standardiser, features)
        reference, flags = torch.from_numpy(self.directions), torch.from_numpy(self.flags)
        most = min(max(ks), len(reference))
        found = [torch.empty(len(query), flags.shape[1], dtype=torch.float64) for _ in ks]
        chunk = max(1, _AT_ONCE // max(flags.shape))
        for rows in torch.split(torch.arange(len(query)), chunk):
            similarity, index = torch.topk(query[rows] @ reference.T, most, dim=1)
            # relative to the nearest one: the vote is a ratio, and exp(1 / 0.07) is large
            weight = torch.exp((similarity - similarity[:, :1]) / _TEMPERATURE).double()
            votes, total = torch.zeros(len(rows), flags.shape[1], dtype=torch.float64), weight.cumsum(dim=1)
            for near in range(most):
                votes += weight[:, near, None] * flags[index[:, near]]
                for probabilities, k in zip(found, ks, strict=True):
                    if near == min(k, most) - 1:
                        probabilities[rows] = votes / total[:, near, None]
        return [probabilities.numpy() for probabilities in found]

    @property
    def width(self) -> int:
        """See :attr:`Classifier.width`."""
        return len(self.standardiser.mean)

    @property
    def records_held(self) -> int:
        """See :attr:`Classifier.records_held`."""
        return len(self.directions)

    def stored(self) -> Stored:
        """See :meth:`Classifier.stored`."""
        arrays = {"mean": self.standardiser.mean, "deviation": self.standardiser.deviation}
        return Stored(arrays | {"directions": self.directions, "flags": self.flags}, {"k": self.k})

    @classmethod
    def restored(cls, arrays: Mapping[str, Array], settings: Mapping[str, Any]) -> Self:
        """See :meth:`Classifier.restored`."""
        standardiser = Standardiser(arrays["mean"], arrays["deviation"])
        return cls(standardiser, arrays["directions"], arrays["flags"], int(settings["k"]))


def _directions(standardiser: Standardiser, features: Array) -> Tensor:
    return torch.nn.functional.normalize(torch.from_numpy(standardiser(features, np.float32)), dim=1)


def fit_neighbours(
    features: Array,
    label: Array,
    classes: int,
    *,
    ks: Sequence[int] = NEIGHBOURS,
    validation: tuple[Array, Array] | None = None,
) -> Neighbours:
    """Neighbours with ``k`` chosen by macro AUROC on the validation part.

    Of equals the smallest ``k`` is taken; without a validation part, or when its AUROC is not defined,
    ``k`` is 20.
    """
    model = Neighbours.of(features, label, classes)
    if validation is None:
        return model
    best = best_auroc(model.predict_each(validation[0], ks), validation[1])
    return model if best is None else replace(model, k=ks[best])

"""Nearest neighbours by cosine similarity on frozen features."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from tsrep.errors import DataError
from tsrep.evaluation.arrays import Array
from tsrep.evaluation.labels.linear_probe import Standardiser, best_auroc
from tsrep.evaluation.labels.metrics import positives

NEIGHBOURS = (5, 10, 20, 50)
_TEMPERATURE = 0.07


class Neighbours:
    """Vote of the nearest labelled samples, each weighing ``exp(similarity / 0.07)``.

    Features are standardised by the labelled samples first, because the features of a pooled encoder
    share a large mean that makes all cosines alike.

    Parameters
    ----------
    features : array, shape (sample, feature)
    label : int array, shape (sample,), or bool array, shape (sample, class)
    classes : int
    k : int
        Neighbours that vote; fewer where there are fewer samples.

    Raises
    ------
    DataError
        When there are no samples, or a feature is not finite.

    References
    ----------
    Wu et al., Unsupervised Feature Learning via Non-Parametric Instance Discrimination, CVPR 2018,
    section 3.4 (weights and temperature); standardising is ours.
    """

    def __init__(self, features: Array, label: Array, classes: int, k: int = 20) -> None:
        if not len(features):
            raise DataError("there are no labelled samples to be neighbours; use a larger fraction of labels")
        self.k = k
        self._standardiser = Standardiser.fit(features)
        self._reference = self._directions(features)
        self._flags = torch.from_numpy(positives(label, classes).astype(np.float32))

    def predict(self, features: Array) -> Array:
        """Probabilities, shape (sample, class), float64."""
        return self.predict_each(features, (self.k,))[0]

    def predict_each(self, features: Array, ks: Sequence[int], *, chunk: int = 1024) -> list[Array]:
        """Probabilities for several numbers of neighbours, from one search."""
        query = self._directions(features)
        most = min(max(ks), len(self._reference))
        parts: list[list[Tensor]] = [[] for _ in ks]
        for rows in torch.split(query, chunk):
            similarity, index = torch.topk(rows @ self._reference.T, most, dim=1)
            # relative to the nearest one: the vote is a ratio, and exp(1 / 0.07) is large
            weight = torch.exp((similarity - similarity[:, :1]) / _TEMPERATURE).double()
            votes = (weight[:, :, None] * self._flags[index]).cumsum(dim=1)  # (query, neighbour, class)
            total = weight.cumsum(dim=1)
            for part, k in zip(parts, ks, strict=True):
                last = min(k, most) - 1
                part.append(votes[:, last] / total[:, last, None])
        return [torch.cat(part).numpy() for part in parts]

    def _directions(self, features: Array) -> Tensor:
        return torch.nn.functional.normalize(
            torch.from_numpy(self._standardiser(features, np.float32)), dim=1
        )


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
    model = Neighbours(features, label, classes)
    if validation is None:
        return model
    best = best_auroc(model.predict_each(validation[0], ks), validation[1])
    if best is not None:
        model.k = ks[best]
    return model

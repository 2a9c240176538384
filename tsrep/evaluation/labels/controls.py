"""What a method must beat before its numbers mean anything."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsrep.evaluation.labels.metrics import positives


def majority(label: NDArray[Any], classes: int, units: int) -> NDArray[np.float64]:
    """The class rates of the training labels as everybody's probabilities, shape (units, classes).

    The decided class is the majority class, and no unit is ranked above another: AUROC 0.5.
    """
    rate = positives(label, classes).mean(axis=0)
    return np.broadcast_to(rate, (units, classes)).copy()

"""A fitted probe as one linear map, which training can go on from."""

from __future__ import annotations

import numpy as np
from scipy.special import logit

from tsrep.evaluation.arrays import Array
from tsrep.evaluation.labels.linear_probe import Probe

LEAST = 1e-4  # probability of a class that could not be fitted, which must stay trainable


def linear_map(probe: Probe) -> tuple[Array, Array]:
    """The map from features that are not standardised to the logits of all classes.

    Parameters
    ----------
    probe : Probe
        Of several labels, or multinomial.

    Returns
    -------
    weight : float64 array, shape (class, feature)
    bias : float64 array, shape (class,)

    Notes
    -----
    With ``z = (x - mean) / deviation`` the logits ``z @ w + b`` are ``x @ (w / deviation) + b - mean @ (w
    / deviation)``. Two exclusive classes that share a column get the logits zero and that of the column. A
    class that could not be fitted gets the logit of its rate, at least that of 1e-4.
    """
    weight = np.zeros((len(probe.constant), len(probe.weight)))
    bias = logit(np.clip(probe.constant, LEAST, 1 - LEAST))
    if probe.weight.shape[1]:
        columns = probe.fitted[-probe.weight.shape[1] :]
        bias[probe.fitted] = 0.0
        weight[columns] = (probe.weight / probe.standardiser.deviation[:, None]).T
        bias[columns] = probe.intercept - weight[columns] @ probe.standardiser.mean
    return weight, bias

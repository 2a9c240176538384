"""Calibration of the probabilities of records, fitted on validation patients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from tsrep.evaluation.arrays import Array
from tsrep.evaluation.heads.facts import Facts
from tsrep.evaluation.heads.settings import CalibrationKind
from tsrep.evaluation.labels.metrics import positives
from tsrep.evaluation.predictions import Predictions

WIDEST = 3.0  # of the logarithm of a temperature
FEWEST_OF_CLASS = 20  # records with and without a class for a temperature of its own
FEWEST_FOR_BIAS, FEWEST_FOR_STEPS = 50, 100  # records with a class
_TINY = 1e-300  # whose logarithm is finite


class Floor(Facts):
    """What a probability of exactly 0, and the distance of one to exactly 1, are taken for.

    It is half of the smallest that was seen, where there were exact ones (votes of neighbours).
    """

    low: float = _TINY
    high: float = _TINY

    @classmethod
    def of(cls, prob: Array) -> Floor:
        """The one for probabilities like these."""
        return cls(low=_half_of_least(prob), high=_half_of_least(1 - prob))


class Steps(Facts):
    """A rising function by its knots, constant beyond them."""

    at: tuple[float, ...]
    value: tuple[float, ...]

    def __call__(self, prob: Array) -> Array:
        """Values between the knots by straight lines."""
        return np.asarray(np.interp(prob, self.at, self.value))


class Calibration(Facts):
    """From probabilities of records to calibrated ones.

    Logits are divided by a temperature and a bias is added. For exclusive classes logits are logarithms of
    probabilities, followed by a softmax; where a record can have several classes each has its own logit and
    sigmoid.

    Attributes
    ----------
    kind : {"temperature", "vector", "isotonic"}
    after : "aggregation"
        Windows are aggregated to records first, since it is records that are predicted.
    multilabel : bool
    temperature : tuple of float
        One for each class; equal ones where classes are exclusive.
    bias : tuple of float
        One for each class.
    steps : tuple of Steps or None
        In place of temperature and bias, for each class that has them.
    floor : Floor
    records, patients : int
        That it was fitted on.

    References
    ----------
    Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, section 4 (temperature, vector
    scaling); Zadrozny & Elkan, "Transforming classifier scores into accurate multiclass probability
    estimates", KDD 2002 (isotonic regression by class).
    """

    kind: Literal["temperature", "vector", "isotonic"]
    after: Literal["aggregation"] = "aggregation"
    multilabel: bool
    temperature: tuple[float, ...]
    bias: tuple[float, ...]
    steps: tuple[Steps | None, ...]
    floor: Floor = Floor()
    records: int = 0
    patients: int = 0

    def __call__(self, prob: Array) -> Array:
        """Calibrated probabilities, shape (record, class), of those of records."""
        found = self._scaled(prob)
        if not any(self.steps):
            return found
        stepped = np.stack(
            [found[:, c] if steps is None else steps(prob[:, c]) for c, steps in enumerate(self.steps)],
            axis=1,
        )
        return stepped if self.multilabel else _adding_up(stepped, found)

    def _scaled(self, prob: Array) -> Array:
        if set(self.temperature) == {1.0} and not any(self.bias):
            return prob
        logit = logits(prob, self.floor, multilabel=self.multilabel)
        return _probabilities(logit / self.temperature + self.bias, multilabel=self.multilabel)


def fit_calibration(kind: CalibrationKind, records: Predictions) -> Calibration | None:
    """Calibration of a kind by the log-loss of records.

    Parameters
    ----------
    kind : {"temperature", "vector", "isotonic", "none"}
        ``"vector"`` gives a bias to classes with 50 records or more, ``"isotonic"`` a rising function to
        those with 100 or more; the others have a temperature only.
    records : Predictions
        Of records of patients that nothing was fitted on.

    Returns
    -------
    Calibration or None
        None for ``"none"``. Its log-loss on these records is never above that of the probabilities as they
        are, apart from isotonic regression by class, which minimises the squared error.
    """
    if kind == "none":
        return None
    prob, multilabel = np.asarray(records.prob, np.float64), records.multilabel
    flags = positives(records.target, prob.shape[1])  # (record, class)
    floor = Floor.of(prob)
    fit = _each_class if multilabel else _exclusive
    fewest = FEWEST_FOR_BIAS if kind == "vector" else len(prob) + 1
    biased = np.minimum(flags.sum(axis=0), (~flags).sum(axis=0)) >= fewest
    beta, bias = fit(logits(prob, floor, multilabel=multilabel), flags, biased)
    return Calibration(
        kind=kind,
        multilabel=multilabel,
        temperature=tuple((1 / beta).tolist()),
        bias=tuple(bias.tolist()),
        steps=tuple(
            _steps(prob[:, c], flags[:, c]) if kind == "isotonic" else None for c in range(prob.shape[1])
        ),
        floor=floor,
        records=len(prob),
        patients=len(np.unique(records.patient)),
    )


def logits(prob: Array, floor: Floor, *, multilabel: bool) -> Array:
    """Logarithms of probabilities, or where a record can have several classes of their odds."""
    low = np.log(np.maximum(prob, floor.low))
    return low - np.log(np.maximum(1 - prob, floor.high)) if multilabel else low


def _probabilities(logit: Array, *, multilabel: bool) -> Array:
    from scipy.special import expit, softmax  # loads slowly, and a refusal needs none

    found: Array = expit(logit) if multilabel else softmax(logit, axis=1)
    return found


def _half_of_least(prob: Array) -> float:
    positive = prob[prob > 0]
    return float(positive.min() / 2) if len(positive) < prob.size and len(positive) else _TINY


def _exclusive(logit: Array, flags: Array, biased: Array) -> tuple[Array, Array]:
    """Inverse temperature, one for all, and biases of exclusive classes."""
    from scipy.special import logsumexp, softmax

    free, classes = np.flatnonzero(biased), logit.shape[1]

    def loss(at: Array) -> tuple[float, Array]:
        scaled = at[0] * logit
        scaled[:, free] += at[1:]
        error = softmax(scaled, axis=1) - flags
        value = (logsumexp(scaled, axis=1) - (scaled * flags).sum(axis=1)).sum()
        return float(value), np.concatenate([[(error * logit).sum()], error[:, free].sum(axis=0)])

    beta, found = _minimised(loss, len(free))
    bias = np.zeros(classes)
    bias[free] = found - (found.mean() if len(free) == classes else 0.0)  # a shift of all changes nothing
    return np.full(classes, beta), bias


def _each_class(logit: Array, flags: Array, biased: Array) -> tuple[Array, Array]:
    """Inverse temperature and bias of each class; those with few records share a temperature."""
    beta, bias = np.full(logit.shape[1], _sigmoid(logit, flags, biased=False)[0]), np.zeros(logit.shape[1])
    for c in range(logit.shape[1]):
        if min(flags[:, c].sum(), (~flags[:, c]).sum()) >= FEWEST_OF_CLASS:
            beta[c], bias[c] = _sigmoid(logit[:, c], flags[:, c], biased=bool(biased[c]))
    return beta, bias


def _sigmoid(logit: Array, flags: Array, *, biased: bool) -> tuple[float, float]:
    from scipy.special import expit

    def loss(at: Array) -> tuple[float, Array]:
        scaled = at[0] * logit + (at[1] if biased else 0.0)
        error = expit(scaled) - flags
        value = (np.logaddexp(0, scaled) - flags * scaled).sum()
        return float(value), np.array([(error * logit).sum(), error.sum()])[: 1 + biased]

    beta, found = _minimised(loss, int(biased))
    return beta, float(found[0]) if biased else 0.0


def _minimised(loss: Callable[[Array], tuple[float, Array]], biases: int) -> tuple[float, Array]:
    """Inverse temperature and biases with the least loss, which is convex in them."""
    from scipy.optimize import brentq, minimize

    start = np.concatenate([[1.0], np.zeros(biases)])
    if not biases:
        # the slope rises with the inverse temperature and is zero where the loss is least
        least, most = (float(loss(np.exp([end]))[1][0]) for end in (-WIDEST, WIDEST))
        if least >= 0 or most <= 0:
            found = np.exp([-WIDEST if least >= 0 else WIDEST])
        else:
            found = np.exp([brentq(lambda log: loss(np.exp([log]))[1][0], -WIDEST, WIDEST, xtol=1e-12)])
    else:
        bounds = [(np.exp(-WIDEST), np.exp(WIDEST)), *[(None, None)] * biases]
        options = {"ftol": 1e-15, "gtol": 1e-9, "maxiter": 1000}
        found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options).x
    best = found if loss(found)[0] < loss(start)[0] else start
    return float(best[0]), best[1:]


def _steps(prob: Array, flags: Array) -> Steps | None:
    """Isotonic regression of a class; None where it has too few records."""
    if min(flags.sum(), (~flags).sum()) < FEWEST_FOR_STEPS:
        return None
    from sklearn.isotonic import IsotonicRegression

    fitted = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(prob, flags.astype(float))
    return Steps(at=tuple(fitted.X_thresholds_.tolist()), value=tuple(fitted.y_thresholds_.tolist()))


def _adding_up(prob: Array, otherwise: Array) -> Array:
    """Rows divided by their sum, and other rows where that is zero."""
    total = prob.sum(axis=1, keepdims=True)
    return np.where(total > 0, prob / np.where(total > 0, total, 1.0), otherwise)

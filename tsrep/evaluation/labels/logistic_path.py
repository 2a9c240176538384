"""Penalised logistic regression for all classes and a path of values of C, preconditioned once.

Minimises what scikit-learn minimises, ``C * sum(loss) + ||w||^2 / 2`` with a free intercept. Features
out of an encoder are strongly correlated, so plain L-BFGS takes hundreds of steps. One
eigendecomposition of the Gram matrix turns the features into uncorrelated ones; in that basis the
curvature at the start is ``1 + C * variance * eigenvalue`` for any ``C``, which is divided out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
from threadpoolctl import ThreadpoolController

from tsrep.evaluation.arrays import Array

Link = Literal["sigmoid", "softmax"]
_MOST_STEPS = 1000
_ONE_THREAD = 2**26  # bytes of features up to which one BLAS thread is the fastest


def logistic_path(
    x: Array,
    y: Array,
    C: Sequence[float],
    *,
    link: Link,
    tolerance: float = 1e-5,
) -> Iterator[tuple[Array, Array]]:
    """Weights and intercepts for each value of C, each solution started from the one before.

    Parameters
    ----------
    x : float array, shape (sample, feature)
        Standardised; the arithmetic is in its precision.
    y : array, shape (sample, column), 0 or 1
        With the sigmoid each column is a problem of its own; with softmax one column a class.
    C : sequence of float
        Values, inverse regularisation strengths; ascending is fastest.
    link : str
    tolerance : float
        Stops when the preconditioned gradient has fallen to this part of the gradient at zero.

    Yields
    ------
    weight : float64 array, shape (feature, column)
    intercept : float64 array, shape (column,)
    """
    libraries = ThreadpoolController()
    basis, spread, rotated = _decorrelate(x, libraries)
    y = np.asarray(y)
    rate, columns = y.mean(axis=0, dtype=np.float64), y.shape[1]
    outcome = y.argmax(axis=1) if link == "softmax" else np.asarray(y, x.dtype)
    variance = np.maximum(rate * (1 - rate), 1e-3)
    zero = np.zeros((rotated.shape[1] + 1, columns))  # the last row is the intercept
    zero[-1] = _start(rate, link)
    w = zero
    for c in C:
        curvature = np.concatenate([1 + c * np.outer(spread, variance), c * len(x) * variance[None]])
        # thin products over little data: waking a second thread costs more than it does
        with libraries.limit(limits=1 if x.nbytes < _ONE_THREAD else None, user_api="blas"):
            w = _solve(rotated, outcome, zero, w, c, 1 / np.sqrt(curvature), link, tolerance)
        yield basis @ w[:-1], w[-1]


def _decorrelate(x: Array, libraries: ThreadpoolController) -> tuple[Array, Array, Array]:
    """Basis (feature, r) of uncorrelated directions, their sums of squares (r,), and ``x @ basis``."""
    if len(x) < x.shape[1]:
        with libraries.limit(limits=1, user_api="blas"):
            _, singular, rows = np.linalg.svd(x.astype(np.float64), full_matrices=False)
        basis, spread = rows.T, singular**2
    else:
        gram = (x.T @ x).astype(np.float64)
        with libraries.limit(limits=1, user_api="blas"):
            spread, basis = np.linalg.eigh(gram)
    keep = spread > 1e-10 * max(float(spread.max(initial=0)), 1e-30)
    basis, spread = basis[:, keep], spread[keep]
    return basis, spread, x @ basis.astype(x.dtype)


def _start(rate: Array, link: Link) -> Array:
    """Intercepts that give the class rates."""
    rate = np.clip(rate, 1e-6, 1 - 1e-6)
    if link == "sigmoid":
        return np.asarray(np.log(rate / (1 - rate)))
    return np.asarray(np.log(rate) - np.log(rate).mean())


def _solve(
    x: Array,
    outcome: Array,
    zero: Array,
    start: Array,
    c: float,
    scale: Array,
    link: Link,
    tolerance: float,
) -> Array:
    from scipy.optimize import minimize  # slow to import, and few commands fit anything

    def objective(flat: Array) -> tuple[float, Array]:
        w = flat.reshape(start.shape) * scale
        logit = x @ w[:-1].astype(x.dtype)
        logit += w[-1].astype(x.dtype)
        loss, slope = _of_classes(logit, outcome) if link == "softmax" else _of_columns(logit, outcome)
        gradient = np.concatenate([c * (x.T @ slope), c * slope.sum(axis=0, keepdims=True, dtype=np.float64)])
        gradient[:-1] += w[:-1]
        return c * loss + 0.5 * float((w[:-1] ** 2).sum()), (gradient * scale).ravel()

    steepest = float(np.abs(objective((zero / scale).ravel())[1]).max())
    found = minimize(
        objective,
        (start / scale).ravel(),
        jac=True,
        method="L-BFGS-B",
        options={"gtol": tolerance * max(steepest, 1e-12), "ftol": 0.0, "maxiter": _MOST_STEPS, "maxcor": 10},
    )
    return np.asarray(found.x.reshape(start.shape) * scale)


def _of_columns(logit: Array, y: Array) -> tuple[float, Array]:
    """Negative log-likelihood of all columns, summed, and its slope by the logits."""
    from scipy.special import expit  # loads slowly, and a refusal needs none

    softplus = np.log1p(np.exp(-np.abs(logit))) + np.maximum(logit, 0)
    return float((softplus - y * logit).sum(dtype=np.float64)), expit(logit) - y


def _of_classes(logit: Array, label: Array) -> tuple[float, Array]:
    """As :func:`_of_columns`, of one class a sample; the slope takes the place of the logits."""
    samples = np.arange(len(logit))
    logit -= logit.max(axis=1, keepdims=True)
    loss = -logit[samples, label].sum(dtype=np.float64)
    slope = np.exp(logit, out=logit)
    total = slope.sum(axis=1, keepdims=True)
    slope /= total
    slope[samples, label] -= 1
    return float(loss + np.log(total).sum(dtype=np.float64)), slope

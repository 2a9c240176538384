"""Linear heads on representations of look-backs: one ridge for all channels, in closed form."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from tsrep.errors import DataError
from tsrep.evaluation.arrays import Array
from tsrep.evaluation.forecasts.errors import Forecast
from tsrep.evaluation.forecasts.outcomes import Measuring
from tsrep.evaluation.forecasts.ridge import FrozenFeatures, Regression, choose_alpha
from tsrep.evaluation.forecasts.ridge_path import Moments, RidgePath
from tsrep.evaluation.forecasts.rows import Rows, blocks, complete_ahead, origins, subsample
from tsrep.signals.series import Span

_PRODUCTS = 2e11  # multiplications of a fit or of a choice, half a minute of one core
_LEAST = 4096  # rows that are fitted however wide they are


@dataclass(frozen=True, eq=False)
class Head:
    """A fitted ridge: its forecasts, penalty, training rows, and rows left out for missing values."""

    forecast: Forecast
    alpha: float
    fitted: int
    dropped: int


def fit_head(
    represented: FrozenFeatures, measuring: Measuring, horizon: int, name: str, alphas: Sequence[float]
) -> Head:
    """A ridge fitted on the training part, its penalty chosen on later steps.

    Parameters
    ----------
    represented : Represented
    measuring : Measuring
        With the settings' ``skip`` the first steps of a span without a whole look-back.
    horizon : int
    name : str
        For error messages.
    alphas : sequence of float
        Penalties to choose from.

    Raises
    ------
    DataError
        When representations have another shape or are not finite where needed, or gaps leave nothing to fit.

    Notes
    -----
    Representations of several thousand features would make the sums over rows and the choice of the penalty
    take longer than training. A fit and a choice are therefore held to 2e11 multiplications each: rows are
    drawn, at least 4,096 (ETTh1 keeps all of its 58,000 rows up to 1,800 features). Where rows are fewer than
    features the ridge is solved through the rows' Gram matrix, which is exact.
    """
    spans, largest = measuring.spans, measuring.settings.largest
    regression, skip = represented.regression(measuring.values), measuring.settings.skipped
    probe = origins(spans.train, horizon, skip=skip)[:1]
    width, outputs = _width(regression.features(0, probe), name), horizon * regression.channels

    def fitted(span: Span) -> tuple[RidgePath, int, int]:
        steps = origins(span, horizon, skip=skip)
        complete = [steps[complete_ahead(each, horizon)[steps]] for each in regression.values]
        rows = subsample(complete, _affordable(width, outputs, largest))
        path, n = _fit(
            _finite_rows(regression, rows, horizon, width), sum(map(len, rows)), represented.intercept
        )
        if path is None:
            raise DataError(
                f"no training step has a finite representation by {name} and all of the next {horizon} "
                "values; fill the gaps of the series or choose a shorter horizon"
            )
        possible = len(steps) * len(complete)
        return path, n, possible - sum(map(len, complete)) + sum(map(len, rows)) - n

    path, n, dropped = fitted(spans.train)
    trial = path if spans.fit == spans.train else fitted(spans.fit)[0]
    choosing = subsample(
        [origins(spans.choose, horizon)] * len(regression.values),
        _affordable(width, outputs * len(alphas), largest),
    )
    choice = choose_alpha(trial, regression, choosing, horizon, alphas, width=width)
    if not np.isfinite(choice.mse):
        start, stop = spans.choose
        raise DataError(
            f"representations by {name} are not finite for every step from {start} to {stop}, where the "
            "penalty of the ridge is chosen; fill the gaps of the series or check the encoder"
        )
    per = len(regression.values) // len(measuring.values)
    return Head(_forecast(regression, path, choice.alpha, width, per), choice.alpha, n, dropped)


def _fit(rows: Iterator[tuple[Array, Array]], most: int, intercept: bool) -> tuple[RidgePath | None, int]:
    """The path out of finite rows, at most so many, and how many they are; None without any."""
    if (first := next(rows, None)) is None:
        return None, 0
    parts = chain([first], rows)
    if intercept and most < first[0].shape[1]:
        x, y = (np.concatenate(each) for each in zip(*parts, strict=True))
        return RidgePath.of_rows(x, y), len(x)
    moments = Moments.around(*(each.mean(axis=0) * intercept for each in first))
    for x, y in parts:
        moments.add(x, y)
    return moments.path(intercept=intercept), moments.n


def _finite_rows(
    regression: Regression, rows: Rows, horizon: int, width: int
) -> Iterator[tuple[Array, Array]]:
    for instance, steps in blocks(rows, max(width, horizon * regression.channels)):
        x, y = regression.x(instance, steps), regression.y(instance, steps, horizon)
        finite = np.isfinite(x).all(axis=1) & np.isfinite(y).all(axis=1)
        if finite.any():
            yield (x, y) if finite.all() else (x[finite], y[finite])


def _forecast(regression: Regression, path: RidgePath, alpha: float, width: int, per: int) -> Forecast:
    """Forecasts of all channels of an instance, which has so many rows of the regression."""
    coefficients, intercept = path.coefficients(alpha)

    def ahead(row: int, steps: Array) -> Array:
        flat = [
            regression.restored(regression.x(row, part) @ coefficients.T + intercept, row, part)
            for _, part in blocks([steps], max(width, len(intercept)))
        ]
        return np.concatenate(flat)

    return lambda instance, steps: np.concatenate(
        [ahead(row, steps) for row in range(instance * per, (instance + 1) * per)], axis=-1
    )


def _width(features: Array, name: str) -> int:
    if features.ndim != 2 or len(features) != 1:
        raise DataError(
            f"representations by {name} of one step have shape {features.shape}; give one row of features a "
            "step, shape (row, dim)"
        )
    return int(features.shape[1])


def _affordable(width: int, outputs: int, largest: int) -> int:
    """Rows of a fit or a choice."""
    return min(largest, max(_LEAST, int(_PRODUCTS / (width * max(width, outputs)))))

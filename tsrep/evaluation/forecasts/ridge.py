"""Ridge regression of the next values on features of a step, its penalty chosen on later steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tsrep.errors import DataError
from tsrep.evaluation.arrays import Array
from tsrep.evaluation.forecasts.ridge_path import Moments, RidgePath
from tsrep.evaluation.forecasts.rows import Rows, beyond, blocks, future

Read = Callable[[int, Array], Array]
Represent = Callable[[int, int | None, Array], Array]  # (instance, channel, steps) -> (row, ...)


@dataclass(frozen=True)
class Regression:
    """What is regressed on what.

    Attributes
    ----------
    features : callable
        Of an instance's number and steps: features, shape (row, feature).
    values : sequence of arrays, shape (channel, time)
        Of each instance; what follows a step is its target.
    base : callable, optional
        Like ``features``: an amount per channel, shape (row, channel), that targets are relative to.
    """

    features: Read
    values: Sequence[Array]
    base: Read | None = None

    @property
    def channels(self) -> int:
        """Channels that are forecast."""
        return len(self.values[0])

    def x(self, instance: int, steps: Array) -> Array:
        """Features in float64."""
        return self.features(instance, steps).astype(np.float64)

    def y(self, instance: int, steps: Array, horizon: int) -> Array:
        """Targets, shape (row, horizon * channel)."""
        ahead = future(self.values[instance], steps, horizon).astype(np.float64)
        if self.base is not None:
            ahead -= self.base(instance, steps)[:, None]
        return ahead.reshape(len(steps), -1)

    def forecast(self, path: RidgePath, alpha: float, instance: int, steps: Array) -> Array:
        """Predictions on the scale of the values, shape (row, horizon, channel)."""
        return self.restored(path.predict(path.project(self.x(instance, steps)), alpha), instance, steps)

    def restored(self, flat: Array, instance: int, steps: Array) -> Array:
        """Predicted targets on the scale of the values, shape (row, horizon, channel)."""
        ahead = flat.reshape(len(steps), -1, self.channels)
        return ahead if self.base is None else ahead + self.base(instance, steps)[:, None]


@dataclass(frozen=True, eq=False)
class FrozenFeatures:
    """A representation of look-backs, as a ridge sees it.

    Attributes
    ----------
    read : callable
        Of an instance's number, a channel's number and int array of steps: one finite row of features for
        the look-back that ends at each step, shape (row, dim). Any number of steps may be asked for.
    independent : bool
        Whether channels are represented apart, by the same network, so that one ridge maps each to its own
        future. Without, the channel is None and one ridge maps a row to the future of all channels.
    base : callable, optional
        Like ``read``, what targets are relative to, shape (row, channel), one channel where ``independent``:
        what an instance normalisation took off the look-back, such as its mean.
    intercept : bool
        Whether forecasts may lie off their base by an amount that no feature explains.
    """

    read: Represent
    independent: bool = True
    base: Represent | None = None
    intercept: bool = True

    def regression(self, values: Sequence[Array]) -> Regression:
        """The rows of all instances, and of all channels in turn where they are apart."""
        channels = len(values[0])

        def placed(read: Represent) -> Callable[[int, Array], Array]:
            if self.independent:
                return lambda row, steps: read(*divmod(row, channels), steps)
            return lambda row, steps: read(row, None, steps)

        return Regression(
            placed(self.read),
            [each[c : c + 1] for each in values for c in range(channels)] if self.independent else values,
            None if self.base is None else placed(self.base),
        )


def fit_paths(regression: Regression, rows: Mapping[int, Rows]) -> Iterator[tuple[int, RidgePath]]:
    """Ridge paths for several horizons, longest first.

    Targets of a shorter horizon are among those of the longer one. Where its rows contain those of the
    longer one too (only the last steps are new), just the new rows are added to the sums.

    Parameters
    ----------
    regression : Regression
    rows : mapping of horizon to rows

    Raises
    ------
    DataError
        When a horizon has no rows.
    """
    moments, last = None, None
    for horizon in sorted(rows, reverse=True):
        if not sum(map(len, rows[horizon])):
            raise DataError(
                f"no training step has finite features and all of the next {horizon} values; fill the gaps "
                "of the series or choose shorter horizons"
            )
        width = horizon * regression.channels
        new = None if last is None else beyond(rows[horizon], last)
        if moments is None or new is None:
            moments, new = _start(regression, rows[horizon], horizon), rows[horizon]
        else:
            moments = moments.first(width)
        for instance, steps in blocks(new, width):
            moments.add(regression.x(instance, steps), regression.y(instance, steps, horizon))
        last = rows[horizon]
        yield horizon, moments.path()


@dataclass(frozen=True)
class Choice:
    """A penalty and its errors where it was chosen."""

    alpha: float
    mse: float
    mae: float


def choose_alpha(
    path: RidgePath,
    regression: Regression,
    rows: Rows,
    horizon: int,
    alphas: Sequence[float],
    *,
    width: int = 1,
) -> Choice:
    """The penalty with the smallest root mean squared plus mean absolute error; the first one of equals.

    Parameters
    ----------
    path : RidgePath
    regression : Regression
    rows : list of int arrays
        Steps of each instance.
    horizon : int
    alphas : sequence of float
    width : int
        Features, where they may be so many that memory has to be kept small.

    References
    ----------
    The published protocol of TS2Vec, CoST and AutoTCL.

    Raises
    ------
    DataError
        When none of the rows has a target.
    """
    squared, absolute, n = np.zeros(len(alphas)), np.zeros(len(alphas)), 0
    for instance, steps in blocks(rows, max(width, horizon * regression.channels)):
        target = regression.y(instance, steps, horizon)
        projected = path.project(regression.x(instance, steps))
        there = ~np.isnan(target)
        gaps = None if there.all() else ~there
        n += int(there.sum())
        for i, alpha in enumerate(alphas):
            error = path.predict(projected, alpha)
            error -= target
            if gaps is not None:
                error[gaps] = 0
            squared[i] += np.vdot(error, error)
            absolute[i] += np.abs(error, out=error).sum()
    if not n:
        raise DataError(
            f"there are no values to choose the penalty for horizon {horizon} by; fill the gaps of the series"
        )
    mse, mae = squared / n, absolute / n
    best = int(np.argmin(np.sqrt(mse) + mae))
    return Choice(alphas[best], float(mse[best]), float(mae[best]))


def _start(regression: Regression, rows: Rows, horizon: int) -> Moments:
    """Empty sums around the means of some of the rows."""
    instance = max(range(len(rows)), key=lambda i: len(rows[i]))
    some = rows[instance][:: max(1, len(rows[instance]) // 256)]
    y = regression.y(instance, some, horizon).reshape(len(some), horizon, -1).mean(axis=(0, 1))
    return Moments.around(regression.x(instance, some).mean(axis=0), np.tile(y, horizon))

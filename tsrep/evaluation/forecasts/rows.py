"""Steps of series as rows of a regression: which of them, and the values that follow each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from tsrep.evaluation.arrays import Array
from tsrep.signals.series import Span

Rows = list[Array]  # for each instance its steps, ascending

_CELLS = 2**21  # predictions or targets held in memory together


def origins(span: Span, horizon: int, *, skip: int = 0, stride: int = 1) -> Array:
    """Steps of a span whose next ``horizon`` steps lie inside it too."""
    return np.arange(span[0] + skip, span[1] - horizon, stride)


def complete_ahead(values: Array, horizon: int) -> Array:
    """Whether all of the next ``horizon`` values are there, shape (time,); False where the series ends.

    Parameters
    ----------
    values : array, shape (channel, time)
    """
    gaps = np.concatenate([[0], np.cumsum(np.isnan(values).any(axis=0))])
    complete = np.zeros(values.shape[1], bool)
    if horizon < values.shape[1]:
        complete[:-horizon] = gaps[horizon + 1 :] == gaps[1:-horizon]
    return complete


def future(values: Array, steps: Array, horizon: int) -> Array:
    """The values after each step, shape (row, horizon, channel).

    Parameters
    ----------
    values : array, shape (channel, time)
    steps : int array, shape (row,)
    horizon : int
    """
    ahead: Array = sliding_window_view(values, horizon, axis=1)[:, steps + 1]
    return ahead.transpose(1, 2, 0)


def subsample(rows: Rows, largest: int) -> Rows:
    """At most so many rows of all instances together.

    The same ones that scikit-learn's ``train_test_split(train_size=largest, random_state=0)`` would take
    from the rows in order, as in the published protocol, but nothing is materialised.
    """
    total = sum(map(len, rows))
    if total <= largest:
        return rows
    from sklearn.model_selection import train_test_split

    taken = np.sort(train_test_split(np.arange(total), train_size=largest, random_state=0)[0])
    ends = np.cumsum([len(steps) for steps in rows])
    parts = np.split(taken, np.searchsorted(taken, ends[:-1]))
    return [steps[part - end + len(steps)] for steps, part, end in zip(rows, parts, ends, strict=True)]


def beyond(rows: Rows, others: Rows) -> Rows | None:
    """The rows that are not among the others, or None where some of the others are not among the rows."""
    if not all(np.isin(fewer, more).all() for more, fewer in zip(rows, others, strict=True)):
        return None
    return [np.setdiff1d(more, fewer, assume_unique=True) for more, fewer in zip(rows, others, strict=True)]


def blocks(rows: Sequence[Array], width: int) -> Iterator[tuple[int, Array]]:
    """(instance, steps), so many steps at a time that rows of ``width`` cells fit into memory."""
    at_once = max(64, _CELLS // width)
    for instance, steps in enumerate(rows):
        for at in range(0, len(steps), at_once):
            yield instance, steps[at : at + at_once]

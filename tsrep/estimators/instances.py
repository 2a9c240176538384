"""What sktime hands over, as one array with ids: NumPy panels and data frames with a multi-index."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tsrep.errors import ConfigError, DataError
from tsrep.signals import Panel
from tsrep.signals.panel import Floats, Ints
from tsrep.signals.standardise import Scaler, fit_scaler

LONGEST = 256  # steps of a training sample where one instance alone must give several


@dataclass(frozen=True, eq=False)
class Instances:
    """Instances of one or of different lengths, with what they belong to.

    Attributes
    ----------
    values : float32 array, shape (instance, channel, time)
        Shorter instances end in NaN.
    length : int64 array, shape (instance,)
        Steps of each.
    patient, trial : int64 arrays, shape (instance,)
    channels : tuple of str
    index : pd.Index
        Name of each instance, for tables.
    grouped : bool
        Whether patients are known; else each instance counts as one.
    """

    values: Floats
    length: Ints
    patient: Ints
    trial: Ints
    channels: tuple[str, ...]
    index: pd.Index
    grouped: bool = False

    def __len__(self) -> int:
        return len(self.values)

    def windows(self, length: int | None, hop: int | None = None) -> Windows:
        """Every window of ``length`` steps; a shorter instance is one window, as is each without a length."""
        if length is None:
            return Windows(np.arange(len(self)), np.zeros(len(self), np.int64), self.length)
        counts = np.maximum((self.length - length) // (hop or length) + 1, 1)
        row = np.repeat(np.arange(len(self)), counts)
        number = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
        return Windows(row, number * (hop or length), np.minimum(self.length, length)[row])

    def standardised(
        self, windows: Windows, scaler: Scaler | None, shortest: int = 1
    ) -> Iterator[tuple[Panel, Ints]]:
        """Standardised windows of one length after the other, with their numbers.

        Windows of different lengths stay apart, so that the missing steps after a short one are never pooled.

        Parameters
        ----------
        windows : Windows
        scaler : Scaler or None
            What signals are standardised by; None standardises each instance by itself.
        shortest : int
            Steps that a window must have.

        Raises
        ------
        DataError
            When one has fewer.
        """
        short = int(windows.length.argmin())
        if windows.length[short] < shortest:
            raise DataError(
                f"instance {self.index[windows.row[short]]} has {windows.length[short]} steps, fewer than "
                f"the {shortest} of one step of the encoder; leave it out or use one such as dilated-conv"
            )
        scaler = scaler or fit_scaler(self.panel(self.windows(None), int(self.length.max())), "record")
        for length in np.unique(windows.length):
            index = np.flatnonzero(windows.length == length)
            alike = Windows(windows.row[index], windows.start[index], windows.length[index])
            yield scaler.apply(self.panel(alike, int(length))), index

    def means(
        self, read: Callable[[Panel], NDArray[Any]], window: int | None, scaler: Scaler | None, shortest: int
    ) -> NDArray[np.float64]:
        """Mean over the windows of each instance, shape (instance, value), of ``read`` of their panel.

        Raises
        ------
        DataError
            When a window is shorter than ``shortest``.
        """
        windows = self.windows(window)
        parts = [(index, read(panel)) for panel, index in self.standardised(windows, scaler, shortest)]
        index, values = (np.concatenate(each) for each in zip(*parts, strict=True))
        total = np.zeros((len(self), values.shape[1]))
        np.add.at(total, windows.row[index], values)
        return total / np.bincount(windows.row)[:, None]

    def training_length(self, window: int | None) -> int:
        """Steps of a training sample: the window, else the longest instance, else half of the only one."""
        longest = int(self.length.max())
        if window is None:
            return longest if len(self) > 1 else min(LONGEST, longest // 2)
        if window > longest:
            raise ConfigError(
                f"window is {window} steps, and the longest instance has {longest}; shorten it or give None"
            )
        return window

    def panel(self, windows: Windows, length: int, label: Ints | None = None, classes: int = 1) -> Panel:
        """Panel of windows as samples of ``length`` steps; shorter ones end in NaN."""
        store = self.values
        if length > store.shape[2]:
            store = np.pad(store, ((0, 0), (0, 0), (0, length - store.shape[2])), constant_values=np.nan)
        whole = Panel.from_arrays(
            store,
            label=np.zeros(len(self), np.int64) if label is None else label,
            patient=self.patient,
            trial=self.trial,
            sfreq=1,
            channels=self.channels,
            classes=[str(c) for c in range(classes)],
        )
        return replace(whole.select(windows.row), start=windows.start, length=length)


@dataclass(frozen=True, eq=False)
class Windows:
    """Parts of instances: which, from which step on, and how many steps; int64 arrays, shape (window,)."""

    row: Ints
    start: Ints
    length: Ints


def places(index: pd.MultiIndex) -> tuple[Ints, Ints]:
    """Instance and step of each row; instances are numbered as they appear, the last level is time."""
    instances = _grouped(index, index.nlevels - 1)
    return instances.ngroup().to_numpy(np.int64), instances.cumcount().to_numpy(np.int64)


def _grouped(index: pd.MultiIndex, levels: int) -> Any:
    """Rows with equal values in the first levels, in order of appearance."""
    return pd.Series(0, index=index).groupby(level=[*range(levels)], sort=False, dropna=False)


def instances_of(x: Any) -> Instances:
    """From what sktime passes on: an array (instance, channel, time), or a data frame with a multi-index.

    Of three levels the first is the patient; of four and more the first two are patient and trial. The last
    is time.

    Raises
    ------
    DataError
        When there is no instance, or a value is infinite.
    """
    found = _of_array(x) if isinstance(x, np.ndarray) else _of_frame(x)
    if not len(found) or not found.values.shape[2]:
        raise DataError("there are no time steps to learn from; give at least one instance with values")
    if np.isinf(found.values).any():
        row, channel, step = np.argwhere(np.isinf(found.values))[0]
        raise DataError(
            f"instance {found.index[row]} has an infinite value in channel {found.channels[channel]} at step "
            f"{step}; mark it as missing (NaN) or fix it"
        )
    return found


def _of_array(x: NDArray[Any]) -> Instances:
    each, length = np.arange(len(x)), np.full(len(x), x.shape[2], np.int64)
    return Instances(_float32(x), length, each, each, numbered(x.shape[1]), pd.RangeIndex(len(x)))


def numbered(channels: int) -> tuple[str, ...]:
    """Names of channels that have none."""
    return tuple(f"ch{i}" for i in range(channels))


def _of_frame(x: pd.DataFrame) -> Instances:
    instance, step = places(x.index)
    first, length = np.flatnonzero(step == 0), np.bincount(instance)
    values = np.full((len(length), x.shape[1], length.max(initial=0)), np.nan, np.float32)
    values[instance, :, step] = _float32(x.to_numpy())

    def group(first_levels: int) -> Ints:
        if x.index.nlevels <= first_levels + 1:
            return np.arange(len(length))
        numbers: Ints = _grouped(x.index, first_levels).ngroup().to_numpy(np.int64)
        return numbers[first]

    return Instances(
        values=values,
        length=length.astype(np.int64),
        patient=group(1),
        trial=group(2),
        channels=tuple(map(str, x.columns)),
        index=x.index.droplevel(-1)[first],
        grouped=x.index.nlevels > 2,
    )


def _float32(x: NDArray[Any]) -> Floats:
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(x, np.float32)


def with_ids(x: NDArray[Any], *, patient: Sequence[Any], trial: Sequence[Any] | None = None) -> pd.DataFrame:
    """An array with ids as a data frame that sktime knows as hierarchical.

    Parameters
    ----------
    x : array, shape (instance, channel, time)
    patient : sequence, length instance
        Whom each instance is of.
    trial : sequence, length instance, optional
        Which recording of the patient each instance is of; without it each instance is a recording.

    Returns
    -------
    pd.DataFrame
        With the levels patient, trial (where given), sample and time. Rows are sorted by the ids, and
        instances with equal ids stay in their order.

    Raises
    ------
    DataError
        When there is not one id for each instance.
    """
    x = np.asarray(x)
    ids = {"patient": patient} if trial is None else {"patient": patient, "trial": trial}
    for name, values in ids.items():
        if x.ndim != 3 or len(values) != len(x):
            raise DataError(
                f"{len(values)} values of {name} for an array of shape {x.shape}; give one for each instance "
                "of an array (instance, channel, time)"
            )
    table = pd.DataFrame({name: list(values) for name, values in ids.items()})
    table["sample"] = table.groupby(list(ids)).cumcount()
    order = table.sort_values(list(table.columns), kind="stable").index.to_numpy()
    steps = x.shape[2]
    repeated = table.loc[np.repeat(order, steps)].assign(time=np.tile(np.arange(steps), len(x)))
    return pd.DataFrame(
        x[order].transpose(0, 2, 1).reshape(-1, x.shape[1]),
        index=pd.MultiIndex.from_frame(repeated),
        columns=numbered(x.shape[1]),
    )

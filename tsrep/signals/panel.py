"""A panel: many equally long samples of a multichannel signal, each with label, trial and patient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from tsrep.errors import DataError
from tsrep.signals.chunked_store import ChunkedStore
from tsrep.signals.mapped_pages import MappedPages

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Panel:
    """Samples cut from a store of recordings; immutable, and cheap to select from.

    A sample is ``length`` steps of one row of the store from ``start`` on, so windows and subsets
    share the store (often a memory map) and copy nothing until :meth:`take`.

    Attributes
    ----------
    store : array or ChunkedStore, shape (record, channel, time), float32 or int16
        Recorded values; with int16 they are counts. Missing values are NaN and need a float store.
    gain, offset : float32 arrays, broadcastable to (record, channel)
        ``store * gain + offset`` is the signal in ``unit`` (or standardised, see ``standardise``).
    row, start : int64 arrays, shape (sample,)
        Where a sample lies in the store; ``start`` in time steps.
    length : int
        Time steps per sample.
    label : int64 array, shape (sample,), or bool array, shape (sample, class)
        Class index, or for multi-label targets one flag per class.
    trial, patient : int64 arrays, shape (sample,)
        Identifiers; a trial belongs to one patient.
    fold : int64 array, shape (sample,), or None
        The official fold, where the data set has one.
    sfreq : float
        Sampling rate, Hz.
    channels, classes : tuples of str
    unit : str
        Of the signal, such as ``"mV"``.
    patient_names : tuple of str
        Where patients have names: ``patient_names[patient[i]]``. Empty when the number is the name.
    skipped : tuple of (record, reason)
        Records that were left out when the data were read.
    source : str
        What the data are, for captions, such as ``"PTB-XL 1.0.3"``.
    digest : str
        Hash of the sources and of how they were read.
    synthetic : bool
        Whether the signals were simulated; reports say so.
    covariates : int
        So many leading channels are known in advance, such as the time of day: encoders see them, views
        leave them as they are.
    """

    store: NDArray[Any] | ChunkedStore
    gain: Floats
    offset: Floats
    row: Ints
    start: Ints
    length: int
    label: NDArray[Any]
    trial: Ints
    patient: Ints
    sfreq: float
    channels: tuple[str, ...]
    classes: tuple[str, ...]
    unit: str = ""
    fold: Ints | None = None
    patient_names: tuple[str, ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()
    source: str = ""
    digest: str = ""
    synthetic: bool = False
    covariates: int = 0

    def __post_init__(self) -> None:
        _check(self)

    @classmethod
    def from_arrays(
        cls,
        x: NDArray[Any],
        *,
        label: Sequence[Any] | NDArray[Any],
        patient: Sequence[int] | Ints,
        sfreq: float,
        trial: Sequence[int] | Ints | None = None,
        channels: Sequence[str] | None = None,
        classes: Sequence[str] | None = None,
        scale: float = 1.0,
        **more: Any,
    ) -> Panel:
        """Panel of whole records.

        Parameters
        ----------
        x : array, shape (record, channel, time)
            Kept as it is when int16 or float32, otherwise converted to float32.
        label : array, shape (record,) of int, or (record, class) of bool
        patient, trial : arrays, shape (record,) of int
            Without ``trial`` each record is one.
        scale : float
            Unit per stored count.
        **more
            Other attributes of the panel, such as ``unit`` or ``fold``.

        Raises
        ------
        DataError
            When shapes disagree or a trial is shared between patients.
        """
        x = np.asanyarray(x)
        if x.ndim != 3:
            raise DataError(f"a panel needs an array of shape (record, channel, time), got shape {x.shape}")
        if x.dtype not in (np.int16, np.float32):
            x = x.astype(np.float32)
        labels = np.asarray(label)
        labels = labels.astype(bool if labels.ndim == 2 else np.int64)
        n_classes = labels.shape[1] if labels.ndim == 2 else int(labels.max(initial=-1)) + 1
        return cls(
            store=x,
            gain=np.full((1, 1), scale, np.float32),
            offset=np.zeros((1, 1), np.float32),
            row=np.arange(len(x)),
            start=np.zeros(len(x), np.int64),
            length=x.shape[2],
            label=labels,
            trial=np.arange(len(x)) if trial is None else np.asarray(trial, np.int64),
            patient=np.asarray(patient, np.int64),
            sfreq=float(sfreq),
            channels=tuple(channels or (f"ch{i}" for i in range(x.shape[1]))),
            classes=tuple(classes or (str(i) for i in range(n_classes))),
            **more,
        )

    def __len__(self) -> int:
        return len(self.row)

    @property
    def multilabel(self) -> bool:
        """Whether a sample can have several classes at once."""
        return self.label.ndim == 2

    @cached_property
    def x(self) -> Floats:
        """All samples, shape (sample, channel, time), float32: a copy, for panels that fit in memory."""
        return self.take(np.arange(len(self)))

    @cached_property
    def pages(self) -> MappedPages:
        """To be told what is read of the store, which may be a memory map larger than memory."""
        return MappedPages(self.store)

    def take(self, index: Ints) -> Floats:
        """Signals of some samples, shape (len(index), channel, time), float32, in ``unit``."""
        row, start = self.row[index], self.start[index]
        raw = self._windows(row, start)
        self.pages.touched(len(row))
        gain, offset = self.gain_and_offset(row)
        return np.asarray(raw * gain[:, :, None] + offset[:, :, None], np.float32)

    def _windows(self, row: Ints, start: Ints) -> NDArray[Any]:
        if isinstance(self.store, ChunkedStore):
            return self.store.windows(row, start, self.length)
        picked: NDArray[Any] = sliding_window_view(self.store, self.length, axis=2)[row, :, start]
        return picked

    def select(self, index: NDArray[Any]) -> Panel:
        """Panel of the given samples (indices or a mask), on the same store."""
        index = np.flatnonzero(index) if np.asarray(index).dtype == bool else np.asarray(index, np.int64)
        return replace(
            self,
            row=self.row[index],
            start=self.start[index],
            label=self.label[index],
            trial=self.trial[index],
            patient=self.patient[index],
            fold=None if self.fold is None else self.fold[index],
        )

    def windows(self, length: int, hop: int | None = None) -> Panel:
        """Panel of windows of ``length`` steps every ``hop`` steps (default: no overlap), on the same store.

        Steps at the end of a sample that do not fill a window are left out. Every window keeps the
        label, trial and patient of its sample.
        """
        hop = length if hop is None else hop
        if not 1 <= length <= self.length:
            raise DataError(
                f"a window of {length} steps does not fit samples of {self.length} steps "
                f"({self.length / self.sfreq:g} s); shorten the window"
            )
        if hop < 1:
            raise DataError(f"windows must advance by at least one step, not {hop}")
        offsets = np.arange(0, self.length - length + 1, hop)
        each = np.repeat(np.arange(len(self)), len(offsets))
        cut = self.select(each)
        return replace(cut, start=cut.start + np.tile(offsets, len(self)), length=length)

    def gain_and_offset(self, row: Ints) -> tuple[Floats, Floats]:
        """Gain and offset of some rows of the store, each of shape (len(row) or 1, channel or 1)."""
        gain = self.gain if len(self.gain) == 1 else self.gain[row]
        offset = self.offset if len(self.offset) == 1 else self.offset[row]
        return gain, offset


def _check(panel: Panel) -> None:
    if panel.store.ndim != 3:
        raise DataError(f"a panel's store has shape (record, channel, time), got {panel.store.shape}")
    if panel.store.dtype not in (np.int16, np.float32):
        raise DataError(f"a panel's store is int16 or float32, got {panel.store.dtype}")
    if len(panel.channels) != panel.store.shape[1]:
        raise DataError(
            f"{len(panel.channels)} channel names for {panel.store.shape[1]} channels; name each channel once"
        )
    if panel.sfreq <= 0:
        raise DataError(f"the sampling rate must be positive, got {panel.sfreq} Hz")
    n = len(panel.row)
    per_sample = {"start": panel.start, "label": panel.label, "trial": panel.trial, "patient": panel.patient}
    if panel.fold is not None:
        per_sample["fold"] = panel.fold
    for name, values in per_sample.items():
        if len(values) != n:
            raise DataError(f"{len(values)} values of {name} for {n} samples; give one for each sample")
    if panel.label.ndim == 2 and panel.label.shape[1] != len(panel.classes):
        raise DataError(
            f"{panel.label.shape[1]} label columns for {len(panel.classes)} classes; name each class once"
        )
    if n and panel.label.ndim == 1 and not 0 <= panel.label.min() <= panel.label.max() < len(panel.classes):
        raise DataError(
            f"class indices run from {panel.label.min()} to {panel.label.max()} "
            f"but there are {len(panel.classes)} classes"
        )
    order = np.argsort(panel.trial, kind="stable")
    trial, patient = panel.trial[order], panel.patient[order]
    shared = trial[1:][(trial[1:] == trial[:-1]) & (patient[1:] != patient[:-1])]
    if len(shared):
        raise DataError(f"trial {shared[0]} belongs to more than one patient; give every trial its own id")

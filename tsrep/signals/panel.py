"""A panel: many equally long samples of a multichannel signal, each with label, trial and patient."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from tsrep.errors import DataError
from tsrep.signals.large_stores import ChunkedStore, MappedPages
from tsrep.signals.names import modality_of
from tsrep.signals.panel_checks import (
    COLUMNS,
    Modality,
    as_array,
    check_panel,
    column,
    converted,
    scaling,
    whole,
)
from tsrep.text import in_a_line, in_html, origin, some

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]
# fields that the hash of the stored content covers, or that describe the data to people only
UNHASHED = ("store", "gain", "offset", "skipped", "excluded", "source", "digest", "cache")


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
    sfreq : float
        Sampling rate, Hz.
    channels, classes : tuples of str
    unit : str
        Of the signal, such as ``"mV"``.
    fold : int64 array, shape (sample,), or None
        The official fold, where the data set has one.
    patient_names : tuple of str
        Where patients have names: ``patient_names[patient[i]]``. Empty when the number is the name.
    record_names : tuple of str
        What the publisher calls each row of the store; empty when nothing is known.
    modality : str
        ``"ecg"``, ``"eeg"``, ``"series"`` or ``"other"``.
    history : tuple of str
        Operations applied to the recordings before they were stored, in order, such as
        ``"band 0.5-45 Hz"``, ``"notch 50 Hz"``, ``"reference average"`` or
        ``"resampled 500->100 Hz polyphase"``.
    cohort : int64 array, shape (sample,), or None
        Data set or source of each sample: ``cohort_names[cohort[i]]``.
    cohort_names : tuple of str
    group : int64 array, shape (sample,), or None
        Unit that a split may not divide, at least a whole patient: patients who share a recording form one.
        None stands for the patients.
    meta : mapping of str to array, shape (trial,)
        What is known of each trial besides its label, such as ``age`` (years, NaN when unknown or more than
        89, which ``over_89`` says), ``sex`` (``"F"``, ``"M"`` or ``""``), ``device``, ``site``, ``date`` and
        ``quality``, in the order of
        :attr:`trials`. Never an input of an encoder.
    target : float32 array, shape (sample, target), or None
        Numbers to predict by regression.
    target_known : bool array, shape (sample, target), or None
        Which of them are known; None for all.
    target_names, target_units : tuples of str
    known : bool array, shape of ``label``, or None
        Which labels the source states, False where it says nothing about a class; None for all.
    skipped : tuple of (record, reason)
        Records that were left out when the data were read.
    excluded : tuple of (reason, number, what)
        How many readable records, or beats or epochs of records, are not in the panel, and why: such as
        ``("no label of the task", 12, "recording")``.
    source : str
        What the data are, for captions, such as ``"PTB-XL 1.0.3"``.
    digest : str
        Hash of the content of the recordings and of everything said of them; see :meth:`hashed`.
    synthetic : bool
        Whether the signals were simulated; reports say so.
    covariates : int
        So many leading channels are known covariates, such as the time of day: encoders see them, views
        leave them as they are.
    cache : Path or None
        Folder that keeps what is worked out of the recordings, such as their fingerprints.
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
    record_names: tuple[str, ...] = ()
    modality: Modality = "other"
    history: tuple[str, ...] = ()
    cohort: Ints | None = None
    cohort_names: tuple[str, ...] = ()
    group: Ints | None = None
    meta: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    target: Floats | None = None
    target_known: NDArray[np.bool_] | None = None
    target_names: tuple[str, ...] = ()
    target_units: tuple[str, ...] = ()
    known: NDArray[np.bool_] | None = None
    skipped: tuple[tuple[str, str], ...] = ()
    excluded: tuple[tuple[str, int, str], ...] = ()
    source: str = ""
    digest: str = ""
    synthetic: bool = False
    covariates: int = 0
    cache: Path | None = None

    def __post_init__(self) -> None:
        vars(self).update(converted(self))
        check_panel(self)

    @classmethod
    def from_store(
        cls,
        store: NDArray[Any] | ChunkedStore,
        *,
        gain: Any = 1.0,
        offset: Any = 0.0,
        row: Ints | None = None,
        trial: Sequence[int] | Ints | None = None,
        **fields: Any,
    ) -> Panel:
        """Panel of whole records of a store, or with ``start`` and ``length`` of parts of them.

        Parameters
        ----------
        store : array or ChunkedStore, shape (record, channel, time), int16 or float32
        gain, offset : float, or float32 arrays broadcastable to (record, channel)
        row : int64 array, shape (sample,), optional
            Records that are samples; all when missing.
        trial : int64 array, shape (sample,), optional
            Without it each sample is one.
        **fields
            Other attributes of the panel.
        """
        row = np.arange(len(store)) if row is None else column("row", row)
        records = {"start": np.zeros(len(row), np.int64), "length": store.shape[2]}
        return cls(
            store=store,
            gain=scaling("gain", gain),
            offset=scaling("offset", offset),
            row=row,
            trial=np.arange(len(row)) if trial is None else column("trial", trial),
            **(records | fields),
        )

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
        **fields: Any,
    ) -> Panel:
        """Panel of whole records.

        Parameters
        ----------
        x : array, shape (record, channel, time)
            Kept as it is when int16 or float32, otherwise converted to float32.
        label : array, shape (record,) of int, or (record, class) of bool
        patient, trial : arrays, shape (record,) of int
            Without ``trial`` each record is one.
        sfreq : float, Hz
        channels, classes : sequences of str, optional
        scale : float
            Unit per stored count.
        **fields
            Other attributes of the panel, such as ``unit`` or ``fold``.

        Raises
        ------
        DataError
            When shapes disagree, a value is no label, number or mask, or a trial is shared between patients.
        """
        x = as_array("x", x)
        if x.ndim != 3:
            raise DataError(f"a panel needs an array of shape (record, channel, time), got shape {x.shape}")
        if x.dtype.kind not in "biuf":
            raise DataError(f"a panel needs numbers, got {x.dtype}; convert the signals first")
        if x.dtype not in (np.int16, np.float32):
            x = x.astype(np.float32)
        labels = column("label", label)
        n_classes = labels.shape[1] if labels.ndim == 2 else int(labels.max(initial=-1)) + 1
        return cls.from_store(
            x,
            gain=scale,
            label=labels,
            trial=trial,
            patient=patient,
            sfreq=sfreq,
            channels=tuple(f"ch{i}" for i in range(x.shape[1])) if channels is None else channels,
            classes=tuple(str(i) for i in range(n_classes)) if classes is None else classes,
            **fields,
        )

    @property
    def _facts(self) -> dict[str, str]:
        """What to show of it, empty where it is not known."""
        return {
            "of": origin(self.source, self.synthetic),
            "samples": f"{len(self):,}",
            "records": f"{len(np.unique(self.trial)):,}",
            "patients": f"{len(np.unique(self.patient)):,}",
            "channels": some(self.channels),
            "length": f"{self.length} steps at {self.sfreq:g} Hz",
            "unit": self.unit,
            "classes": some(self.classes),
        }

    def __repr__(self) -> str:
        return in_a_line("Panel", {key: each for key, each in self._facts.items() if key != "classes"})

    def _repr_html_(self) -> str:
        return in_html("Panel", self._facts)

    def plot(self, record: int | str = 0, ax: Axes | None = None) -> Axes:
        """Plot one sample; see :func:`tsrep.signals.plot.plot_sample`."""
        from tsrep.signals.plot import plot_sample

        return plot_sample(self, record, ax)

    def __len__(self) -> int:
        return len(self.row)

    @property
    def multilabel(self) -> bool:
        """Whether a sample can have several classes at once."""
        return self.label.ndim == 2

    @cached_property
    def labelled(self) -> NDArray[np.bool_]:
        """Which samples have a label that is wholly known, shape (sample,); none without classes."""
        if self.known is None or not self.classes:
            return np.full(len(self), bool(self.classes))
        return self.known if self.known.ndim == 1 else np.all(self.known, axis=1)

    @cached_property
    def stated(self) -> NDArray[np.bool_]:
        """Which samples have a label that is known of one class at least, shape (sample,)."""
        if self.known is None or self.known.ndim == 1:
            return self.labelled
        return np.asarray(self.known.any(axis=1))

    @cached_property
    def class_mask(self) -> NDArray[np.bool_] | None:
        """Which classes are known, shape (sample, class); None where samples know all or none."""
        known = self.known
        return None if known is None or known.ndim == 1 or known.all() else known

    @cached_property
    def positive(self) -> NDArray[np.bool_]:
        """Which samples are known to have which class, shape (sample, class)."""
        flags = self.label if self.multilabel else self.label[:, None] == np.arange(len(self.classes))
        if self.known is None:
            return flags
        return flags & (self.known[:, None] if self.known.ndim == 1 else self.known)

    @cached_property
    def trials(self) -> Ints:
        """Identifiers of the trials, ascending; the order of the arrays in :attr:`meta`."""
        return np.unique(self.trial)

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
        raw = self.raw(index)
        gain, offset = self.gain_and_offset(self.row[index])
        return np.asarray(raw * gain[:, :, None] + offset[:, :, None], np.float32)

    def raw(self, index: Ints) -> NDArray[Any]:
        """Some samples as they are stored, shape (len(index), channel, time)."""
        row, start = self.row[index], self.start[index]
        self.pages.reads(row)
        if isinstance(self.store, ChunkedStore):
            return self.store.windows(row, start, self.length)
        windows: NDArray[Any] = sliding_window_view(self.store, self.length, axis=2)[row, :, start]
        return windows

    def select(self, index: NDArray[Any]) -> Panel:
        """Panel of the given samples (indices or a mask), on the same store.

        Raises
        ------
        DataError
            When a mask has not one value for each sample, or an index is of no sample.
        """
        index = self._indices(index)
        chosen: dict[str, Any] = {name: values[index] for name, values in self.per_sample().items()}
        left = np.searchsorted(self.trials, np.unique(chosen["trial"])) if self.meta else index
        meta = {name: values[left] for name, values in self.meta.items()}
        return replace(self, **chosen, meta=meta)

    def _indices(self, index: NDArray[Any]) -> Ints:
        index, n = np.asarray(index), len(self)
        if index.dtype == bool and index.shape == (n,):
            return np.flatnonzero(index)
        if index.ndim != 1 or (index.size and index.dtype.kind not in "iu"):
            raise DataError(
                f"samples are selected by a mask of shape ({n},) or by whole numbers, not by {index.dtype} "
                f"of shape {index.shape}"
            )
        if index.size and not -n <= index.min() <= index.max() < n:
            raise DataError(f"samples {index.min()} to {index.max()} are selected of a panel of {n}")
        return index.astype(np.int64, copy=False)

    def per_sample(self) -> dict[str, NDArray[Any]]:
        """Fields with one entry for each sample, as far as they are given."""
        values = {name: getattr(self, name) for name in COLUMNS}
        return {name: array for name, array in values.items() if array is not None}

    def hashed(self, content: str = "") -> Panel:
        """The panel with a digest of all that is said of its samples and of what the store holds.

        Parameters
        ----------
        content : str
            Hash of the recorded values, or of the files that they come from; without it they are hashed here.
        """
        if not content:
            parts = np.array_split(np.arange(len(self)), len(self) // 256 + 1)
            content = digest_of(*(digest_of(self.take(part)) for part in parts))
        said = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in UNHASHED}
        meta = [part for item in sorted(said.pop("meta").items()) for part in item]
        return replace(self, digest=digest_of(content, *said.values(), *meta))

    def with_channels(self, channels: Sequence[str]) -> Panel:
        """The panel with the named channels only, in that order.

        The store is shared where they lie at even distances in it; else it is written anew, into the cache
        where it is large.

        Raises
        ------
        DataError
            When there is no such channel, or one is named twice.
        """
        for name in channels:
            if name not in self.channels:
                raise DataError(
                    f"the recordings have no channel {name!r}; they have {', '.join(self.channels)}"
                )
        from tsrep.signals.rewriting import picked

        picks = np.array([self.channels.index(name) for name in channels], np.int64)
        return picked(self, picks, np.ones(len(picks), np.float32), "channels", channels=tuple(channels))

    def renamed(self, channels: Sequence[str]) -> Panel:
        """The panel with other names of its channels, which may say for the first time what they are of."""
        modality = modality_of(channels) if self.modality == "series" else self.modality
        digest = digest_of(self.digest, tuple(channels)) if self.digest else ""
        return replace(self, channels=tuple(channels), modality=modality, digest=digest)

    def kept_in(self, folder: Path) -> Panel:
        """The panel with a folder for what is worked out of its recordings."""
        return replace(self, cache=folder)

    def windows(self, length: int, hop: int | None = None) -> Panel:
        """Panel of windows of ``length`` steps every ``hop`` steps (default: no overlap), on the same store.

        Steps at the end of a sample that do not fill a window are left out. Every window keeps the
        label, trial and patient of its sample.
        """
        hop = length if hop is None else hop
        if not whole(length) or not whole(hop):
            raise DataError(f"windows of {length!r} steps every {hop!r} are asked for; give whole numbers")
        if hop < 1:
            raise DataError(f"windows must advance by at least one step, not {hop}")
        return self.cut(np.arange(0, self.length - length + 1, hop), length)

    def cut(self, starts: Ints, length: int) -> Panel:
        """Panel of windows of ``length`` steps of every sample, one from each of ``starts`` on.

        Parameters
        ----------
        starts : int64 array, shape (window,)
            From the first step of a sample.
        length : int

        Raises
        ------
        DataError
            When samples are shorter than a window.
        """
        if not 1 <= length <= self.length:
            raise DataError(
                f"a window of {length} steps does not fit samples of {self.length} steps "
                f"({self.length / self.sfreq:g} s); shorten window.seconds"
            )
        each = np.repeat(np.arange(len(self)), len(starts))
        cut = self.select(each)
        return replace(cut, start=cut.start + np.tile(starts, len(self)), length=length)

    def gain_and_offset(self, row: Ints) -> tuple[Floats, Floats]:
        """Gain and offset of some rows of the store, each of shape (len(row) or 1, channel or 1)."""
        gain, offset = (values if len(values) == 1 else values[row] for values in (self.gain, self.offset))
        return gain, offset


def digest_of(*parts: Any) -> str:
    """Hash of arrays and of anything with a stable ``repr``, 16 hexadecimal digits."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            digest.update(f"{part.dtype}{part.shape}".encode())
        digest.update(part.tobytes() if isinstance(part, np.ndarray) else f"{part!r}|".encode())
    return digest.hexdigest()[:16]

"""What is true of recordings whose predictions are scored: their classes and patients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsrep.errors import DataError
from tsrep.evaluation.arrays import Array
from tsrep.evaluation.labels.metrics import positives
from tsrep.signals.panel import Ints


@dataclass(frozen=True)
class Columns:
    """Which columns of a table say what.

    Attributes
    ----------
    id : str
        The recording.
    patient : str or None
        None takes each recording for another patient.
    label : str
        Class names, several divided by ``;``; where there is no such column each class has one of 0 and 1.
    where : tuple of (column, value)
        Rows that count have these values.
    """

    id: str = "record"
    patient: str | None = "patient"
    label: str = "label"
    where: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, eq=False)
class Truth:
    """What is true of each recording.

    Attributes
    ----------
    name : str
        Of the file, for messages.
    record : tuple of str
    label : int64 array, shape (recording,), or bool array, shape (recording, class)
    classes : tuple of str
    patient : int64 array, shape (recording,)
    aliases : tuple of tuple of str
        Other names of the recordings.
    unknown : int
        Recordings that are left out, as their labels are not wholly known.
    """

    name: str
    record: tuple[str, ...]
    label: NDArray[Any]
    classes: tuple[str, ...]
    patient: Ints
    aliases: tuple[tuple[str, ...], ...] = ()
    unknown: int = 0

    def __len__(self) -> int:
        return len(self.record)

    @property
    def multilabel(self) -> bool:
        """Whether a recording can have several classes."""
        return self.label.ndim == 2

    @property
    def rates(self) -> Array:
        """Share of the recordings with each class, shape (class,)."""
        return np.asarray(positives(self.label, len(self.classes)).mean(axis=0))

    def only(self, rows: Ints) -> Truth:
        """Some recordings."""
        record = tuple(self.record[row] for row in rows)
        return replace(self, record=record, label=self.label[rows], patient=self.patient[rows])

    def as_multilabel(self) -> Truth:
        """The same, where each recording might have had several classes."""
        return replace(self, label=positives(self.label, len(self.classes)))

    def as_exclusive(self) -> Truth:
        """The same, where each recording has exactly one class.

        Raises
        ------
        DataError
            When one has none or several.
        """
        if not self.multilabel:
            return self
        bad = np.flatnonzero(self.label.sum(axis=1) != 1)
        if len(bad):
            raise DataError(
                f"record {self.record[bad[0]]} of {self.name} has {self.label[bad[0]].sum()} classes, not "
                "one; leave --no-multilabel out"
            )
        return replace(self, label=self.label.argmax(axis=1))

    def of_classes(self, classes: Sequence[str]) -> Truth:
        """With classes in a given order, some of which no recording may have.

        Raises
        ------
        DataError
            When a recording has a class that is none of them.
        """
        flags = positives(self.label, len(self.classes))
        at = [self.classes.index(name) if name in self.classes else -1 for name in classes]
        found = np.where(np.array(at) >= 0, flags[:, at], False)  # (recording, class)
        if self.multilabel:
            return replace(self, label=found, classes=tuple(classes))
        lost = np.flatnonzero(~found.any(axis=1))
        if len(lost):
            name = self.classes[self.label[lost[0]]]
            raise DataError(
                f"record {self.record[lost[0]]} of {self.name} is {name!r}, which no column predicts (there "
                f"are {', '.join(classes)}); predict it too, or leave its recordings out with --where"
            )
        return replace(self, label=found.argmax(axis=1), classes=tuple(classes))

    def named_like(self, predicted: Sequence[str]) -> Truth:
        """With those of its names that predictions use most."""
        wanted = set(predicted)
        names = max((self.record, *self.aliases), key=lambda names: len(wanted.intersection(names)))
        return replace(self, record=names, aliases=())

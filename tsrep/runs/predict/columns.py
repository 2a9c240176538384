"""The columns of a table of predictions, and what a recording has in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from tsrep.errors import ConfigError
from tsrep.evaluation.arrays import Array
from tsrep.evaluation.heads.kept_head import Cell, ColumnKind, KeptHead

Status = Literal["ok", "partial", "failed"]


@dataclass(frozen=True)
class Column:
    """Name of a column, and whether it holds text, float64 numbers or counts."""

    name: str
    kind: ColumnKind


@dataclass(frozen=True, eq=False)
class Windows:
    """The windows of a recording that were predicted.

    Attributes
    ----------
    start, stop : float64 arrays, shape (window,)
        Seconds from the beginning of the recording.
    scores : float64 array, shape (window, output)
        Uncalibrated outputs of the head, such as probabilities.
    """

    start: Array
    stop: Array
    scores: Array

    @property
    def seconds(self) -> float:
        """Length of the signal that is in some window."""
        if not len(self.start):
            return 0.0
        order = np.argsort(self.start, kind="stable")
        start, stop = self.start[order], np.maximum.accumulate(self.stop[order])
        before = np.concatenate([[start[0]], stop[:-1]])
        return float(np.maximum(stop - np.maximum(start, before), 0).sum())


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of a recording.

    Attributes
    ----------
    record, patient : str
    windows : Windows or None
        None where it failed.
    notes, doubts : tuples of str
        What was done to its signals in particular, and what is doubtful of them.
    reason : str
        Why it failed, or why some windows were left out.
    targets : mapping
        Cells of what is known of it, by column.
    """

    record: str
    patient: str = ""
    windows: Windows | None = None
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    reason: str = ""
    targets: Mapping[str, Cell] = field(default_factory=dict)

    @property
    def status(self) -> Status:
        """Whether there is a prediction, and whether all windows are in it."""
        if self.windows is None:
            return "failed"
        return "partial" if self.reason else "ok"


@dataclass(frozen=True, eq=False)
class Layout:
    """Which columns a table has, and how outcomes fill them.

    Attributes
    ----------
    head : KeptHead
    probabilities : bool
        Whether there is a column for each class.
    calibrated : bool
    targets : tuple of Column
        What is known of recordings.
    """

    head: KeptHead
    probabilities: bool = True
    calibrated: bool = True
    targets: tuple[Column, ...] = ()

    def __post_init__(self) -> None:
        names = [column.name for column in self.records]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ConfigError(f"two columns would be called {twice}; leave --with-targets out")

    @property
    def records(self) -> tuple[Column, ...]:
        """Columns of the table with a row for each recording."""
        return (
            *(Column(name, "text") for name in ("record", "patient", "status")),
            *_columns(self.head.columns(probabilities=self.probabilities)),
            Column("windows", "count"),
            Column("seconds", "number"),
            Column("notes", "text"),
            Column("reason", "text"),
            *self.targets,
        )

    @property
    def windows(self) -> tuple[Column, ...]:
        """Columns of the table with a row for each window."""
        return (
            Column("record", "text"),
            Column("window", "count"),
            Column("start_seconds", "number"),
            Column("stop_seconds", "number"),
            *_columns(self.head.window_columns(probabilities=self.probabilities)),
        )

    def record_row(self, outcome: Outcome) -> tuple[Cell, ...]:
        """The row of a recording, in the order of :attr:`records`."""
        outputs = np.zeros((0, 0)) if outcome.windows is None else outcome.windows.scores
        made = self.head.cells(outputs, calibrated=self.calibrated)
        said: dict[str, Cell] = {
            "record": outcome.record,
            "patient": outcome.patient,
            "status": outcome.status,
            "windows": 0 if outcome.windows is None else len(outcome.windows.start),
            "seconds": 0.0 if outcome.windows is None else outcome.windows.seconds,
            "notes": "; ".join((*outcome.notes, *outcome.doubts)),
            "reason": outcome.reason,
        }
        cells = {**outcome.targets, **made, **said}
        return tuple(cells.get(column.name) for column in self.records)

    def window_rows(self, outcome: Outcome) -> Iterator[tuple[Cell, ...]]:
        """The rows of a recording's windows, in the order of :attr:`windows`."""
        if outcome.windows is None or not len(outcome.windows.start):
            return
        windows = outcome.windows
        rows = self.head.window_cells(
            windows.scores, probabilities=self.probabilities, calibrated=self.calibrated
        )
        for k, cells in enumerate(rows):
            yield (outcome.record, k, float(windows.start[k]), float(windows.stop[k]), *cells)


def _columns(kinds: Mapping[str, ColumnKind]) -> Iterator[Column]:
    return (Column(name, kind) for name, kind in kinds.items())

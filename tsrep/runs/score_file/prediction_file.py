"""Predictions as a file holds them: a table with one row per recording or window, or an array."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from scipy.special import expit, softmax

from tsrep.datasets.tables.identifiers import spelled
from tsrep.datasets.tables.reading import PARQUET, Table, read_parquet, read_table, read_text, row_of
from tsrep.errors import DataError
from tsrep.evaluation.arrays import Array

PREFIX = "p_"
WINDOW = "window"
SUMS_TO = 1e-3  # of 1, for probabilities of exclusive classes


@dataclass(frozen=True, eq=False)
class Predicted:
    """What a file predicts.

    Attributes
    ----------
    path : Path
    record : tuple of str
        Of each row.
    window : tuple of str
        Of each row, where rows are windows; else empty.
    classes : tuple of str
    values : float64 array, shape (row, class)
        Probabilities, or logits until :meth:`probabilities` is asked for; NaN where there is no prediction.
    """

    path: Path
    record: tuple[str, ...]
    window: tuple[str, ...]
    classes: tuple[str, ...]
    values: Array

    def __post_init__(self) -> None:
        seen: set[tuple[str, ...]] = set()
        for key in zip(*(column for column in (self.record, self.window) if column), strict=True):
            if key in seen:
                where = f"window {key[1]} of record {key[0]}" if self.window else f"record {key[0]}"
                more = "" if self.window else f", or name the windows in a column {WINDOW!r}"
                raise DataError(f"{where} is predicted twice in {self.path}; keep one row of it{more}")
            seen.add(key)

    @cached_property
    def known(self) -> Array:
        """Whether each row holds a prediction of every class, bool array, shape (row,)."""
        return np.asarray(np.isfinite(self.values).all(axis=1))

    def of_classes(self, classes: Sequence[str]) -> Predicted:
        """The columns of some classes in their order; of two exclusive classes one column is enough.

        Raises
        ------
        DataError
            When a class is not predicted.
        """
        if absent := [name for name in classes if name not in self.classes]:
            raise DataError(
                f"{self.path} predicts {', '.join(self.classes)} but not {', '.join(absent)}; predict all "
                "classes that are scored, or name fewer with --classes"
            )
        at = [self.classes.index(name) for name in classes]
        return replace(self, classes=tuple(classes), values=self.values[:, at])

    def with_opposite(self, other: str) -> Predicted:
        """With the probability of not being of the only class as that of another one."""
        values = np.concatenate([1 - self.values, self.values], axis=1)
        return replace(self, classes=(other, *self.classes), values=values)

    def from_logits(self, *, multilabel: bool) -> Predicted:
        """With probabilities in place of logits: a sigmoid of each, or a softmax of exclusive classes."""
        exclusive = not multilabel and self.values.shape[1] > 1
        with np.errstate(invalid="ignore"):
            values = softmax(self.values, axis=1) if exclusive else expit(self.values)
        return replace(self, values=np.where(self.known[:, None], values, np.nan))

    def refuse_other_than_probabilities(self) -> None:
        """Check that all values are from 0 to 1.

        Raises
        ------
        DataError
        """
        with np.errstate(invalid="ignore"):
            bad = np.argwhere((self.values < 0) | (self.values > 1))
        if len(bad):
            row, column = bad[0]
            raise DataError(
                f"{PREFIX}{self.classes[column]} of record {self.record[row]} in {self.path} is "
                f"{self.values[row, column]:g}, which is no probability; if these are logits use --logits"
            )

    def refuse_other_sums(self) -> None:
        """Check that the probabilities of exclusive classes add up to 1.

        Raises
        ------
        DataError
        """
        total = self.values.sum(axis=1)
        bad = np.flatnonzero(self.known & (np.abs(total - 1) > SUMS_TO))
        if len(bad):
            raise DataError(
                f"{PREFIX}… of record {self.record[bad[0]]} in {self.path} sum to {total[bad[0]]:.3g}, not "
                "1; is it multi-label? (then use --multilabel)"
            )


def read_predicted(
    path: Path,
    *,
    id: str,
    offered: Callable[[Path], Sequence[str]],
    classes: Sequence[str] = (),
    ids: Path | None = None,
) -> Predicted:
    """Read a CSV, TSV or Parquet table, or a ``.npy`` array with the names of its rows.

    Parameters
    ----------
    path : Path
    id : str
        Column that names the recording; a column ``window`` besides makes rows windows.
    offered : callable
        Gives names of classes of the truth, for tables without a column ``p_CLASS``.
    classes : sequence of str
        To read; by default those of the columns ``p_CLASS``, else of those that are called like classes.
    ids : Path, optional
        Text file with the name of each row of an array, one a line.

    Raises
    ------
    DataError
        When the file cannot be read, a column is missing or a value is no number.
    """
    if path.suffix == ".npy":
        return _of_array(path, classes, ids)
    header = columns_of(path)
    named = {name: _column(name, header) for name in classes or _classes(path, header, offered)}
    window = [WINDOW] if WINDOW in header else []
    table = read_table(path, [id, *window, *named.values()])
    return Predicted(
        path,
        tuple(spelled(table[id])),
        tuple(spelled(table[WINDOW])) if window else (),
        tuple(named),
        np.stack([_numbers(path, column, table) for column in named.values()], axis=1),
    )


def columns_of(path: Path) -> list[str]:
    """Names of the columns of a table.

    Raises
    ------
    DataError
        When it cannot be read.
    """
    return list(map(str, read_parquet(path).columns)) if path.suffix in PARQUET else read_text(path)[0]


def _column(name: str, header: Sequence[str]) -> str:
    """Where a class is predicted."""
    return f"{PREFIX}{name}" if f"{PREFIX}{name}" in header or name not in header else name


def _classes(path: Path, header: Sequence[str], offered: Callable[[Path], Sequence[str]]) -> list[str]:
    found = [name.removeprefix(PREFIX) for name in header if name.startswith(PREFIX)]
    found = found or [name for name in offered(path) if name in header]
    if not found:
        raise DataError(
            f"{path} has no column of probabilities; call them {PREFIX}CLASS, or name the classes with "
            "--classes"
        )
    return found


def _numbers(path: Path, column: str, table: Table) -> Array:
    """A column as float64, exactly as written; an empty cell is NaN."""
    cells = [cell.strip() or "nan" for cell in table[column]]
    try:
        return np.array(cells).astype(np.float64)
    except ValueError:
        bad = next(row for row, cell in enumerate(cells) if not _is_number(cell))
    raise DataError(f"{row_of(path, bad)} has {cells[bad]!r} as {column}, which must be a number")


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _of_array(path: Path, classes: Sequence[str], ids: Path | None) -> Predicted:
    if ids is None:
        raise DataError(f"{path} does not name its rows; give a text file with one name a line with --ids")
    try:
        values = np.atleast_2d(np.load(path, allow_pickle=False).astype(np.float64).T).T
        names = tuple(spelled(ids.read_text(encoding="utf-8-sig").splitlines()))
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path} with the names in {ids} cannot be read ({error})") from error
    if not classes:
        raise DataError(f"{path} does not name its {values.shape[-1]} classes; give them with --classes")
    if values.shape != (len(names), len(classes)):
        raise DataError(
            f"{path} has shape {values.shape} for {len(names)} names in {ids} and {len(classes)} classes; "
            "give one row for each name and one column for each class"
        )
    return Predicted(path, names, (), tuple(classes), values)

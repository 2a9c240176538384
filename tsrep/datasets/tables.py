"""Reading the CSV files that come with recordings, with messages that name file, row and column."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tsrep.errors import DataError
from tsrep.registry import nearest
from tsrep.signals.panel import Ints

Table = dict[str, list[str]]


def read_table(path: Path, columns: Sequence[str]) -> Table:
    """Some columns of a CSV file as text.

    Raises
    ------
    DataError
        When the file cannot be read, is empty, or lacks a column.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            rows = csv.reader(stream)
            header = next(rows, [])
            body = [row for row in rows if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read as a CSV file ({error})") from error
    at = [_position(path, header, column) for column in columns]
    if not body:
        raise DataError(f"{path} has a header but no rows; it must have one row per record")
    short = next((i for i, row in enumerate(body) if len(row) <= max(at, default=0)), None)
    if short is not None:
        raise DataError(
            f"row {short + 2} of {path} has {len(body[short])} fields of {len(header)}; complete it"
        )
    return {column: [row[i] for row in body] for column, i in zip(columns, at, strict=True)}


def integers(path: Path, column: str, values: Sequence[str]) -> Ints:
    """Whole numbers of a column, also when written as ``15709.0``.

    Raises
    ------
    DataError
        At the first value that is not a whole number.
    """
    try:
        numbers = np.array(values, dtype=np.float64)
    except ValueError:
        numbers = np.array([_number(value) for value in values])
    bad = np.flatnonzero(~np.isfinite(numbers) | (numbers != np.floor(numbers)))
    if len(bad):
        raise DataError(
            f"row {bad[0] + 2} of {path} has {values[bad[0]]!r} as {column}, which must be a whole number"
        )
    return numbers.astype(np.int64)


def codes(values: Sequence[str]) -> tuple[Ints, tuple[str, ...]]:
    """Numbers for names, in sorted order, and the names; whole numbers keep their value and need no names."""
    try:
        numbers = np.array(values, dtype=np.float64)
        if np.isfinite(numbers).all() and (numbers == np.floor(numbers)).all():
            return numbers.astype(np.int64), ()
    except ValueError:
        pass
    names, index = np.unique(np.array(values, dtype=np.str_), return_inverse=True)
    return index.astype(np.int64), tuple(names.tolist())


def refuse_duplicates(path: Path, column: str, values: Sequence[str] | Ints) -> None:
    """Raise a DataError at the first value that two rows share."""
    unique, first, count = np.unique(np.asarray(values), return_index=True, return_counts=True)
    if (count > 1).any():
        twice = unique[count > 1][np.argmin(first[count > 1])]
        raise DataError(f"{path} has {column} {twice} in more than one row; keep one row per record")


def _position(path: Path, header: list[str], column: str) -> int:
    if column not in header:
        hint = nearest(column, [name for name in header if name] or ["no columns"])
        raise DataError(f"{path} has no column {column!r}; {hint}")
    return header.index(column)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")

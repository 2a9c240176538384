"""Labels, patients and folds from a user's own CSV or Parquet file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsrep.datasets.tables.identifiers import spelled
from tsrep.datasets.tables.own_metadata import read_metadata
from tsrep.datasets.tables.own_targets import Targets, Wanted
from tsrep.datasets.tables.reading import Table, codes, integers, is_missing, read_table, row_of
from tsrep.errors import DataError
from tsrep.signals.panel import Ints

NUMBER = re.compile(r"[0-9]+(\.[0-9]*)?|\.[0-9]+")
TRUE = {"1", "1.0", "true", "yes"}
NO_TARGETS = Wanted()
FALSE = {"0", "0.0", "false", "no"}


@dataclass(frozen=True)
class Records:
    """What a table says of each record (row).

    Attributes
    ----------
    label : int64 array (record,) or bool array (record, class)
    classes : tuple of str
    patient : int64 array
    patient_names : tuple of str
    trial, fold : int64 arrays or None
    names : tuple of str
        Of the ``record`` column, empty without one.
    targets : Targets or None
    meta : mapping of str to array, shape (record,)
        See :attr:`tsrep.signals.panel.Panel.meta`.
    """

    label: NDArray[Any]
    classes: tuple[str, ...]
    patient: Ints
    patient_names: tuple[str, ...]
    trial: Ints | None = None
    fold: Ints | None = None
    names: tuple[str, ...] = ()
    targets: Targets | None = None
    meta: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def of_rows(self, rows: Ints) -> Records:
        """The same of some rows of the table, in their order."""
        targets = self.targets
        return replace(
            self,
            label=self.label[rows],
            patient=self.patient[rows],
            trial=None if self.trial is None else self.trial[rows],
            fold=None if self.fold is None else self.fold[rows],
            names=tuple(self.names[row] for row in rows) if self.names else (),
            targets=None if targets is None else replace(targets, values=targets.values[rows]),
            meta={name: values[rows] for name, values in self.meta.items()},
        )

    def fields(self, records: Ints) -> dict[str, Any]:
        """Fields of a panel whose samples are these records, without those that the table does not give."""
        columns = {"label": self.label, "patient": self.patient, "trial": self.trial, "fold": self.fold}
        chosen = {name: values[records] for name, values in columns.items() if values is not None}
        numbers = {} if self.targets is None else self.targets.fields(records)
        trial = chosen.get("trial", np.arange(len(records)))
        first = np.asarray(records)[np.unique(trial, return_index=True)[1]]
        meta = {"meta": {name: values[first] for name, values in self.meta.items()}} if self.meta else {}
        return {**chosen, "classes": self.classes, "patient_names": self.patient_names, **numbers, **meta}


def read_records(
    path: Path,
    *,
    patient: str,
    label: str | Sequence[str] | None,
    trial: str | None = None,
    fold: str | None = None,
    record: str | None = None,
    targets: Wanted = NO_TARGETS,
    meta: Sequence[str] = (),
) -> Records:
    """Read a table with one row per record.

    Parameters
    ----------
    path : Path
    patient, trial, fold, record : str or None
        Names of columns.
    label : str, sequence of str or None
        One column of class names (several to a cell, divided by ``;``, make the task multi-label), or
        several columns of 0 and 1, one per class; None where there are none.
    targets : Wanted
        Columns with numbers to predict.
    meta : sequence of str
        Columns for :func:`~tsrep.datasets.tables.own_metadata.read_metadata`.

    Notes
    -----
    Names are read as :func:`~tsrep.datasets.tables.identifiers.spelled` has them, so that ``1.0`` is ``1``.

    Raises
    ------
    DataError
        When a column is missing, or a value is empty or not what it should be.
    """
    label_columns = [label] if isinstance(label, str) else list(label or ())
    columns = [c for c in (patient, trial, fold, record) if c is not None]
    table = read_table(path, list(dict.fromkeys([*columns, *label_columns, *targets.names, *meta])))
    empty = next(((c, i) for c in columns for i, v in enumerate(table[c]) if is_missing(v)), None)
    if empty is not None:
        raise DataError(f"{row_of(path, empty[1])} has no {empty[0]}; every record needs one")
    records = records_of(path, table, label_columns, patient=patient, trial=trial, fold=fold)
    records = replace(records, targets=targets.read(path, table), meta=read_metadata(path, table, meta))
    return records if record is None else replace(records, names=tuple(table[record]))


def records_of(
    path: Path, table: Table, label: Sequence[str], *, patient: str, trial: str | None, fold: str | None
) -> Records:
    """What the cells of some columns, one per record, say.

    Raises
    ------
    DataError
        When a value is not what it should be.
    """
    values: NDArray[Any] = np.zeros((len(table[patient]), 0), bool)
    classes: tuple[str, ...] = ()
    if len(label) == 1:
        values, classes = _named(path, label[0], table[label[0]])
    elif label:
        values, classes = _flags(path, table, label), tuple(label)
    patients, names = codes(table[patient])
    return Records(
        label=values,
        classes=classes,
        patient=patients,
        patient_names=names,
        trial=None if trial is None else codes(table[trial])[0],
        fold=None if fold is None else integers(path, fold, table[fold]),
    )


def _named(path: Path, column: str, cells: Sequence[str]) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Class numbers, or flags where a cell names several, and the names of the classes.

    Raises
    ------
    DataError
        When a cell is empty.
    """
    named = {cell: spelled([name for name in cell.split(";") if not is_missing(name)]) for cell in set(cells)}
    classes = tuple(sorted({name for names in named.values() for name in names}, key=natural))
    if any(";" in cell for cell in named):
        flags = {cell: [name in names for name in classes] for cell, names in named.items()}
        return np.array([flags[cell] for cell in cells], bool), classes
    bare = next((row for row, cell in enumerate(cells) if not named[cell]), None)
    if bare is not None:
        raise DataError(f"{row_of(path, bare)} has no {column}; give it a class or remove the row")
    number = {name: i for i, name in enumerate(classes)}
    numbers = {cell: number[names[0]] for cell, names in named.items()}
    return np.array([numbers[cell] for cell in cells], np.int64), classes


def natural(name: str) -> tuple[int, float, str]:
    """Key that sorts numbers by value and before names."""
    return (0, float(name), "") if NUMBER.fullmatch(name) else (1, 0.0, name)


def _flags(path: Path, table: Table, columns: Sequence[str]) -> NDArray[np.bool_]:
    cells = {column: [cell.strip().lower() for cell in table[column]] for column in columns}
    for column in columns:
        odd = next((row for row, cell in enumerate(cells[column]) if cell not in TRUE | FALSE), None)
        if odd is not None:
            has = "no" if is_missing(table[column][odd]) else f"{table[column][odd]!r} as"
            raise DataError(
                f"{row_of(path, odd)} has {has} {column}; with several label columns each is 0 or 1"
            )
    return np.array([[cell in TRUE for cell in cells[column]] for column in columns]).T

"""Truths in files: a table with one row per recording, or the tables of PTB-XL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from tsrep.datasets.ecg.ptb_xl_labels import Task, aggregate, medformer, parse_codes, read_statements
from tsrep.datasets.loading import build
from tsrep.datasets.tables.identifiers import spelled
from tsrep.datasets.tables.own_labels import records_of
from tsrep.datasets.tables.reading import Table, integers, read_table, refuse_duplicates
from tsrep.errors import ConfigError, DataError
from tsrep.registry import nearest
from tsrep.runs.score_file.prediction_file import columns_of
from tsrep.runs.score_file.truth import Columns, Truth

PTB_XL = "ptb-xl:"
SHORT = {"super": "superdiagnostic", "sub": "subdiagnostic"}


def read_truth(
    text: str, columns: Columns, *, predicted: Sequence[str] = (), root: Path | None = None
) -> Truth:
    """The truth in a CSV, TSV or Parquet table, or of PTB-XL.

    Parameters
    ----------
    text : str
        A file, or ``ptb-xl:TASK`` for the tables of PTB-XL in ``root``; ``super`` is short for the task
        ``superdiagnostic``.
    columns : Columns
    predicted : sequence of str
        Classes that are predicted, which have columns of their own where there is no column of labels.
    root : Path, optional
        Folder of PTB-XL; by default where ``tsrep data fetch`` puts it.

    Raises
    ------
    ConfigError, DataError
        When a column, the task or the folder is missing, or a value is not what it should be.
    """
    if text.startswith(PTB_XL):
        return _of_ptb_xl(text.removeprefix(PTB_XL), columns, root)
    path = Path(text)
    header = columns_of(path)
    flags = [] if columns.label in header else [_flag(path, name, columns, header) for name in predicted]
    patient = patient_column(path, columns, header)
    used = [columns.id, patient, *(flags or [columns.label]), *(name for name, _ in columns.where)]
    table = read_table(path, list(dict.fromkeys(used)))
    for column in (columns.id, patient):
        refuse_empty(path, column, table[column])
    record = spelled(table[columns.id])
    refuse_duplicates(path, columns.id, record)
    kept, known = rows_that_count(path, table, columns, len(record)), _known(table, flags or [columns.label])
    if not known[kept].any():
        raise DataError(f"no record of {path} that counts has a label; give it labels, or correct --where")
    # one column is read as class names, so a single column of flags is given twice
    label = [*flags, *flags] if len(flags) == 1 else flags or [columns.label]
    found = records_of(path, _filled(table, label, known), label, patient=patient, trial=None, fold=None)
    target = found.label[:, : len(flags)] if flags else found.label
    truth = Truth(path.name, tuple(record), target, tuple(flags) or found.classes, found.patient)
    return replace(truth.only(kept[known[kept]]), unknown=int((~known[kept]).sum()))


def patient_column(path: Path, columns: Columns, header: Sequence[str]) -> str:
    """The column that says whose a record is; that of the record where this is not asked for.

    Raises
    ------
    DataError
        When there is none.
    """
    patient = columns.id if columns.patient is None else columns.patient
    if patient not in header and patient != columns.id:
        raise DataError(
            f"intervals need to know which records belong to one patient, and {path} has no column "
            f"{patient!r}; name the column with --patient, or allow records with --no-patients"
        )
    return patient


def _known(table: Table, columns: Sequence[str]) -> NDArray[np.bool_]:
    """Whether every class of a record is known; of several names in a cell an empty one has none."""
    cells = [[cell.strip() for cell in table[column]] for column in columns]
    several = any(";" in cell for column in cells for cell in column)
    return np.array([several or all(row) for row in zip(*cells, strict=True)])


def _filled(table: Table, columns: Sequence[str], known: NDArray[np.bool_]) -> Table:
    """With a label in place of each that is not known, so that rows keep their numbers in messages."""
    first = int(known.argmax())
    own = {
        c: [cell if k else table[c][first] for cell, k in zip(table[c], known, strict=True)] for c in columns
    }
    return {**table, **own}


def _flag(path: Path, name: str, columns: Columns, header: Sequence[str]) -> str:
    if name in header:
        return name
    hint = nearest(name, list(header))
    raise DataError(
        f"{path} has neither a column {columns.label!r} nor one called {name!r}, which is predicted; name "
        f"that of labels with --truth-label, or give each class a column of 0 and 1 ({hint})"
    )


def refuse_empty(path: Path, column: str, cells: Sequence[str]) -> None:
    """Check that every record has a cell of a column.

    Raises
    ------
    DataError
    """
    bad = next((row for row, cell in enumerate(cells) if not cell.strip()), None)
    if bad is not None:
        raise DataError(f"record {bad + 1} of {path} has no {column}; every record needs one")


def rows_that_count(path: Path | str, table: Table, columns: Columns, count: int) -> NDArray[np.int64]:
    """Rows that count.

    Raises
    ------
    DataError
        When none does.
    """
    kept = np.ones(count, bool)
    for column, value in columns.where:
        kept &= np.array(spelled(table[column])) == value
    if not kept.any():
        told = " and ".join(f"{column}={value}" for column, value in columns.where)
        raise DataError(f"no record of {path} has {told}; correct --where")
    return np.flatnonzero(kept)


def _of_ptb_xl(task: str, columns: Columns, root: Path | None) -> Truth:
    """Labels from its tables alone; predictions may name a record by number or by either of its files."""
    name: Any = SHORT.get(task, task)
    if name not in get_args(Task):
        known = [*SHORT, *get_args(Task)]
        raise ConfigError(f"PTB-XL has no task {task!r}; {nearest(task, known)}")
    folder = build("ptb-xl").find(root)
    path = folder / "ptbxl_database.csv"
    read = ["ecg_id", "patient_id", "scp_codes", "filename_lr", "filename_hr"]
    table = read_table(path, list(dict.fromkeys([*read, *(column for column, _ in columns.where)])))
    number, patient = (integers(path, column, table[column]) for column in ("ecg_id", "patient_id"))
    codes = parse_codes(path, table["scp_codes"])
    statements = read_statements(folder / "scp_statements.csv", name)
    labels = medformer(codes, patient, statements) if name == "medformer" else aggregate(codes, statements)
    row = {record: i for i, record in enumerate(labels.keep.tolist())}
    kept = [row[i] for i in rows_that_count(path, table, columns, len(number)).tolist() if i in row]
    at = labels.keep[kept]
    names = [[str(n) for n in number[at]], [f"{n:05d}" for n in number[at]]]
    names += [[table[column][i] for i in at] for column in ("filename_lr", "filename_hr")]
    return Truth(
        path.name,
        tuple(names[0]),
        labels.label[kept],
        labels.classes,
        number[at] if columns.patient is None else patient[at],
        tuple(map(tuple, names[1:])),
    )

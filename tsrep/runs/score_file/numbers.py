"""Predicted numbers in files, such as ages, against a truth and beside controls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tsrep.datasets.tables.identifiers import spelled
from tsrep.datasets.tables.own_targets import Wanted
from tsrep.datasets.tables.reading import read_table, refuse_duplicates
from tsrep.errors import DataError
from tsrep.evaluation.bootstrap import Resampled
from tsrep.evaluation.targets.values import Values, mean_values, resampled_values
from tsrep.runs.score_file.form import Unit
from tsrep.runs.score_file.matching import Missing
from tsrep.runs.score_file.prediction_file import Predicted, columns_of, read_predicted
from tsrep.runs.score_file.truth import Columns, Truth
from tsrep.runs.score_file.truth_file import patient_column, refuse_empty, rows_that_count

COLUMN = "prediction"


@dataclass(frozen=True)
class NumberResampling:
    """How methods are scored, as :class:`~tsrep.runs.score_file.scoring.Resampling` says it.

    Attributes
    ----------
    target : str
        What is predicted.
    """

    metric: str
    target: str
    unit: str = "record"
    patients: bool = True
    n_bootstrap: int = 1000
    seed: int = 0

    def __call__(self, predictions: Sequence[Values]) -> Resampled:
        """One method, with predictions for each seed."""
        found = resampled_values(predictions, n_bootstrap=self.n_bootstrap, seed=self.seed)
        return found if self.patients else replace(found, over="records")

    def told_of(self, first: Values) -> dict[str, Any]:
        """Attributes of a score that follow from what was predicted."""
        del first
        return {"target": self.target}

    def kept(self, key: tuple[Any, ...], predictions: Sequence[Values]) -> dict[str, Any]:
        """What is kept of the predictions of every seed, as attributes of scores."""
        return {"values": {(*key, self.target): mean_values(predictions)}}


def read_numbers(path: Path, target: str, *, id: str, ids: Path | None) -> Predicted:
    """Predictions of a number: of the column ``prediction``, or else of one that is called like the number.

    Raises
    ------
    DataError
        When the file cannot be read or has neither.
    """
    column = target
    if path.suffix != ".npy":
        header = columns_of(path)
        column = COLUMN if COLUMN in header else target
        if column not in header:
            raise DataError(
                f"{path} has neither a column {COLUMN!r} nor one called {target!r}; name its predictions so"
            )
    return read_predicted(path, id=id, offered=lambda _: (), classes=[column], ids=ids)


def read_true_numbers(path: Path, columns: Columns, target: str) -> Truth:
    """True numbers in a table; records without one are left out, and counted.

    Raises
    ------
    DataError
        When a column is missing, a value is no number, or no record that counts has one.
    """
    patient = patient_column(path, columns, columns_of(path))
    used = [columns.id, patient, target, *(name for name, _ in columns.where)]
    table = read_table(path, list(dict.fromkeys(used)))
    for column in (columns.id, patient):
        refuse_empty(path, column, table[column])
    record = spelled(table[columns.id])
    refuse_duplicates(path, columns.id, record)
    kept = rows_that_count(path, table, columns, len(record))
    found = Wanted((target,)).read(path, table)
    assert found is not None
    value = found.values[:, 0].astype(np.float64)
    known = np.isfinite(value)
    if not known[kept].any():
        raise DataError(f"no record of {path} that counts has a {target}; fill it, or correct --where")
    number = np.unique(spelled(table[patient]), return_inverse=True)[1].astype(np.int64)
    truth = Truth(path.name, tuple(record), value, (), number)
    return replace(truth.only(kept[known[kept]]), unknown=int((~known[kept]).sum()))


def matched_numbers(truth: Truth, file: Predicted, unit: Unit) -> Values:
    """Predictions for the records of a truth, in its order; those that lack one have its mean."""
    number = {name: i for i, name in enumerate(truth.record)}
    rows = [i for i, name in enumerate(file.record) if file.known[i] and name in number]
    at = np.array([number[file.record[i]] for i in rows], np.int64)
    alone = np.setdiff1d(np.arange(len(truth)), at)
    value = np.concatenate([file.values[rows, 0], np.full(len(alone), truth.label.mean())])
    trial = np.concatenate([at, alone])
    order = np.argsort(trial, kind="stable")
    trial = trial[order]
    found = Values(value[order], truth.label[trial], truth.patient[trial], trial)
    return found if unit == "windows" else found.by_record()


@dataclass(frozen=True)
class Numbers:
    """A number that files predict.

    Attributes
    ----------
    target : str
        Its column of the truth.
    truth : Path
    columns : Columns
        Of the truth.
    id : str
        Column of the predictions that names the record.
    ids : Path or None
    missing : {"worst", "drop"} or None
    unit : {"records", "windows"}
    """

    target: str
    truth: Path
    columns: Columns
    id: str
    ids: Path | None
    missing: Missing | None
    unit: Unit

    def read(self, paths: Mapping[str, Sequence[Path]]) -> tuple[Truth, dict[str, list[Predicted]]]:
        """The truth, and the files of each method.

        Raises
        ------
        DataError
            When a file cannot be read, or windows are asked for that it has none of.
        """
        read = {
            name: [read_numbers(path, self.target, id=self.id, ids=self.ids) for path in of]
            for name, of in paths.items()
        }
        every = [file for of in read.values() for file in of]
        if self.unit == "windows" and (bare := [file for file in every if not file.window]):
            raise DataError(
                f"{bare[0].path} has no column 'window', so its rows are records; leave --units out"
            )
        return read_true_numbers(self.truth, self.columns, self.target), read

"""Predictions of several files and the truth, matched record by record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tsrep.errors import DataError
from tsrep.evaluation.arrays import Array
from tsrep.evaluation.predictions import Predictions
from tsrep.runs.score_file.prediction_file import Predicted
from tsrep.runs.score_file.truth import Truth
from tsrep.text import few

Missing = Literal["worst", "drop"]


@dataclass(frozen=True)
class Counts:
    """How many records there are.

    Attributes
    ----------
    truth : int
    scored : int
    missing : int
        Of the truth, which some file does not predict.
    extra : int
        Predicted by some file, but not in the truth.
    """

    truth: int
    scored: int
    missing: int
    extra: int


def settled(truth: Truth, files: Sequence[Predicted], missing: Missing | None) -> tuple[Truth, Counts]:
    """The records of the truth that are scored.

    Parameters
    ----------
    truth : Truth
    files : sequence of Predicted
        Of all methods, which are scored on the same records.
    missing : {"worst", "drop"} or None
        What becomes of records without a prediction: the class rates are their prediction, they are left
        out, or they are refused.

    Raises
    ------
    DataError
        When no record is predicted, or records without a prediction are refused.
    """
    predicted = [_predicted(file) for file in files]
    lacking = [[name for name in truth.record if name not in names] for names in predicted]
    for file, absent in zip(files, lacking, strict=True):
        _refuse_strangers(truth, file, absent)
        if absent and missing is None:
            raise DataError(
                f"{len(absent):,} of {len(truth):,} records of the truth have no prediction in {file.path} "
                f"({few(absent)}); leave them out with --missing drop, or score them as the class rates "
                "with --missing worst"
            )
    unpredicted = {name for names in lacking for name in names}
    extra = {name for file in files for name in file.record} - set(truth.record)
    kept = [i for i, name in enumerate(truth.record) if name not in unpredicted or missing == "worst"]
    if not kept:
        raise DataError(f"no record of {truth.name} is predicted by every file; give predictions of the same")
    return truth.only(np.array(kept)), Counts(len(truth), len(kept), len(unpredicted), len(extra))


def _predicted(file: Predicted) -> set[str]:
    """Records with a prediction."""
    return {name for name, known in zip(file.record, file.known, strict=True) if known}


def _refuse_strangers(truth: Truth, file: Predicted, absent: Sequence[str]) -> None:
    if len(absent) == len(truth):
        if set(truth.record) & set(file.record):
            raise DataError(
                f"{file.path} names records of {truth.name} but gives a prediction for none of them; "
                f"its columns {few(file.classes)} are empty or not finite there"
            )
        raise DataError(
            f"none of the {len(truth):,} records of {truth.name} ({few(truth.record)}) has a prediction in "
            f"{file.path} ({few(file.record)}); name the columns with equal names by --id and --truth-id"
        )


def matched(truth: Truth, file: Predicted) -> Predictions:
    """Predictions of a file for the records of a truth, in the order of the truth.

    A record of the truth that the file does not predict has the class rates of the truth.
    """
    number = {name: i for i, name in enumerate(truth.record)}
    rows = [i for i, name in enumerate(file.record) if file.known[i] and name in number]
    at = np.array([number[file.record[i]] for i in rows], np.int64)
    alone = np.setdiff1d(np.arange(len(truth)), at)
    prob: Array = np.concatenate([file.values[rows], np.tile(truth.rates, (len(alone), 1))])
    trial = np.concatenate([at, alone])
    order = np.argsort(trial, kind="stable")  # windows of a record keep their order
    trial = trial[order]
    return Predictions(prob[order], truth.label[trial], truth.patient[trial], trial)

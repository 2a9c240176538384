"""Which files and columns hold predictions and the truth, and what their values mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from tsrep.errors import DataError
from tsrep.evaluation.labels.aggregate import Aggregation, by_record
from tsrep.evaluation.predictions import Predictions
from tsrep.runs.score_file.matching import Missing, matched
from tsrep.runs.score_file.prediction_file import WINDOW, Predicted, columns_of, read_predicted
from tsrep.runs.score_file.truth import Columns, Truth
from tsrep.runs.score_file.truth_file import PTB_XL, read_truth

Unit = Literal["records", "windows"]


@dataclass(frozen=True)
class Sources:
    """Where the truth and the names of records are.

    Attributes
    ----------
    truth : str
        A table, or ``ptb-xl:TASK``.
    columns : Columns
        Of the truth.
    id : str
        Column of the predictions that names the record.
    root, ids : Path or None
        Folder of PTB-XL; names of the rows of arrays.
    classes : tuple of str
        Which are scored, in order; empty for all that the first file predicts.
    """

    truth: str
    columns: Columns
    id: str = "record"
    root: Path | None = None
    ids: Path | None = None
    classes: tuple[str, ...] = ()

    def predicted(self, path: Path) -> Predicted:
        """What a file predicts; see :func:`read_predicted`."""
        return read_predicted(path, id=self.id, classes=self.classes, ids=self.ids, offered=self._offered)

    def of(self, predicted: Predicted, *, everywhere: bool = False) -> Truth:
        """The truth for the classes of a file; of all rows, or of those that count."""
        columns = replace(self.columns, where=()) if everywhere else self.columns
        return read_truth(self.truth, columns, predicted=self.classes or predicted.classes, root=self.root)

    def _offered(self, path: Path) -> Sequence[str]:
        """Columns of predictions that are called like classes of the truth."""
        if self.truth.startswith(PTB_XL):
            return read_truth(self.truth, self.columns, root=self.root).classes
        header = [] if Path(self.truth) == path else columns_of(Path(self.truth))
        if self.columns.label in header:
            return read_truth(self.truth, self.columns).classes
        return [name for name in header if name not in (self.columns.id, self.columns.patient)]


@dataclass(frozen=True)
class Form:
    """What values in the files mean.

    Attributes
    ----------
    classes : tuple of str
        Which are scored, in order; empty for all that the first file predicts.
    logits : bool
    multilabel : bool or None
        Whether a record can have several classes; None to learn it from the truth.
    missing : {"worst", "drop"} or None
    unit : {"records", "windows"}
    aggregate : {"mean", "max"}
        Of the probabilities of a record's windows.
    """

    classes: tuple[str, ...] = ()
    logits: bool = False
    multilabel: bool | None = None
    missing: Missing | None = None
    unit: Unit = "records"
    aggregate: Aggregation = "mean"

    def __post_init__(self) -> None:
        twice = [name for name in self.classes if self.classes.count(name) > 1]
        if twice:  # it would count twice in every mean over classes
            raise DataError(f"{twice[0]!r} is among the classes twice; name each class once")

    def truth(self, truth: Truth, main: Predicted) -> Truth:
        """The truth with the classes that are scored."""
        if self.multilabel is not None:
            truth = truth.as_multilabel() if self.multilabel else truth.as_exclusive()
        return truth.of_classes(_scored(truth, self.classes or main.classes)).named_like(main.record)

    def probabilities(self, file: Predicted, truth: Truth) -> Predicted:
        """The columns of a file for the classes of a truth.

        Raises
        ------
        DataError
            When a class is not predicted or a value is no probability.
        """
        classes, exclusive = truth.classes, not truth.multilabel
        one = exclusive and len(classes) == 2 and len({*file.classes} & {*classes}) == 1
        file = file.of_classes([name for name in classes if not one or name in file.classes])
        if self.logits:
            file = file.from_logits(multilabel=truth.multilabel)
        file.refuse_other_than_probabilities()
        if one:
            file = file.with_opposite(next(name for name in classes if name not in file.classes))
            return file.of_classes(classes)
        if exclusive:
            file.refuse_other_sums()
        return file

    def unit_of(self, files: Sequence[Predicted]) -> str:
        """What is scored, as scores say it.

        Raises
        ------
        DataError
            When windows are asked for and a file has none.
        """
        if self.unit == "windows" and (bare := [file for file in files if not file.window]):
            raise DataError(
                f"{bare[0].path} has no column {WINDOW!r}, so its rows are records; leave --units out"
            )
        return self.unit.removesuffix("s")

    def predictions(self, file: Predicted, truth: Truth) -> Predictions:
        """Those of the units that are scored."""
        found = matched(truth, file)
        return by_record(found, self.aggregate) if file.window and self.unit == "records" else found


def _scored(truth: Truth, classes: Sequence[str]) -> tuple[str, ...]:
    """Of two exclusive classes one may be predicted alone."""
    if len(classes) == 1 and not truth.multilabel and classes[0] in truth.classes and len(truth.classes) == 2:
        return truth.classes
    return tuple(classes)

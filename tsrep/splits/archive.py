"""The official train and test parts of an archive, with a validation part out of the train part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from tsrep.errors import SplitError
from tsrep.registry import SPLITS
from tsrep.signals.panel import Ints, Panel
from tsrep.splits.copies import SameSignal
from tsrep.splits.split import Split, SplitRule

TRAIN, TEST = 1, 2


@SPLITS.register("train-test")
@dataclass
class TrainTest(SplitRule):
    """Train (fold 1) and test (fold 2) as shipped; some of each class of the train part validate.

    Of a class with two patients (series) and more, ``validation`` of them are taken, at least one, at
    equal distances in the order of the file; nothing is random. The validation part is there to choose
    a checkpoint; the protocols ``svm`` and ``logistic`` fit on it together with the train part.
    """

    validation: Annotated[float, Field(gt=0, lt=1)] = 0.2
    same_signal: SameSignal = "drop-train"

    def __call__(self, panel: Panel) -> Split:
        """Split by fold.

        Raises
        ------
        SplitError
            When the data have no such folds, a patient has several classes or is in both folds, or no
            class has two patients to divide.
        """
        if panel.fold is None or not np.isin(panel.fold, (TRAIN, TEST)).all():
            raise SplitError(
                "the split 'train-test' needs data with an official train and test part; use 'stratified'"
            )
        if panel.multilabel:
            raise SplitError("the split 'train-test' needs one class per sample; use 'stratified'")
        official = np.flatnonzero(panel.fold == TRAIN)
        held = self._held(panel.patient[official], panel.label[official])
        if not len(held):
            raise SplitError(
                "no class of the train part has two series, so none can validate; use the split 'patients'"
            )
        validates = np.isin(panel.patient, held) & (panel.fold == TRAIN)
        return Split.make(
            panel,
            (panel.fold == TRAIN) & ~validates,
            validates,
            panel.fold == TEST,
            how=f"official train and test parts, {100 * self.validation:g} % of train for validation",
            same_signal=self.same_signal,
        )

    def _held(self, patient: Ints, label: Ints) -> Ints:
        """Patients that validate."""
        patients, first, inverse = np.unique(patient, return_index=True, return_inverse=True)
        mixed = np.flatnonzero(label != label[first][inverse])
        if len(mixed):
            raise SplitError(
                f"patient {patient[mixed[0]]} has samples of several classes; use the split 'stratified'"
            )
        members = [patients[label[first] == c] for c in np.unique(label)]
        return np.concatenate([self._spread(of_class) for of_class in members] or [patients])

    def _spread(self, members: Ints) -> Ints:
        n = len(members)
        count = min(max(1, round(self.validation * n)), n - 1)
        middle = (np.arange(count) + 0.5) * n / max(count, 1)
        return members[middle.astype(np.int64)]

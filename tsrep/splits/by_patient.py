"""Rules that divide the patients of a panel: official folds, lists, stratified, or in id order per class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from tsrep.errors import SplitError
from tsrep.registry import SPLITS, nearest
from tsrep.signals.panel import Ints, Panel
from tsrep.splits.split import Split, SplitRule

RARE = 10  # patients with one set of classes, too few for a stratum of their own
Fraction = Annotated[float, Field(gt=0, lt=1)]


@SPLITS.register("official")
@dataclass
class OfficialFolds(SplitRule):
    """The folds that came with the data, such as PTB-XL's 1-8, 9 and 10 (patients never cross folds)."""

    train: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7, 8)
    validation: tuple[int, ...] = (9,)
    test: tuple[int, ...] = (10,)

    def __call__(self, panel: Panel) -> Split:
        """Split by fold.

        Raises
        ------
        SplitError
            When the data have no folds, or a fold is asked for twice.
        """
        if panel.fold is None:
            raise SplitError("these data have no official folds; use the split 'stratified' or 'patients'")
        asked = [*self.train, *self.validation, *self.test]
        twice = sorted({f for f in asked if asked.count(f) > 1})
        if twice:
            raise SplitError(f"fold {twice[0]} is asked for in two parts of the split; name each fold once")
        parts = [np.isin(panel.fold, folds) for folds in (self.train, self.validation, self.test)]
        how = f"official folds {_spell(self.train)} / {_spell(self.validation)} / {_spell(self.test)}"
        return Split.make(panel, *parts, how=how)


@SPLITS.register("patients")
@dataclass
class ListedPatients(SplitRule):
    """Listed validation and test patients, by name or number; everybody else trains."""

    validation: tuple[str | int, ...]
    test: tuple[str | int, ...] = ()

    def __call__(self, panel: Panel) -> Split:
        """Split by list.

        Raises
        ------
        SplitError
            When a listed patient is not in the data.
        """
        held = [np.isin(panel.patient, self._codes(panel, names)) for names in (self.validation, self.test)]
        return Split.make(panel, ~(held[0] | held[1]), *held, how="listed patients")

    def _codes(self, panel: Panel, names: tuple[str | int, ...]) -> list[int]:
        known = {str(p): int(p) for p in np.unique(panel.patient)}
        if panel.patient_names:
            known = {panel.patient_names[p]: p for p in known.values()}
        absent = next((str(name) for name in names if str(name) not in known), None)
        if absent is not None:
            hint = nearest(absent, list(known)[:200])
            raise SplitError(f"patient {absent} of the split is not in the data; {hint}")
        return [known[str(name)] for name in names]


@SPLITS.register("stratified")
@dataclass
class StratifiedPatients(SplitRule):
    """Random patients, with the mix of classes kept (scikit-learn), the same for a given seed.

    Where the panel has groups, these are divided instead: patients who share a recording stay together. A
    patient's stratum is the set of all classes in the records of that patient; sets that fewer than
    ten patients have are merged into one stratum.
    """

    validation: Fraction = 0.2
    test: Annotated[float, Field(ge=0, lt=1)] = 0.2
    seed: Annotated[int, Field(ge=0)] = 0

    def __call__(self, panel: Panel) -> Split:
        """Split by patient.

        Raises
        ------
        SplitError
            When there are too few patients.
        """
        unit = panel.patient if panel.group is None else panel.group
        patients, strata = _strata_of(panel, unit)
        held = round(len(patients) * (self.validation + self.test))
        if held < 2 or len(patients) - held < 2:
            raise SplitError(
                f"{len(patients)} patients are too few for a stratified split; "
                "list them with the split 'patients'"
            )
        train, rest = _divide(np.arange(len(patients)), strata, held, self.seed)
        test = np.zeros(0, np.int64)
        if self.test:
            rest, test = _divide(rest, strata, round(len(patients) * self.test), self.seed)
        parts = [np.isin(unit, patients[part]) for part in (train, rest, test)]
        return Split.make(panel, *parts, how=f"stratified by patient, seed {self.seed}")


@SPLITS.register("per-class-order")
@dataclass
class PerClassOrder(SplitRule):
    """Per class, the first patients in id order train, the next validate, the last test.

    The split of Medformer's PTB-XL benchmark: 60 / 20 / 20 with ``int()`` floors, no shuffling.
    """

    train: Fraction = 0.6
    validation: Fraction = 0.2

    def __call__(self, panel: Panel) -> Split:
        """Split by id order.

        Raises
        ------
        SplitError
            When labels are multi-label, or a patient has records of two classes.
        """
        if panel.multilabel:
            raise SplitError(
                "the split 'per-class-order' needs one class per patient, but these are multi-label"
            )
        parts = []
        for c in range(len(panel.classes)):
            patients = np.unique(panel.patient[panel.label == c])
            ends = [int(self.train * len(patients)), int((self.train + self.validation) * len(patients))]
            parts.append(np.split(patients, ends))
        masks = [np.isin(panel.patient, np.concatenate(ids)) for ids in zip(*parts, strict=True)]
        return Split.make(panel, *masks, how="per class in patient order")


def _strata_of(panel: Panel, unit: Ints) -> tuple[Ints, Ints]:
    """Units and, for each, a number for the set of classes found in its samples; -1 where the set is rare."""
    units, inverse = np.unique(unit, return_inverse=True)
    label = panel.label if panel.multilabel else np.eye(len(panel.classes), dtype=bool)[panel.label]
    has = np.zeros((len(units), len(panel.classes)), bool)
    np.logical_or.at(has, inverse, label)
    _, strata, count = np.unique(has, axis=0, return_inverse=True, return_counts=True)
    return units, np.where(count[strata] < RARE, -1, strata)


def _divide(index: Ints, strata: Ints, second: int, seed: int) -> tuple[Ints, Ints]:
    """Two parts of ``index``, the other with ``second`` members, alike in strata as far as possible."""
    from sklearn.model_selection import train_test_split

    groups, count = np.unique(strata[index], return_counts=True)
    possible = count.min() >= 2 and len(groups) <= min(second, len(index) - second)
    first, other = train_test_split(
        index, test_size=second, random_state=seed, stratify=strata[index] if possible else None
    )
    return np.sort(first), np.sort(other)


def _spell(folds: tuple[int, ...]) -> str:
    folds = tuple(sorted(folds))
    if len(folds) > 2 and folds == tuple(range(folds[0], folds[-1] + 1)):
        return f"{folds[0]}-{folds[-1]}"
    return ",".join(map(str, folds)) or "none"

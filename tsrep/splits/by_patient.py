"""Rules that divide the patients of a panel: official folds, lists, stratified, or in id order per class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tsrep.errors import SplitError
from tsrep.registry import SPLITS, nearest
from tsrep.rng import numpy_generator
from tsrep.signals.panel import Ints, Panel
from tsrep.splits.copies import SameSignal, joined_units
from tsrep.splits.split import Split, SplitRule
from tsrep.text import few, plural

Fraction = Annotated[float, Field(gt=0, lt=1)]
SIDEWAYS = 5  # exchanges without a gain, for each class that a part lacks


@SPLITS.register("official")
@dataclass
class OfficialFolds(SplitRule):
    """The folds that came with the data, such as PTB-XL's 1-8, 9 and 10 (patients never cross folds)."""

    train: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7, 8)
    validation: tuple[int, ...] = (9,)
    test: tuple[int, ...] = (10,)
    same_signal: SameSignal = "drop-train"

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
        return Split.make(panel, *parts, how=how, same_signal=self.same_signal)


@SPLITS.register("patients")
@dataclass
class ListedPatients(SplitRule):
    """Listed validation and test patients, by name or number; everybody else trains."""

    validation: tuple[str | int, ...]
    test: tuple[str | int, ...] = ()
    same_signal: SameSignal = "refuse"

    def __call__(self, panel: Panel) -> Split:
        """Split by list.

        Raises
        ------
        SplitError
            When a listed patient is not in the data.
        """
        held = [np.isin(panel.patient, self._codes(panel, names)) for names in (self.validation, self.test)]
        parts = ~(held[0] | held[1]), *held
        return Split.make(panel, *parts, how="listed patients", same_signal=self.same_signal)

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
    """Random patients, with the share of each class kept in every part, the same for a given seed.

    Where the panel has groups, these are divided instead: patients who share a recording stay together. The
    classes of a patient are those of all records of that patient. Classes are divided one after the other,
    the rarest first; one with a patient for every part is in every part, and one with fewer is where there is
    room. Where patients of several classes stand in the way, patients are exchanged between parts; the split
    says of which classes none of the exchanges was enough.

    References
    ----------
    Sechidis, Tsoumakas and Vlahavas, "On the stratification of multi-label data", ECML PKDD 2011.
    """

    validation: Fraction = 0.2
    test: Annotated[float, Field(ge=0, lt=1)] = 0.2
    seed: Annotated[int, Field(ge=0)] = 0
    same_signal: SameSignal = "join"

    def __call__(self, panel: Panel) -> Split:
        """Split by patient.

        Raises
        ------
        SplitError
            When there are too few patients.
        """
        unit = panel.patient if panel.group is None else panel.group
        if self.same_signal == "join":
            unit = joined_units(panel, unit)
        units, has = _classes_of(panel, unit)
        held = round(len(units) * (self.validation + self.test))
        if held < 2 or len(units) - held < 2:
            raise SplitError(
                f"{len(units)} patient{'s are' if len(units) != 1 else ' is'} too few for a stratified "
                "split; add recordings of others, or list patients with the split 'patients'"
            )
        shares = np.array([1 - self.validation - self.test, self.validation, self.test])
        part = stratified(has, shares, numpy_generator(self.seed, "stratified"))
        missing = _missing(panel.classes, has, part, int((shares > 0).sum()))
        how = f"stratified by patient, seed {self.seed}"
        return Split.make(
            panel,
            *(np.isin(unit, units[part == number]) for number in range(len(shares))),
            how=f"{how}, but {missing}" if missing else how,
            same_signal=self.same_signal,
            notes=(f"The split is stratified as far as possible: {missing}.",) if missing else (),
        )


@SPLITS.register("per-class-order")
@dataclass
class PerClassOrder(SplitRule):
    """Per class, the first patients in id order train, the next validate, the last test.

    The split of Medformer's PTB-XL benchmark: 60 / 20 / 20 with ``int()`` floors, no shuffling.
    """

    train: Fraction = 0.6
    validation: Fraction = 0.2
    same_signal: SameSignal = "join"

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
        return Split.make(panel, *masks, how="per class in patient order", same_signal=self.same_signal)


def _classes_of(panel: Panel, unit: Ints) -> tuple[Ints, NDArray[np.bool_]]:
    """Units, and which classes their samples have, shape (unit, class)."""
    units, inverse = np.unique(unit, return_inverse=True)
    has = np.zeros((len(units), len(panel.classes)), bool)
    sample, label = np.nonzero(panel.positive)
    has[inverse[sample], label] = True
    return units, has


def stratified(has: NDArray[np.bool_], shares: NDArray[np.float64], rng: np.random.Generator) -> Ints:
    """Part of each unit, so that parts have their share of the units of each class.

    Parameters
    ----------
    has : bool array, shape (unit, class)
    shares : float64 array, shape (part,)
        Of the units; a part with a share of 0 stays empty.
    rng : Generator

    Returns
    -------
    int64 array, shape (unit,)
    """
    order = rng.permutation(len(has))
    has = has[order]
    wanted, wanted_of = shares * len(has), np.outer(has.sum(axis=0), shares)
    present, part = np.zeros_like(wanted_of, bool), np.full(len(has), -1)
    left, units_of = has.sum(axis=0), [np.flatnonzero(column) for column in has.T]
    scarce = left < (shares > 0).sum()
    while (part < 0).any():
        # the rarest class next; at last the units without any class
        rarest = int(np.where(left > 0, left, len(has) + 1).argmin()) if left.any() else None
        members = np.arange(len(has)) if rarest is None else units_of[rarest]
        members = members[part[members] < 0]
        left -= has[members].sum(axis=0)
        for done, i in enumerate(members):
            want = wanted if rarest is None else wanted_of[rarest]
            able = shares > 0
            if rarest is not None:
                lacking = able & ~present[rarest]
                able = lacking if 0 < lacking.sum() >= len(members) - done else able
                if scarce[rarest]:  # many such classes would all be of the largest part
                    roomy = wanted > 0.5
                    able = next(some for some in (able & roomy, (shares > 0) & roomy, able) if some.any())
            best = np.lexsort((wanted, np.where(able, want, -np.inf)))[-1]
            part[i] = best
            wanted[best] -= 1
            wanted_of[has[i], best] -= 1
            present[has[i], best] = True
    result = np.empty_like(part)
    result[order] = _exchanged(has, part, int((shares > 0).sum()), rng)
    return result


def _exchanged(has: NDArray[np.bool_], part: Ints, parts: int, rng: np.random.Generator) -> Ints:
    """Parts after exchanges of two units that put classes where they lack; as they are where none lacks.

    A class that shares its units with rarer ones may find them divided when its turn comes. Of the exchanges
    that give a part its class the one is made that leaves the fewest others out, and whose units differ in
    the fewest classes; some that leave out as many as before are made as well, since others may follow.
    """
    enough = has.sum(axis=0) >= parts
    used, part = np.unique(part, return_inverse=True)
    count = np.array([has[part == p].sum(axis=0) for p in range(len(used))])  # (part, class)
    lacking = (count == 0) & enough
    sideways = SIDEWAYS * lacking.sum()
    of_unit, best = has.astype(np.float32), (lacking.sum(), part.copy())
    while len(used) == parts and lacking.any() and sideways >= 0:
        there, c = rng.choice(np.argwhere(lacking))
        other, alone = np.flatnonzero(part == there), (count == 1) & enough
        found = []
        for i in rng.permutation(np.flatnonzero(has[:, c] & (part != there))):
            lost = alone[part[i]] & has[i]
            weight = (alone[there] & ~has[i]).astype(np.float32) - lost - lacking[part[i]]
            more = lost.sum() - (has[i] & lacking[there]).sum() + of_unit[other] @ weight
            differ = (has[other] != has[i]).sum(axis=1)
            j = np.lexsort((differ, more))[0]
            found.append((more[j], differ[j], i, other[j]))
        more, _, i, j = min(found, key=lambda each: each[:2])
        sideways -= more >= 0
        if more <= 0:
            moved = has[i].astype(int) - has[j]
            count[part[i]] -= moved
            count[there] += moved
            part[i], part[j] = part[j], part[i]
            lacking = (count == 0) & enough
            best = min(best, (lacking.sum(), part.copy()), key=lambda each: each[0])
    return used[best[1]]


def _missing(classes: tuple[str, ...], has: NDArray[np.bool_], part: Ints, parts: int) -> str:
    """Which classes are not in every part, and why; empty where all are."""
    patients = has.sum(axis=0)
    in_parts = np.array([has[part == number].any(axis=0) for number in range(parts)]).sum(axis=0)
    missing = np.flatnonzero((patients > 0) & (in_parts < parts))
    kinds = (
        (missing[patients[missing] < parts], "too few for every part"),
        (missing[patients[missing] >= parts], "but no division was found that has them in every part"),
    )
    return "; ".join(f"{_counted(classes, patients, which)}, {why}" for which, why in kinds if len(which))


def _counted(classes: tuple[str, ...], patients: Ints, which: Ints) -> str:
    return few([f"{classes[c]} has {plural(int(patients[c]), 'patient')}" for c in which], 3)


def _spell(folds: tuple[int, ...]) -> str:
    folds = tuple(sorted(folds))
    if len(folds) > 2 and folds == tuple(range(folds[0], folds[-1] + 1)):
        return f"{folds[0]}-{folds[-1]}"
    return ",".join(map(str, folds)) or "none"

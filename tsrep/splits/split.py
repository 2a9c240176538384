"""A division of a panel into training, validation and test samples that is checked when it is made."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, ClassVar

import numpy as np

from tsrep.errors import SplitError
from tsrep.signals.panel import Ints, Panel, digest_of
from tsrep.splits.copies import Parts, SameSignal, handled
from tsrep.text import few

PARTS = ("train", "validation", "test")


class SplitRule(ABC):
    """A rule that divides data into training, validation and test parts; its settings are its arguments.

    Attributes
    ----------
    task : str
        ``"panel"`` for a rule from a panel to a :class:`Split`, ``"series"`` for one from a series to a
        :class:`tsrep.splits.by_time.TimeSplit`.

    Notes
    -----
    Rules for panels have a setting ``same_signal`` that they hand to :meth:`Split.make`: what happens with a
    recording that is stored under two patients.
    """

    task: ClassVar[str] = "panel"

    @abstractmethod
    def __call__(self, data: Any) -> Any:
        """Divide, and check the division.

        Raises
        ------
        SplitError
            When the rule cannot divide these data without a leak.
        """


@dataclass(frozen=True, eq=False)
class Split:
    """Three disjoint sets of sample indices with no patient, no group and no raw signal in two of them.

    Attributes
    ----------
    train, validation, test : int64 arrays of sample indices, sorted
    how : str
        The rule that made it, for reports.
    counts : dict
        Per part: numbers of ``samples``, ``trials`` and ``patients``, and samples of known label per
        class.
    digest : str
        Hash of the three sets.
    notes : tuple of str
        What a reader of scores should know of the division, a sentence each.
    copies : int
        Recordings stored under a second patient that were joined with the first or left out.
    """

    train: Ints
    validation: Ints
    test: Ints
    how: str
    counts: dict[str, dict[str, Any]] = field(default_factory=dict)
    digest: str = ""
    notes: tuple[str, ...] = ()
    copies: int = 0

    @property
    def facts(self) -> dict[str, Any]:
        """What ``split.json`` keeps."""
        return {name: getattr(self, name) for name in ("how", "digest", "counts", "notes", "copies")}

    @classmethod
    def make(
        cls,
        panel: Panel,
        train: Any,
        validation: Any,
        test: Any,
        *,
        how: str,
        same_signal: SameSignal = "refuse",
        notes: tuple[str, ...] = (),
    ) -> Split:
        """Check a division and count it.

        Parameters
        ----------
        panel : Panel
        train, validation, test : arrays of sample indices or masks
        how : str
            The rule that made the division.
        same_signal : {"join", "drop-train", "refuse"}
            What to do with a recording that is stored in two parts; see :func:`tsrep.splits.copies.handled`.
        notes : tuple of str

        Raises
        ------
        SplitError
            When a part but the test part is empty, when two parts share a sample, a patient, a group or raw
            signal (overlapping windows, or copies that are to be refused), or when the training part has
            only one class.
        """
        parts = {
            name: np.sort(np.flatnonzero(v) if np.asarray(v).dtype == bool else np.asarray(v, np.int64))
            for name, v in zip(PARTS, (train, validation, test), strict=True)
        }
        _refuse_empty(parts, how)
        for one, two in combinations(PARTS, 2):
            for refuse in (_refuse_shared_patients, _refuse_shared_group, _refuse_shared_signal):
                refuse(panel, one, parts[one], two, parts[two])
        found = handled(panel, parts, same_signal)
        parts = found.parts
        if found.what:
            how = f"{how}; {found.what}"
            notes = (*notes, f"{found.what}.")
            _refuse_empty(parts, how)
        _refuse_one_class(panel, parts["train"])
        counts = {name: _count(panel, index) for name, index in parts.items()}
        digest = digest_of(*parts.values())
        train, validation, test = parts.values()
        return cls(train, validation, test, how, counts, digest, notes, found.recordings)


def scored_only(panel: Panel) -> Split:
    """All samples as the test part: of data on which nothing is fitted."""
    nothing, every = np.zeros(0, np.int64), np.arange(len(panel))
    counts = {
        name: _count(panel, index) for name, index in zip(PARTS, (nothing, nothing, every), strict=True)
    }
    digest = digest_of(nothing, nothing, every)
    return Split(nothing, nothing, every, "scored as a whole", counts, digest)


def _refuse_empty(parts: Parts, how: str) -> None:
    for name in ("train", "validation"):
        if not len(parts[name]):
            raise SplitError(f"the {name} part of the split ({how}) is empty; give it patients of its own")


def _refuse_shared_patients(panel: Panel, one: str, a: Ints, two: str, b: Ints) -> None:
    shared = np.intersect1d(panel.patient[a], panel.patient[b])
    if len(shared):
        names = few(panel.patient_names[p] if panel.patient_names else str(p) for p in shared)
        raise SplitError(
            f"patient {names} would be in both the {one} and the {two} part; "
            "put all records of a patient in one part"
        )


def _refuse_shared_group(panel: Panel, one: str, a: Ints, two: str, b: Ints) -> None:
    if panel.group is None:
        return
    shared = np.intersect1d(panel.group[a], panel.group[b])
    if len(shared):
        patients = np.unique(panel.patient[panel.group == shared[0]])
        raise SplitError(
            f"group {shared[0]} of {len(patients)} patients would be in both the {one} and the {two} part; "
            "their recordings are not independent, so put all of them in one part"
        )


def _refuse_shared_signal(panel: Panel, one: str, a: Ints, two: str, b: Ints) -> None:
    """Windows share raw signal when they lie in one row of the store less than a window apart."""
    if not len(a) or not len(b):
        return
    index = np.concatenate([a, b])
    part = np.repeat([0, 1], [len(a), len(b)])
    order = np.lexsort((panel.start[index], panel.row[index]))
    row, start, part = panel.row[index][order], panel.start[index][order], part[order]
    for other in (0, 1):
        # the nearest window of the other part at or before each window decides
        last = np.maximum.accumulate(np.where(part == other, np.arange(len(part)), -1))
        here = np.flatnonzero((part != other) & (last >= 0))
        near = last[here]
        clash = here[(row[here] == row[near]) & (start[here] - start[near] < panel.length)]
        if len(clash):
            sample = index[order[clash[0]]]
            raise SplitError(
                f"windows of record {panel.row[sample]} (trial {panel.trial[sample]}) in the {one} and "
                f"the {two} part share raw signal; keep all windows of a record in one part"
            )


def _refuse_one_class(panel: Panel, train: Ints) -> None:
    label = panel.label[train[panel.labelled[train]]]
    if not len(label):  # evaluation refuses it; training without labels does not mind
        return
    present = np.flatnonzero(label.any(axis=0)) if panel.multilabel else np.unique(label)
    varies = (label != label[0]).any() if panel.multilabel else len(present) > 1
    if varies:
        return
    name = panel.classes[present[0]] if len(present) else "no class"
    raise SplitError(
        f"the training part has only one class ({name}); nothing can be learned from it, "
        "so choose other patients or another label"
    )


def _count(panel: Panel, index: Ints) -> dict[str, Any]:
    per_class = panel.positive[index].sum(axis=0)
    return {
        "samples": len(index),
        "trials": len(np.unique(panel.trial[index])),
        "patients": len(np.unique(panel.patient[index])),
        "classes": dict(zip(panel.classes, per_class.tolist(), strict=True)),
    }

"""Data sets of a validation: what of them is scored, and which of them share recordings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property, reduce

import numpy as np

from tsrep.datasets.cohorts.classes import in_classes
from tsrep.datasets.dataset import PATIENTS_UNKNOWN, Dataset
from tsrep.errors import DataError, SplitError, TsrepError
from tsrep.registry import DATASETS
from tsrep.runs.compare.conduct import sights_of
from tsrep.runs.compare.entrant import Entrant, Reader, Sight
from tsrep.runs.compare.table import DataEntry, Table
from tsrep.runs.ledger import Ledger
from tsrep.runs.ledger_of_run import records_of
from tsrep.signals.panel import Ints, Panel

HALF = 0.5  # of the scored recordings that may be known from elsewhere and are left out


@dataclass(frozen=True, eq=False)
class Cohort:
    """A data set as every encoder is shown it.

    Attributes
    ----------
    name : str
    entry : DataEntry
    sights : mapping of str to Sight
        By encoder.
    scored : int64 array
        Trials that are scored, the same for all encoders.
    same : mapping of str to str
        By the name of another cohort: why this one is not external to it.
    notes : tuple of str
    """

    name: str
    entry: DataEntry
    sights: Mapping[str, Sight]
    scored: Ints
    same: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @cached_property
    def records(self) -> Panel:
        """As they were read."""
        return self._first.shown.prepared.records

    @property
    def can_fit(self) -> bool:
        """Whether it has a training part."""
        return len(self._first.evaluation.split.train) > 0

    @property
    def independence(self) -> str:
        """Whose recordings are independent of each other; see :class:`tsrep.datasets.dataset.About`."""
        return str(self._dataset.independence)

    @property
    def holds(self) -> frozenset[str]:
        """Published sets that its recordings are of."""
        return frozenset(self._dataset.holds)

    def shares_with(self, other: Cohort) -> str:
        """What the two have in common, such as an institution, though their patients are others."""
        common = [
            *sorted(self.holds & other.holds),
            *(k for k in self._dataset.kin if k in other._dataset.kin),
        ]
        return f"{self.name} and {other.name} are both of {common[0]}" if common else ""

    def used(self, *parts: str) -> Ints:
        """Samples of the records that are in some parts, as any encoder is shown them."""
        found = [
            records_of(self.records, each.shown.prepared.panel, getattr(each.evaluation.split, part))
            for each in self.sights.values()
            for part in parts
        ]
        return np.unique(np.concatenate(found))

    @property
    def at(self) -> Ints:
        """Samples of the records that are scored."""
        return np.flatnonzero(np.isin(self.records.trial, self.scored))

    def without(self, shared: Mapping[str, Ints]) -> Cohort:
        """The cohort without scored recordings that others fit on.

        Where they are more than half, they are kept, and the cohort is not external to the other one.

        Parameters
        ----------
        shared : mapping of str to int64 array
            Trials by the name of the other cohort.
        """
        told = {
            name: f"{len(trials):,} of {len(self.scored):,} scored recordings"
            for name, trials in shared.items()
        }
        most = {name for name, trials in shared.items() if len(trials) > HALF * len(self.scored)}
        few = {name: trials for name, trials in shared.items() if len(trials) and name not in most}
        out = reduce(np.union1d, few.values(), np.zeros(0, np.int64))
        notes = tuple(
            f"{told[name]} of {self.name} are recordings, or of patients, that {name} fits on: left out"
            for name in few
        )
        return replace(
            self,
            scored=np.setdiff1d(self.scored, out),
            same={name: f"{told[name]} are in {name}" for name in most},
            notes=(*self.notes, *notes),
        )

    def of_classes(self, classes: Sequence[str]) -> Cohort:
        """The cohort without scored recordings of none of the classes, where a recording has one."""
        kept = in_classes(self.records, classes)[0]
        return replace(self, scored=np.intersect1d(self.scored, kept.trial))

    @cached_property
    def _dataset(self) -> Dataset:
        built: Dataset = DATASETS.build(self._first.data.dataset)
        return built

    @property
    def _first(self) -> Sight:
        return next(iter(self.sights.values()))


def cohorts_of(entrants: Sequence[Entrant], table: Table, read: Reader) -> list[Cohort]:
    """All data sets of a table without recordings that encoders, or the heads of other cohorts, know.

    Raises
    ------
    TsrepError
        Naming the cohort that cannot be shown to an encoder, or divided.
    """
    found = [_shown(entrants, entry, table, read) for entry in table.datasets]
    cleared = [
        one.without({other.name: _shared(one, other) for other in found if other is not one}) for one in found
    ]
    for cohort in cleared:
        _refuse_few(cohort)
    return cleared


def _shown(entrants: Sequence[Entrant], entry: DataEntry, table: Table, read: Reader) -> Cohort:
    with told_of(entry.called):
        sights = sights_of(entrants, entry, table, read=read, most=HALF)
        if any(sight.evaluation.part != "test" for sight in sights):
            raise SplitError("there is no test part to score; give its split one, or set use: test")
    parts = [_trials(sight, sight.evaluation.scored) for sight in sights]
    notes = [f"{entry.called}: {note}" for note in dict.fromkeys(n for s in sights for n in _notes(s))]
    by_name = {sight.entrant.name: sight for sight in sights}
    return Cohort(entry.called, entry, by_name, reduce(np.intersect1d, parts), notes=tuple(notes))


def _notes(sight: Sight) -> Iterator[str]:
    yield from (note for note in sight.shown.warnings if note != PATIENTS_UNKNOWN)
    if sight.contamination.status == "seen" or sight.contamination.left_out:
        yield from (f"{sight.entrant.name}: {note}" for note in sight.contamination.notes)


def _trials(sight: Sight, samples: Ints) -> Ints:
    return np.unique(sight.shown.prepared.panel.trial[samples])


def _shared(one: Cohort, other: Cohort) -> Ints:
    """Trials of the scored part of one that another cohort fits on, by signals and by patients."""
    fitted = other.used("train", "validation")
    ledger = Ledger.of(other.records, "labelled", fitted, public=bool(one.holds & other.holds))
    rows = ledger.seen(one.records, one.at).rows if len(fitted) else np.zeros(0, np.int64)
    return np.unique(one.records.trial[one.at][np.isin(one.records.row[one.at], rows)])


def _refuse_few(cohort: Cohort) -> None:
    patients = len(np.unique(cohort.records.patient[cohort.at]))
    if patients < 2:
        raise DataError(
            f"{cohort.name} has {patients} patient{'s' * (patients != 1)} to be scored, without recordings "
            "that encoders and other cohorts know, which gives no interval; give it more, or leave it out"
        )


@contextmanager
def told_of(name: str) -> Iterator[None]:
    """Errors that begin with the name of what they are about."""
    try:
        yield
    except TsrepError as error:
        if str(error).startswith(name):
            raise
        raise type(error)(f"{name}: {error}") from error

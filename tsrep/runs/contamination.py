"""Whether recordings that are scored are among those that an encoder has seen, and what is done about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from tsrep.errors import RunError
from tsrep.runs.ledger import Ledger
from tsrep.runs.seen import BEYOND, Seen
from tsrep.runs.sources import known_overlaps
from tsrep.signals.panel import Ints, Panel

Status = Literal["own-split", "none", "seen", "unknown"]
SeenPolicy = Literal["refuse", "leave-out", "keep"]
MOST = 0.01  # of the scored records that may have been trained on before they are refused


@dataclass(frozen=True)
class Contamination:
    """What an encoder has seen of the recordings that are scored.

    Attributes
    ----------
    status : {"own-split", "none", "seen", "unknown"}
        ``own-split``: the data and split of its own training; ``unknown``: not all that it has seen is known.
    exact, leads, coarse : int
        Records found by all stored counts, by those of two leads, and by shape; see :class:`Seen`.
    patients : int or None
        Patients that it has seen; None where they are not known.
    of : int
        Records that were to be scored.
    left_out : int
        Of them, those that were left out.
    labels : int
        Records with labels to fit on that it has seen too, which is no fault.
    chance : float
        Records that would be found by shape without any being seen.
    known_overlap : tuple of str
        What published sets share, by their names.
    complete : bool
        Whether all that it has seen is known.
    kept : bool
        Whether records that were seen are scored all the same; such scores enter no verdict.
    """

    status: Status
    exact: int = 0
    leads: int = 0
    coarse: int = 0
    patients: int | None = None
    of: int = 0
    left_out: int = 0
    labels: int = 0
    chance: float = 0.0
    known_overlap: tuple[str, ...] = ()
    complete: bool = True
    kept: bool = False

    def plain(self) -> dict[str, Any]:
        """Values for JSON."""
        return asdict(self) | {"known_overlap": list(self.known_overlap), "chance": round(self.chance, 3)}

    @property
    def mark(self) -> str:
        """What stands behind a figure: ``"†seen"``, ``"unknown"`` or nothing."""
        if self.kept:
            return "†seen"
        return "unknown" if self.status == "unknown" else ""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of scores should know, a sentence each; nothing where nothing was found."""
        return tuple(filter(None, (self._found, self._chance, self._unknown, self._overlaps)))

    @property
    def _found(self) -> str:
        if self.status != "seen" and not self.left_out:
            return ""
        how = ", ".join(
            f"{count:,} by {by}"
            for count, by in (
                (self.exact, "their stored values"),
                (self.leads, "those of two leads"),
                (self.coarse, "their shape"),
            )
            if count
        )
        people = f", and {self.patients:,} patients" if self.patients else ""
        then = "they are scored all the same (†seen)" if self.kept else f"{self.left_out:,} are left out"
        found = f"{how}{people}" if how else f"{self.patients:,} patients"
        return f"The encoder has seen some of the {self.of:,} records to be scored ({found}); {then}."

    @property
    def _chance(self) -> str:
        if not self.coarse:
            return ""
        beyond = self.coarse > BEYOND * self.chance
        return (
            f"By chance {self.chance:.2g} records would be found by shape"
            f"{'.' if beyond else f', and {self.coarse:,} were: none beyond chance.'}"
        )

    @property
    def _unknown(self) -> str:
        if self.status != "unknown":
            return ""
        return "Whether the encoder has seen the scored records is unknown."

    @property
    def _overlaps(self) -> str:
        return f"Known overlap: {'; '.join(self.known_overlap)}." if self.known_overlap else ""


@dataclass(frozen=True, eq=False)
class Check:
    """The outcome of :func:`check_seen`.

    Attributes
    ----------
    contamination : Contamination
    trials : int64 array
        Trials that are not to be scored.
    """

    contamination: Contamination
    trials: Ints

    def scored(self, panel: Panel, index: Ints) -> Ints:
        """Samples of a panel of windows or records that may be scored."""
        return index[~np.isin(panel.trial[index], self.trials)]


def check_seen(
    ledger: Ledger | None,
    records: Panel,
    scored: Ints,
    labelled: Ints | None = None,
    *,
    reference: str,
    policy: SeenPolicy = "refuse",
    own_split: bool = False,
    trained_on: Sequence[str] = (),
) -> Check:
    """Look for the records of a scored part among those that an encoder has seen.

    Of the run's own split the validation part, which training chose by, may be scored, and only copies of
    training recordings count.

    Parameters
    ----------
    ledger : Ledger or None
        Of the encoder; None where it has none.
    records : Panel
        As they were read.
    scored, labelled : int64 arrays
        Samples of it that are scored, and that labels are taken from.
    reference : str
        Text that names the encoder, for messages.
    policy : {"refuse", "leave-out", "keep"}
        What becomes of seen records. ``refuse``: where 1 % or more are found by their stored values nothing
        is scored, otherwise they are left out.
    own_split : bool
        Whether data and split are those of its training.
    trained_on : sequence of str
        Data sets that it is said to be trained on, besides those of its ledger.

    Raises
    ------
    RunError
        When records are refused, or none is left.
    """
    if records.synthetic:
        return Check(Contamination("own-split" if own_split else "none", of=_count(records, scored)), _NONE)
    known = Ledger(complete=False) if ledger is None else ledger
    # labels of a kept head are nothing that the encoder itself has seen
    seen = known.only("trained", *(() if own_split else ("chosen",))).seen(records, scored)
    labels = Seen(seen.rows[:0]) if own_split or labelled is None else known.seen(records, labelled)
    if policy == "refuse":
        _refuse(seen, reference)
    out = np.zeros(0, np.int64) if policy == "keep" else seen.rows
    trials = np.unique(records.trial[scored][np.isin(records.row[scored], out)])
    if len(out) and not len(np.setdiff1d(records.trial[scored], trials)):
        raise RunError(
            f"{reference} has seen all {seen.of:,} records to be scored; score another part, or say so with "
            "--seen keep"
        )
    names = [records.record_names[row] for row in np.unique(records.row[scored])] if _named(records) else []
    sources = [*(source.name for source in known.sources), *trained_on]
    overlap = () if known.complete else known_overlaps(sources, records.source, names)
    return Check(
        Contamination(
            _status(seen, own_split),
            seen.exact,
            seen.leads,
            seen.coarse,
            seen.patients,
            seen.of,
            left_out=len(out),
            labels=len(labels.rows),
            chance=seen.expected_by_chance,
            known_overlap=overlap,
            complete=seen.complete,
            kept=policy == "keep" and len(seen.rows) > 0,
        ),
        trials,
    )


_NONE: Ints = np.zeros(0, np.int64)


def _named(records: Panel) -> bool:
    return len(records.record_names) == len(records.store)


def _count(records: Panel, index: Ints) -> int:
    return len(np.unique(records.row[index]))


def _refuse(seen: Seen, reference: str) -> None:
    found = seen.exact + seen.leads
    if found and found >= MOST * seen.of:
        raise RunError(
            f"{reference} was trained on {found:,} of the {seen.of:,} records to be scored; score another "
            "part, or say what to do with them: --seen leave-out or --seen keep"
        )


def _status(seen: Seen, own_split: bool) -> Status:
    if len(seen.rows):
        return "seen"
    if own_split:
        return "own-split"
    return "none" if seen.complete else "unknown"

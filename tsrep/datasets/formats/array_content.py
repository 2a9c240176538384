"""What reading an array of recordings through once says, and how records without a signal are left out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsrep.datasets.tables.own_labels import Records
from tsrep.errors import DataError
from tsrep.signals.names import modality_of
from tsrep.signals.panel import Ints, Panel


@dataclass
class Content:
    """What reading an array through says.

    Attributes
    ----------
    sha256 : str
        Of the file, or of the values.
    silent : list of [record, channel]
        Records with a channel that has no value at all, and the first such channel.
    gap : [record, channel] or None
        The first missing value.
    unwritten : list of int
        Records whose values are all one number, as of a chunk that was lost or never written.
    """

    sha256: str = ""
    silent: list[list[int]] = field(default_factory=list)
    gap: list[int] | None = None
    unwritten: list[int] = field(default_factory=list)

    def look(self, x: NDArray[Any], first: int) -> None:
        """Take note of missing values in some records, the first of which is the ``first`` of all."""
        if x.dtype.kind != "f":
            return
        valid = np.isfinite(x)
        gaps, dead = ~valid.all(axis=2), ~valid.any(axis=2)
        if self.gap is None and gaps.any():
            record, channel = np.argwhere(gaps)[0].tolist()
            self.gap = [first + record, channel]
        self.silent += [[first + int(r), int(dead[r].argmax())] for r in np.flatnonzero(dead.any(axis=1))]

    def look_for_lost(self, x: NDArray[Any], first: int) -> None:
        """Take note of records that a chunked array fills in where it has no chunk."""
        self.unwritten += (first + np.flatnonzero((x == x[:, :1, :1]).all(axis=(1, 2)))).tolist()

    @property
    def skipped(self) -> tuple[tuple[str, str], ...]:
        """Records to leave out, each with the reason."""
        reasons = {r: f"channel {c} has no value (NaN throughout)" for r, c in self.silent}
        lost = dict.fromkeys(self.unwritten, "all values are one number, as of a chunk that is not there")
        return tuple((f"{r}", reason) for r, reason in sorted((reasons | lost).items()))

    def refuse_gaps(self, place: Any) -> None:
        """Raise a DataError that names the first missing value, or record that was never written."""
        if self.unwritten:
            raise DataError(
                f"record {self.unwritten[0]} of {place} has one number throughout, as of a chunk that is not "
                "there; write it, or load without --strict"
            )
        if self.gap is not None:
            record, channel = self.gap
            raise DataError(
                f"record {record} of {place} has missing values in channel {channel}; "
                "fix it, or load without --strict"
            )

    def panel(
        self, store: Any, records: Records, place: Any, *, strict: bool, content: str, **fields: Any
    ) -> Panel:
        """Panel of the records that were written and have no silent channel.

        Parameters
        ----------
        store : array or ChunkedStore
        records : Records
            What is said of each.
        place : str or Path
            Where the values are from, for messages.
        strict : bool
            Refuse missing values.
        content : str
            Hash of the values.
        **fields
            Other arguments of :meth:`tsrep.signals.panel.Panel.from_store`.

        Raises
        ------
        DataError
            When there is no such record, or (``strict``) a value is missing.
        """
        if strict:
            self.refuse_gaps(place)
        keep = self._sound(place, len(store))
        said = {"trial": keep, "skipped": self.skipped, **records.fields(keep)}
        said["modality"] = modality_of(fields["channels"])
        return Panel.from_store(store, row=keep, **{**said, **fields}).hashed(content)

    def _sound(self, place: Any, records: int) -> Ints:
        """Records that were written and have no silent channel."""
        keep = np.setdiff1d(np.arange(records), [record for record, _ in self.silent] + self.unwritten)
        if records and not len(keep):
            if self.unwritten:
                raise DataError(f"no record of {place} has values that differ; look for missing chunks")
            raise DataError(
                f"every record of {place} has a channel without any value; the first is channel "
                f"{self.silent[0][1]} of record {self.silent[0][0]}; remove channels that were not recorded"
            )
        return keep

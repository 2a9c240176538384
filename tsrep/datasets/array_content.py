"""What reading an array of recordings through once says, and how records without a signal are left out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsrep.errors import DataError
from tsrep.signals.panel import Ints


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
    """

    sha256: str = ""
    silent: list[list[int]] = field(default_factory=list)
    gap: list[int] | None = None

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

    @property
    def skipped(self) -> tuple[tuple[str, str], ...]:
        """Records to leave out, each with the reason."""
        return tuple((f"{r}", f"channel {c} has no value (NaN throughout)") for r, c in self.silent)

    def refuse_gaps(self, place: Any) -> None:
        """Raise a DataError that names the first missing value."""
        if self.gap is not None:
            record, channel = self.gap
            raise DataError(
                f"record {record} of {place} has missing values in channel {channel}; "
                "mend it, or load without --strict"
            )

    def sound(self, place: Any, records: int) -> Ints:
        """Records without a silent channel.

        Raises
        ------
        DataError
            When there is none.
        """
        keep = np.setdiff1d(np.arange(records), [record for record, _ in self.silent])
        if records and not len(keep):
            raise DataError(
                f"every record of {place} has a channel without any value; the first is channel "
                f"{self.silent[0][1]} of record {self.silent[0][0]}; remove channels that were not recorded"
            )
        return keep

"""What has become of recordings so far, and whether too many give no prediction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from tsrep.errors import DataError
from tsrep.runs.predict.columns import Outcome
from tsrep.runs.predict.reading import Opened
from tsrep.runs.seen import BEYOND


@dataclass(eq=False)
class Tally:
    """Counts of recordings, notes that they share, and what the encoder has seen of them.

    Attributes
    ----------
    strict : bool
        Whether one without a prediction stops everything.
    max_failed : float
        Share without a prediction above which all are refused.
    """

    strict: bool
    max_failed: float
    notes: tuple[str, ...] = ()
    counts: Counter[str] = field(default_factory=Counter)
    seen: Counter[str] = field(default_factory=Counter)
    chance: float = 0.0
    first_failed: str = ""
    doubtful: int = 0
    first_doubt: str = ""

    def watched(self, recordings: Iterable[Opened]) -> Iterator[Opened]:
        """The same recordings, of which those that the encoder has seen are counted."""
        for opened in recordings:
            if opened.seen is not None:
                self.seen["of"] += 1
                self.seen["exact"] += opened.seen.exact
                self.seen["leads"] += opened.seen.leads
                self.seen["coarse"] += opened.seen.coarse
                self.chance += opened.seen.expected_by_chance
                self.seen["unknown"] += not opened.seen.complete
            yield opened

    def counted(self, outcome: Outcome) -> Outcome:
        """The outcome without notes that the first one has too, which stand beside the table.

        Raises
        ------
        DataError
            When it is strict, and there is no prediction.
        """
        failed = outcome.status == "failed"
        if failed and self.strict:
            raise DataError(
                f"recording {outcome.record} gives no prediction: {outcome.reason}; leave it out, or list "
                "such recordings by predicting without --strict"
            )
        if failed and not self.first_failed:
            self.first_failed = f"{outcome.record}: {outcome.reason}"
        if not failed and not self.counts["ok"] + self.counts["partial"]:
            self.notes = outcome.notes
        self.counts[outcome.status] += 1
        if outcome.doubts:
            self.doubtful += 1
            self.first_doubt = self.first_doubt or f"{outcome.record}: {outcome.doubts[0]}"
        return replace(outcome, notes=tuple(note for note in outcome.notes if note not in self.notes))

    def judge(self) -> None:
        """Refuse predictions of which too many are missing.

        Raises
        ------
        DataError
        """
        total, failed = self.counts.total(), self.counts["failed"]
        if failed and failed == total:
            raise DataError(f"none of {total:,} recordings can be predicted; the first, {self.first_failed}")
        if failed > self.max_failed * total:
            raise DataError(
                f"{failed:,} of {total:,} recordings give no prediction, the first {self.first_failed}; fix "
                "them, or allow more with --max-failed"
            )

    @property
    def said(self) -> dict[str, Any]:
        """For the JSON beside the table."""
        return {
            "notes": list(self.notes),
            "counts": {status: self.counts[status] for status in ("ok", "partial", "failed")},
            "doubtful": {"recordings": self.doubtful, "first": self.first_doubt},
            "seen": self._seen,
        }

    @property
    def _seen(self) -> dict[str, Any]:
        found = {key: self.seen[key] for key in ("of", "exact", "leads", "coarse")}
        beyond = found["coarse"] > BEYOND * self.chance
        status = "seen" if found["exact"] + found["leads"] or beyond else "none"
        if status == "none" and (self.seen["unknown"] or not found["of"]):
            status = "unknown"
        return {"status": status} | found | {"by_chance": round(self.chance, 6)}

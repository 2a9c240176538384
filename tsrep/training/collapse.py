"""What diagnostics say in words: that a run collapses, while it trains and in its report."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from tsrep.training.hooks import Hook, Plan

RUNNING = 3  # validations that must agree
SPREAD, RANK, SHARE = 0.1, 2.0, 0.1


def collapse(rows: Sequence[Mapping[str, Any]]) -> str | None:
    """Whether representations have collapsed or are about to, in a sentence; None where they have not.

    Parameters
    ----------
    rows : sequence of mapping
        See :class:`tsrep.training.diagnostics.Diagnostics`, of every validation so far, the first before
        training.
    """
    untrained, last = rows[0], rows[1:][-RUNNING:]
    if len(last) < RUNNING:
        return None
    now, before = last[-1], untrained["effective_rank"]
    # few windows bound the rank, and some encoders lie close together by themselves
    spread, rank = min(SPREAD, untrained["spread"] / 2), min(RANK, before / 2)
    if all(row["spread"] < spread or row["effective_rank"] < rank for row in last):
        return (
            f"the representations have collapsed: over the last three validations all windows have been "
            f"encoded almost alike (spread {now['spread']:.2g}, where 0 is one point; effective rank "
            f"{now['effective_rank']:.1f} of {now['dim']}); lower training.lr, or give back what keeps the "
            "objective from a constant, such as negatives, a predictor with a slow teacher or a variance term"
        )
    if all(row["effective_rank"] < SHARE * before for row in last):
        return (
            f"the representations fill few dimensions: their effective rank has been below a tenth of that "
            f"before training over the last three validations ({now['effective_rank']:.1f}, from "
            f"{before:.1f}, of {now['dim']}); lower training.lr, or raise what spreads them, such as the "
            "batch size, the weight of a variance term or the strength of the views"
        )
    if all(row["dead_rows"] for row in last):
        return (
            f"{now['dead_rows']} of {now['windows']} windows are encoded as zero; lower training.lr, or take "
            "an encoder whose output is not cut off at zero"
        )
    return None


class CollapseWatch(Hook):
    """Says once on standard error, while a run trains, that its representations collapse.

    Parameters
    ----------
    log : Path
        The metric log of the run, whose validations count when it is resumed.
    """

    def __init__(self, log: Path) -> None:
        self._log, self._told = log, False
        self._rows: list[Mapping[str, Any]] = []

    def on_start(self, plan: Plan) -> None:
        """Read what was logged before an interruption."""
        if plan.steps_done and self._log.is_file():
            for line in self._log.read_text(encoding="utf-8").splitlines():
                with suppress(ValueError):
                    self._take(json.loads(line))
            self._told = bool(self._rows) and collapse(self._rows) is not None

    def on_record(self, record: dict[str, Any]) -> None:
        """Look at the last validations."""
        if not self._take(record) or self._told or (said := collapse(self._rows)) is None:
            return
        self._told = True
        print(f"tsrep: epoch {record['epoch']}: {said}", file=sys.stderr)

    def _take(self, record: Mapping[str, Any]) -> bool:
        """Keep the diagnostics of a validation; whether it has any."""
        found = record.get("diagnostics") if record.get("kind") == "validation" else None
        self._rows += [found] if found else []
        return bool(found)

"""Which recordings are used: a policy for those with faults, of which nothing is repaired."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Literal

import numpy as np

from tsrep.errors import DataError
from tsrep.signals.panel import Panel
from tsrep.signals.quality import FAULTY, FLAT, INFINITE, called, look_through, refuse_infinite

Policy = Literal["keep", "mark", "drop"]
DEAD = "no lead that moves"


def usable(panel: Panel, policy: Policy, *, strict: bool = False) -> Panel:
    """The recordings that a policy uses; those that are left out are in ``skipped``, with the reason.

    Parameters
    ----------
    panel : Panel
    policy : {"keep", "mark", "drop"}
        All recordings, of which none may have an infinite value; those that have no such value and a lead
        that moves; or those without any fault but missing values.
    strict : bool
        Refuse what would be left out.

    Raises
    ------
    DataError
        When a recording cannot be used and must be, or none can.
    """
    if policy == "keep":
        refuse_infinite(panel)
        return panel
    reasons = _reasons(panel, FAULTY if policy == "drop" else (INFINITE,))
    if not reasons:
        return panel
    names = called(panel)
    said = tuple((names[row], reason) for row, reason in sorted(reasons.items()))
    left = np.flatnonzero(~np.isin(panel.row, list(reasons)))
    if strict or not len(left):
        which = "no record can be used: the first," if not len(left) else "record"
        raise DataError(f"{which} {said[0][0]} has {said[0][1]}; correct it, or see quality in the settings")
    return replace(panel.select(left), skipped=(*panel.skipped, *said))


def _reasons(panel: Panel, faults: tuple[str, ...]) -> dict[int, str]:
    """Rows to leave out, each with the first reason."""
    leads = look_through(panel).leads
    still = Counter(row for row, _ in leads[FLAT])
    found = {row: DEAD for row, count in still.items() if count == len(panel.channels)}
    for what in faults:
        for row, channel in leads[what]:
            found.setdefault(row, f"{what} ({channel})")
    return found

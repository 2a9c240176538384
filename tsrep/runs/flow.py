"""How many recordings and patients were found, left out and why, and fall into each part of a run."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import numpy as np

from tsrep.signals.panel import Ints, Panel
from tsrep.splits.split import PARTS, Split

FILE = "flow.json"
RECORDING = "recording"
NAMED = re.compile(r"\S*\d\S*")
SEGMENT = re.compile(r"(.+), segment \d+")


def patient_flow(records: Panel, windows: Panel, split: Split) -> dict[str, Any]:
    """The flow of recordings into the parts of a split, as numbers.

    Parameters
    ----------
    records : Panel
        As they were read.
    windows : Panel
        That were cut from them.
    split : Split
        Of the windows.

    Returns
    -------
    dict
        ``found`` (recordings), ``excluded`` (reason, number, what, in order), ``read`` and ``parts`` (each
        ``recordings`` and ``patients``), and the same by ``cohorts`` where there are several.

    References
    ----------
    Schulz, Altman and Moher, "CONSORT 2010 Statement", BMJ 340, c332 (2010); Collins et al., "TRIPOD+AI
    statement", BMJ 385, e078378 (2024).
    """
    excluded = [*_unreadable(windows), *map(list, records.excluded)]
    index = {part: getattr(split, part) for part in PARTS}
    rest = np.setdiff1d(np.arange(len(windows)), np.concatenate(list(index.values())))
    if len(rest):
        index["in no part"] = rest
    read = _counts(records, np.arange(len(records)))
    lost = sum(number for _, number, what in excluded if what == RECORDING)
    flow: dict[str, Any] = {
        "found": _recordings(windows, np.arange(len(windows))) + lost,
        "excluded": excluded,
        "read": read,
        "parts": {part: _counts(windows, at) for part, at in index.items()},
    }
    if records.cohort is not None and len(records.cohort_names) > 1 and windows.cohort is not None:
        flow["cohorts"] = {
            name: {part: _counts(windows, at[windows.cohort[at] == c]) for part, at in index.items()}
            for c, name in enumerate(records.cohort_names)
            if (windows.cohort == c).any()
        }
    return flow


def _counts(panel: Panel, at: Ints) -> dict[str, int]:
    return {"recordings": _recordings(panel, at), "patients": len(np.unique(panel.patient[at]))}


def _recordings(panel: Panel, at: Ints) -> int:
    """Recordings that samples are of; by name, as one may be stored in several rows."""
    rows = np.unique(panel.row[at])
    return len({panel.record_names[row] for row in rows.tolist()}) if panel.record_names else len(rows)


def _unreadable(windows: Panel) -> list[list[Any]]:
    """Reasons why recordings, and segments of recordings, could not be used, with their numbers."""
    found: Counter[tuple[str, str]] = Counter()
    for name, reason in windows.skipped:
        if name.startswith("channel "):
            continue
        what = "segment" if SEGMENT.fullmatch(name) else RECORDING
        found[_kind(name, reason), what] += 1
    return [[reason, number, what] for (reason, what), number in found.most_common()]


def _kind(name: str, reason: str) -> str:
    """A reason without what is of one recording only: its name, numbers and files."""
    return " ".join(NAMED.sub("…", reason).replace(name, "…").split())

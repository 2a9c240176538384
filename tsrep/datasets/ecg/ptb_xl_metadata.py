"""What PTB-XL says of each recording besides its diagnosis: person, place, device, and signal quality."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsrep.datasets.tables.identifiers import spelled
from tsrep.datasets.tables.own_metadata import ages
from tsrep.datasets.tables.reading import column_names, read_table
from tsrep.signals.names import TWELVE

SEXES = {"0": "M", "1": "F"}
NUMBERS = ("age", "height", "weight", "heart_rate")  # years, cm, kg, 1/min (of simulated hearts)
TEXTS = ("device", "site", "recording_date")
QUALITY = {
    "electrodes_problems": "electrode",
    "burst_noise": "burst",
    "static_noise": "static",
    "baseline_drift": "drift",
}
LEADS = tuple(lead.upper() for lead in TWELVE)
CHEST = re.compile(r"V[1-6]")


def read_metadata(path: Path) -> dict[str, NDArray[Any]]:
    """Arrays for :attr:`tsrep.signals.panel.Panel.meta` by name, one value for each row of the table.

    ``age`` (years), ``height`` (cm) and ``weight`` (kg) are NaN where nothing is stated, the age also
    above 89 years, which ``over_89`` says; ``sex`` is ``"F"``, ``"M"`` or ``""``; ``device``, ``site`` and
    ``date`` are texts. ``quality`` is the gravest fault that a technician noted, of ``electrode``,
    ``burst``, ``static`` and ``drift``, else ``clean``; ``noisy_leads`` are the leads of all of them, shape
    (record, 12). Recordings without a note may be noisy all the same. ``paced`` is ``yes``, ``no`` or empty.
    Columns that the table lacks are left out.

    Raises
    ------
    DataError
        When the table cannot be read.
    """
    there = column_names(path)
    wanted = [name for name in ("sex", "pacemaker", *NUMBERS, *TEXTS, *QUALITY) if name in there]
    table = read_table(path, wanted) if wanted else {}
    meta: dict[str, NDArray[Any]] = {
        name: np.array([_number(cell) for cell in table[name]]) for name in NUMBERS if name in table
    }
    if "age" in meta:
        meta |= ages(meta["age"])
    if "sex" in table:
        meta["sex"] = np.array([SEXES.get(cell.strip().removesuffix(".0"), "") for cell in table["sex"]])
    if "pacemaker" in table:
        meta["paced"] = np.array([_paced(cell.strip()) for cell in table["pacemaker"]])
    for name in TEXTS:
        if name in table:
            cells = spelled([" ".join(cell.split()) for cell in table[name]])
            meta[name.removeprefix("recording_")] = np.array(cells)
    noted = {kind: table[name] for name, kind in QUALITY.items() if name in table}
    if noted:
        meta |= _quality(noted)
    return meta


def _paced(note: str) -> str:
    """Of ``ja, pacemaker``, nothing, and what is doubted, such as ``PACE????, nan``."""
    return "yes" if note.startswith("ja") else "" if note else "no"


def _quality(noted: dict[str, list[str]]) -> dict[str, NDArray[Any]]:
    count = len(next(iter(noted.values())))
    kinds = np.full(count, "clean", "U9")
    leads = np.zeros((count, len(LEADS)), bool)
    for kind, cells in reversed(noted.items()):  # the gravest last, so that it stays
        filled = np.array([bool(cell.strip()) for cell in cells])
        kinds[filled] = kind
        leads |= np.array([np.isin(LEADS, noted_leads(cell)[0]) for cell in cells])
    return {"quality": kinds, "noisy_leads": leads}


def noted_leads(cell: str) -> tuple[list[str], list[str]]:
    """Leads that a technician's note names, and what in it cannot be read.

    Notes are such as ``I-AVR``, ``alles`` (all leads), ``V2,3`` or ``leicht`` (slight, in all).

    Examples
    --------
    >>> noted_leads(" , II-AVF,V2,3 ")
    (['II', 'III', 'AVR', 'AVL', 'AVF', 'V2', 'V3'], [])
    """
    found: list[str] = []
    unread: list[str] = []
    for token in (part.strip().upper() for part in re.split(r"[,.;]", cell)):
        first, dash, last = (part.strip() for part in token.partition("-"))
        if token in ("ALLES", "LEICHT"):
            found += LEADS
        elif token in LEADS:
            found.append(token)
        elif dash and first in LEADS and (last := _chest(first, last)) in LEADS:
            found += LEADS[LEADS.index(first) : LEADS.index(last) + 1]
        elif found and _chest(found[-1], token) in LEADS:
            found.append(_chest(found[-1], token))
        elif token:
            unread.append(token)
    return list(dict.fromkeys(found)), unread


def _chest(before: str, token: str) -> str:
    """A bare number behind a chest lead is one too: ``V2,3`` and ``V5-6``."""
    return f"V{token}" if CHEST.fullmatch(before) else token


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return float("nan")


def numbers(meta: dict[str, NDArray[Any]], names: Sequence[str]) -> NDArray[np.float32]:
    """Some of the numbers as targets of a regression, shape (record, target), NaN where unknown."""
    return np.stack([meta[name] for name in names], axis=1).astype(np.float32)

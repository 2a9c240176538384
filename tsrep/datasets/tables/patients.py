"""Whose recordings are, where the publisher does not say."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tsrep.datasets.tables.reading import codes, read_table, refuse_duplicates
from tsrep.errors import DataError


def patients_of(folder: Path, table: str | None, names: Sequence[str]) -> dict[str, Any]:
    """Fields ``patient`` and ``patient_names`` of a panel.

    Parameters
    ----------
    folder : Path
    table : str or None
        CSV in it with columns ``record`` and ``patient``; without it each recording is taken for one person.
    names : sequence of str
        Of the recordings.

    Raises
    ------
    DataError
        When the table is missing or wrong, or lacks a recording.
    """
    if table is None:
        return {
            "patient": np.arange(len(names)),
            "patient_names": tuple(f"record:{name}" for name in names),
        }
    path = folder / table
    cells = read_table(path, ["record", "patient"])
    refuse_duplicates(path, "record", cells["record"])
    told = dict(zip(cells["record"], cells["patient"], strict=True))
    absent = [name for name in names if not told.get(name, "").strip()]
    if absent:
        raise DataError(
            f"{path} does not say whose {absent[0]} is ({len(absent)} of {len(names)} recordings); give "
            "every recording a patient"
        )
    patient, patient_names = codes([told[name] for name in names])
    return {"patient": patient, "patient_names": patient_names}

"""Small folders in true on-disk layouts, for the tests of this room."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tsrep.datasets.formats.wfdb_record import write_wfdb

LEADS = ("I", "II", "III", "AVR", "AVL", "AVF", "V1", "V2", "V3", "V4", "V5", "V6")
STATEMENTS = {
    "NORM": (1, "", "", "NORM", "NORM"),
    "IMI": (1, "", "", "MI", "IMI"),
    "AMI": (1, "", "", "MI", "AMI"),
    "NDT": (1, 1, "", "STTC", "STTC"),
    "LVH": (1, "", "", "HYP", "LVH"),
    "CRBBB": (1, "", "", "CD", "CRBBB"),
    "QWAVE": ("", 1, "", "", ""),
    "SR": ("", "", 1, "", ""),
    "AFIB": ("", "", 1, "", ""),
}


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """A CSV file with the keys of the first row as header."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        out = csv.DictWriter(stream, list(rows[0]))
        out.writeheader()
        out.writerows(rows)


def write_ptb_xl(
    root: Path,
    codes: Sequence[Mapping[str, float]],
    *,
    patient: Sequence[Any] | None = None,
    fold: Sequence[int] | None = None,
    drop: Sequence[str] = (),
) -> np.ndarray:
    """A folder in the layout of PTB-XL with one record for each set of codes; returns counts."""
    root.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    counts = rng.integers(-1500, 1500, (len(codes), 12, 1000)).astype(np.int16)
    names = ["diagnostic", "form", "rhythm", "diagnostic_class", "diagnostic_subclass"]
    write_csv(
        root / "scp_statements.csv",
        [
            {"": code, "description": "", **dict(zip(names, row, strict=True))}
            for code, row in STATEMENTS.items()
        ],
    )
    (root / "records100/00000").mkdir(parents=True, exist_ok=True)
    rows = []
    for i, listed in enumerate(codes):
        name = f"records100/00000/{i + 1:05d}_lr"
        write_wfdb(root / name, counts[i], sfreq=100, channels=LEADS)
        row = {
            "ecg_id": i + 1,
            "patient_id": f"{i + 1}.0" if patient is None else patient[i],
            "scp_codes": str(dict(listed)),
            "strat_fold": i % 10 + 1 if fold is None else fold[i],
            "filename_lr": name,
            "filename_hr": name.replace("records100", "records500").replace("_lr", "_hr"),
        }
        rows.append({key: value for key, value in row.items() if key not in drop})
    write_csv(root / "ptbxl_database.csv", rows)
    return counts

"""Two samples of PTB-XL as one array with a table; people with two recordings are tested."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np

from tsrep.datasets import load
from tsrep.datasets.tables.reading import read_table
from tsrep.files import write_text
from tsrep.rng import numpy_generator
from tsrep.signals.names import TWELVE
from tsrep.signals.panel import Panel

ARRAY, TABLE, SIGNALS = "ecg.npy", "records.csv", "ecg_100hz_int16_uV.npy"
CLASSES = ("NORM", "MI", "STTC", "CD", "HYP")
META = ("age", "sex", "device", "site", "date", "quality")
HEAD = ("record", "patient", *META, *CLASSES)
HELD_OUT = 0.2  # of the patients, for each of test and validation


def made_cohort(panel_root: Path, official_root: Path, folder: Path) -> Path:
    """Write array and table of all recordings of both samples, those in both once.

    Parameters
    ----------
    panel_root : Path
        With ``ecg_100hz_int16_uV.npy`` and ``records.csv``.
    official_root : Path
        Part of PTB-XL in its official layout.
    folder : Path
        Written to where it has no such files yet.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / TABLE).exists():
        rows, signals = _official(official_root)
        known = {row["record"] for row in rows}
        others, store = _panel(panel_root)
        new = [i for i, row in enumerate(others) if row["record"] not in known]
        np.save(folder / ARRAY, np.concatenate([signals, store[new]]))
        _write(folder / TABLE, rows + [others[i] for i in new])
    return folder


def dataset() -> dict[str, Any]:
    """Settings of the data set that :func:`made_cohort` writes."""
    return {
        "name": "arrays",
        "array": ARRAY,
        "table": TABLE,
        "label": list(CLASSES),
        "meta": list(META),
        "channel_names": list(TWELVE),
        "sfreq": 100,
        "scale": 1e-3,
        "unit": "mV",
    }


def split(folder: Path) -> dict[str, Any]:
    """Patients with two recordings or more are tested, with others drawn at random up to a fifth of all."""
    names, count = np.unique(read_table(folder / TABLE, ["patient"])["patient"], return_counts=True)
    several, one = names[count > 1], names[count == 1]
    one = numpy_generator(0, "audited cohort").permutation(one)
    some = round(HELD_OUT * len(names))
    rest = max(some - len(several), 0)
    test, validation = [*several, *one[:rest]], one[rest : rest + some]
    return {
        "name": "patients",
        "test": [str(name) for name in test],
        "validation": [str(name) for name in validation],
        "same_signal": "drop-train",
    }


def _official(root: Path) -> tuple[list[dict[str, Any]], np.ndarray]:
    """Rows and µV of the official records; superclasses of those that have none are all 0."""
    every, labelled = load("ptb-xl", root=root, task="all"), load("ptb-xl", root=root)
    assert isinstance(every, Panel)
    assert isinstance(labelled, Panel)
    of = dict(zip(_names(labelled), labelled.label, strict=True))
    columns = [labelled.classes.index(name) for name in CLASSES]
    rows = []
    for i, name in enumerate(_names(every)):
        flags = of.get(name, np.zeros(len(CLASSES), bool))[columns].astype(int)
        meta = {key: every.meta[key][i] for key in META}
        meta["age"] = 300 if every.meta["over_89"][i] else meta["age"]
        rows.append(
            {"record": int(name), "patient": int(every.patient[i])}
            | meta
            | dict(zip(CLASSES, flags.tolist(), strict=True))
        )
    return rows, np.asarray(np.rint(every.x * 1000), np.int16)


def _names(panel: Panel) -> list[str]:
    return [panel.record_names[row] for row in panel.row.tolist()]


def _panel(root: Path) -> tuple[list[dict[str, Any]], np.ndarray]:
    columns = ("ecg_id", "patient_id", "age", "sex", *CLASSES)
    table = read_table(root / "records.csv", columns)
    sex = {"0": "M", "1": "F"}
    rows = [
        {"record": int(cells[0]), "patient": int(cells[1]), "age": cells[2], "sex": sex.get(cells[3], "")}
        | dict(zip(CLASSES, cells[4:], strict=True))
        for cells in zip(*(table[name] for name in columns), strict=True)
    ]
    return rows, np.load(root / SIGNALS, mmap_mode="r")


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    from io import StringIO

    text = StringIO()
    writer = csv.DictWriter(text, HEAD, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())

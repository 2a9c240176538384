"""The sample of PTB-XL that ships with tsrep, made from the panel of 2,010 recordings.

Half of the panel's patients are the sample, drawn at random with the share of each superclass kept. A
recording that is stored twice is in neither half. The eight independent leads are stored as differences in
time, in microvolts, compressed with xz. Three twelve-lead recordings of patients of the other half, the first
of one superclass each, become WFDB files, on which the demo predicts. Run from the repository root::

    .venv/bin/python studies/ptb_xl_sample.py --root DIR

``DIR`` holds ``ecg_100hz_int16_uV.npy`` and ``records.csv``. With ``--rest FOLDER`` the other half is written
in the layout of the sample, for decisions that the sample's own patients must not see.
"""

from __future__ import annotations

import argparse
import csv
import lzma
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tsrep.datasets import load
from tsrep.datasets.ecg.ptb_xl_sample import CLASSES, FOLDER, INDEPENDENT, RECORDS, SIGNALS
from tsrep.datasets.formats.wfdb_record import write_wfdb
from tsrep.datasets.tables.reading import Table, read_table
from tsrep.rng import numpy_generator
from tsrep.signals.names import TWELVE
from tsrep.signals.panel import Ints, Panel
from tsrep.signals.same_signal import same_signal
from tsrep.splits.by_patient import stratified

ARRAY, TABLE = "ecg_100hz_int16_uV.npy", "records.csv"
COLUMNS = ("ecg_id", "patient_id", "age", "sex", *CLASSES)
NEW = ("NORM", "MI", "CD")
SEED = 0


def main() -> None:
    """Draw the patients, write the files, say how large they are."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", type=Path, required=True, help="folder of the panel")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder of the sample")
    parser.add_argument("--rest", type=Path, help="folder for the other half of the patients")
    options = parser.parse_args()
    counts, table = np.load(options.root / ARRAY), read_table(options.root / TABLE, COLUMNS)
    sample, rest = halves(options.root)
    write_half(options.out, counts, table, sample)
    write_new(options.out / "recordings", counts, table, rest)
    if options.rest:
        write_half(options.rest, counts, table, rest)


def halves(root: Path) -> tuple[Ints, Ints]:
    """Rows of the sample and rows of the other patients; none of a recording that is stored twice."""
    panel = load(
        {"name": "arrays", "array": ARRAY, "patient": "patient_id", "label": list(CLASSES)}
        | {"sfreq": 100, "scale": 1e-3, "unit": "mV", "channel_names": list(TWELVE)},
        root,
    )
    assert isinstance(panel, Panel)
    signal = same_signal(panel)
    panel = panel.select(np.bincount(signal)[signal] == 1)
    patients, inverse = np.unique(panel.patient, return_inverse=True)
    has = np.zeros((len(patients), len(CLASSES)), bool)
    np.logical_or.at(has, inverse, panel.label)
    half = stratified(has, np.array([0.5, 0.5]), numpy_generator(SEED, "ptb-xl-sample"))[inverse]
    return panel.row[half == 0], panel.row[half == 1]


def write_half(folder: Path, counts: np.ndarray, table: Table, rows: Ints) -> None:
    """Write signals and table of some rows."""
    folder.mkdir(parents=True, exist_ok=True)
    leads = [TWELVE.index(lead) for lead in INDEPENDENT]
    steps = np.diff(counts[rows][:, leads].astype(np.int32), axis=2, prepend=0).astype("<i2")
    (folder / SIGNALS).write_bytes(lzma.compress(steps.tobytes(), preset=9))
    with (folder / RECORDS).open("w", encoding="utf-8", newline="") as stream:
        lines = csv.writer(stream, lineterminator="\n")
        lines.writerow(COLUMNS)
        lines.writerows([table[column][row] for column in COLUMNS] for row in rows.tolist())
    print(f"{folder}: {len(rows)} recordings, {(folder / SIGNALS).stat().st_size / 1e6:.2f} MB")


def write_new(folder: Path, counts: np.ndarray, table: Table, rows: Ints) -> None:
    """Write the first of the rows that have one superclass alone, for some superclasses."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in NEW:
        row = next(row for row in rows.tolist() if _classes(table, row) == [name])
        said = [f"patient: {table['patient_id'][row]}", f"PTB-XL record {table['ecg_id'][row]}, CC BY 4.0"]
        stem = folder / f"{int(table['ecg_id'][row]):05d}-{name.lower()}"
        write_wfdb(stem, counts[row], sfreq=100, channels=TWELVE, comments=said)


def _classes(table: Table, row: int) -> Sequence[str]:
    return [name for name in CLASSES if table[name][row] == "1"]


if __name__ == "__main__":
    main()

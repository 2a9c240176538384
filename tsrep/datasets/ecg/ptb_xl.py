"""PTB-XL: 21,799 twelve-lead ECGs of 10 s from 18,869 patients."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal, Unpack

import numpy as np
from numpy.typing import NDArray

from tsrep.datasets.conversion import Job, Pieces, convert, fingerprint
from tsrep.datasets.converted import Converted
from tsrep.datasets.dataset import About, ReadOptions, Unreadable
from tsrep.datasets.ecg.ptb_xl_labels import (
    Labels,
    Task,
    aggregate,
    medformer,
    parse_codes,
    read_statements,
    scored,
)
from tsrep.datasets.ecg.ptb_xl_metadata import numbers, read_metadata
from tsrep.datasets.findings import counted
from tsrep.datasets.formats.wfdb_record import MISSING, one_unit, read_wfdb
from tsrep.datasets.recordings import Channels, Recordings, Renamed
from tsrep.datasets.tables.reading import Table, integers, read_table, refuse_duplicates
from tsrep.errors import DataError
from tsrep.registry import DATASETS
from tsrep.signals.names import TWELVE
from tsrep.signals.panel import Ints, Panel

SECONDS = 10
VERSIONS = {21837: "PTB-XL 1.0.1", 21799: "PTB-XL 1.0.3"}
Target = Literal["age", "height", "weight"]
UNITS = {"age": "years", "height": "cm", "weight": "kg", "heart_rate": "1/min"}
SYNTHETIC_MARK = "SYNTHETIC.json"


@DATASETS.register("ptb-xl")
class PtbXl(Recordings):
    """PTB-XL, versions 1.0.1 to 1.0.3, in its official layout.

    Parameters
    ----------
    task : str
        ``"superdiagnostic"`` and the other five multi-label tasks of the PTB-XL benchmark, or
        ``"medformer"``: five classes, one per patient. ``"scored"``: 18 scored classes of the 2021 challenge
        by its names, as ``cinc2021`` has them when merged, for runs on several cohorts.
    rate : 100 or 500
        Which of the two sets of files to read, Hz.
    targets : tuple of str
        Numbers to predict by regression: ``"age"`` (years), ``"height"`` (cm) or ``"weight"`` (kg). Those of
        ``ptb-xl-plus`` are measurements.
    channels : tuple of str or None
        Leads to keep, by name, in this order.
    rename : mapping of str to str, or None
        New names by recorded ones.
    """

    about = About(
        title="PTB-XL, a large publicly available electrocardiography dataset",
        licence="CC BY 4.0",
        citation=(
            "Wagner P, Strodthoff N, Bousseljot R-D, Kreiseler D, Lunze FI, Samek W, Schaeffter T. "
            "PTB-XL, a large publicly available electrocardiography dataset. Sci Data 7, 154 (2020)."
        ),
        url="https://physionet.org/content/ptb-xl/1.0.3/",
        base_url="https://physionet.org/files/ptb-xl/1.0.3/",
        size_mb=545,
        full_size_mb=3000,
        optional=("records500/",),
        records=21799,
        patients=18869,
        default_split="official",
        independence="patient",
        needs=("ptbxl_database.csv", "scp_statements.csv"),
        layout=("records100/00000/00001_lr.hea", "records100/00000/00001_lr.dat", "... or records500/"),
        notes=(
            "Also records100/ or records500/ (fetched on request); a part of the records is fine. Folds 1-8 "
            "train, 9 validates, 10 tests; a trial is a record. Age, sex, height, weight, device, site, date "
            "and signal quality are kept beside the recordings. Some recordings are stored under two "
            "numbers: `tsrep data check ptb-xl` lists them."
        ),
        kin=("the Physikalisch-Technische Bundesanstalt",),
    )

    def __init__(
        self,
        task: Task = "superdiagnostic",
        rate: Literal[100, 500] = 100,
        targets: tuple[Target, ...] = (),
        channels: Channels | None = None,
        rename: Renamed | None = None,
    ) -> None:
        super().__init__(channels=channels, rename=rename)
        self.label_set, self.rate = task, rate
        self.targets: tuple[str, ...] = targets

    @property
    def default_split(self) -> str:
        """The split that the task was published with."""
        return "per-class-order" if self.label_set == "medformer" else "official"

    def read(self, folder: Path, **options: Unpack[ReadOptions]) -> Panel:
        """Panel of whole records, in mV, with what :func:`read_metadata` says of them.

        Raises
        ------
        DataError
            When a table or (``strict``) a record is missing or broken.
        """
        path = folder / "ptbxl_database.csv"
        name_column = "filename_lr" if self.rate == 100 else "filename_hr"
        table = read_table(path, ["ecg_id", "patient_id", "scp_codes", "strat_fold", name_column])
        ids = {c: integers(path, c, table[c]) for c in ("ecg_id", "patient_id", "strat_fold")}
        refuse_duplicates(path, "ecg_id", ids["ecg_id"])
        labels = _labels(folder, path, table, ids["patient_id"], self.label_set)
        meta = read_metadata(path)
        absent = next((name for name in self.targets if name not in meta), None)
        if absent is not None:
            raise DataError(f"{path} has no column {absent!r}, which dataset.targets asks for; leave it out")
        signals = _signals(folder, table[name_column], self.rate, options)
        return self._panel(folder, ids, labels, meta, signals)

    def _panel(
        self,
        folder: Path,
        ids: Mapping[str, Ints],
        labels: Labels,
        meta: dict[str, NDArray[Any]],
        signals: Converted,
    ) -> Panel:
        records = len(ids["ecg_id"])
        row_of = np.full(records, -1, np.int64)
        row_of[signals.source] = np.arange(len(signals.source))
        readable = row_of[labels.keep] >= 0
        keep, label = labels.keep[readable], labels.label[readable]
        if not len(keep):
            raise DataError(
                f"no readable record of {folder} has a label of the task {self.label_set!r}; "
                "choose another task"
            )
        unlabelled = len(signals.source) - len(keep)
        fields: dict[str, Any] = {}
        if self.targets:
            target = numbers(meta, self.targets)[keep]
            fields = {
                "target": target,
                "target_known": np.isfinite(target),
                "target_names": self.targets,
                "target_units": tuple(UNITS[name] for name in self.targets),
            }
        by_trial = keep[np.argsort(ids["ecg_id"][keep])]
        real = VERSIONS.get(records, f"PTB-XL (part: {records} records)")
        synthetic = (folder / SYNTHETIC_MARK).exists()
        return signals.panel(
            [f"{number:05d}" for number in ids["ecg_id"]],
            row=row_of[keep],
            label=label,
            trial=ids["ecg_id"][keep],
            patient=ids["patient_id"][keep],
            fold=ids["strat_fold"][keep],
            sfreq=float(self.rate),
            channels=TWELVE,
            classes=labels.classes,
            unit="mV",
            modality="ecg",
            meta={name: values[by_trial] for name, values in meta.items()},
            excluded=counted({f"no label of the task {self.label_set}": unlabelled}, "recording"),
            **fields,
            source=f"synthetic ECG in the layout of PTB-XL ({records} records)" if synthetic else real,
            synthetic=synthetic,
        )


def _labels(folder: Path, path: Path, table: Table, patient: Ints, task: Task) -> Labels:
    statements = read_statements(folder / "scp_statements.csv", task)
    codes = parse_codes(path, table["scp_codes"])
    if task == "scored":
        return scored(codes)
    labels = medformer(codes, patient, statements) if task == "medformer" else aggregate(codes, statements)
    if not len(labels.keep):
        raise DataError(f"no record of {path} has a label of the task {task!r}; choose another task")
    return labels


def _signals(folder: Path, names: list[str], rate: int, options: ReadOptions) -> Converted:
    """All records whatever the task, so that another task finds them converted."""
    if not any((folder / f"records{rate}").glob("*")):
        raise DataError(f"{folder} has no records{rate}; fetch it, or set rate to {600 - rate}")
    # plain strings: twice the speed of Path over 40,000 files
    files = [f"{folder}/{name}{suffix}" for name in names for suffix in (".hea", ".dat")]
    job = Job(
        name=f"ptb-xl-{rate}hz",
        sources=names,
        labels=names,
        decode=partial(_decode, folder=folder, rate=rate),
        key={"files": fingerprint(folder, files), "rate": rate},
        shape=(len(TWELVE), SECONDS * rate),
    )
    return convert(job, **options)


def _decode(name: str, folder: Path, rate: int) -> Pieces:
    record = read_wfdb(folder / name)
    expected = tuple(lead.upper() for lead in TWELVE)
    found = tuple(channel.upper() for channel in record.channels)
    steps = record.counts.shape[1]
    faults = (
        (len(found) != len(expected), f"{len(found)} leads instead of {len(expected)}"),
        (found != expected, f"leads are {' '.join(record.channels)}, not {' '.join(TWELVE)}"),
        (record.sfreq != rate, f"sampled at {record.sfreq:g} Hz instead of {rate} Hz"),
        (steps != SECONDS * rate, f"{steps} time steps instead of {SECONDS * rate}"),
        (set(record.units) != {"mV"}, f"unit is {one_unit(record.units)}, not mV"),
        (record.counts.dtype != np.int16, "not in WFDB format 16"),
    )
    for bad, reason in faults:
        if bad:
            raise Unreadable(reason)
    gaps = (record.counts == MISSING).any(axis=1)
    if gaps.any():
        raise Unreadable(f"missing values (NaN) in lead {TWELVE[int(np.argmax(gaps))]}")
    return Pieces(record.counts[None], record.gain, record.offset)

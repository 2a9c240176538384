"""CODE-15 %: 345,779 twelve-lead ECGs of 233,770 patients of a telehealth network, in HDF5 files."""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, Unpack

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tsrep.datasets.conversion import Job, Pieces, fingerprint
from tsrep.datasets.converted import Converted
from tsrep.datasets.dataset import About, ReadOptions, Unreadable
from tsrep.datasets.findings import counted
from tsrep.datasets.formats.hdf5_file import array_in, opened_hdf5, read_column
from tsrep.datasets.quantisation import convert_exactly, stored
from tsrep.datasets.recordings import Channels, Recordings, Renamed
from tsrep.datasets.tables.reading import codes, integers, read_table, refuse_duplicates
from tsrep.errors import DataError
from tsrep.registry import DATASETS
from tsrep.signals.names import TWELVE
from tsrep.signals.panel import Panel
from tsrep.signals.resample import resample, resampled

RATE, STEPS = 400.0, 4096
TABLE = "exams.csv"
# columns of the table by the class names that other ECG sets give the same findings
SIX = {"IAVB": "1dAVb", "RBBB": "RBBB", "LBBB": "LBBB", "SB": "SB", "STach": "ST", "AF-or-AFL": "AF"}
SLAB, HELD = 256, 4
PLAUSIBLE = 0.05, 50.0  # median of the largest values, mV
LOOKED_AT = 64
TRUE = {"true", "1", "1.0"}
Task = Literal["six", "six-clean", "normal"]


@dataclass(frozen=True)
class Exam:
    """Where the tracing of an exam is."""

    number: int
    part: str
    row: int


@DATASETS.register("code15")
class Code15(Recordings):
    """Exams of the CODE study's published part, as far as its files are in the folder.

    Parameters
    ----------
    task : str
        ``"six"``: six findings, absent where not stated. ``"six-clean"``: the same, unknown in exams that are
        neither normal nor have one of the six. ``"normal"``: normal or not.
    rate : float
        Resample to this rate, Hz; the recorded one is 400.
    seconds : float
        Of a sample; exams of 7 s are padded with zeros at the end.
    scale : float
        Millivolts per stored number.
    targets : tuple of str
        Numbers to predict by regression: ``"age"`` (years).
    channels : tuple of str or None
        Leads to keep, by name, in this order.
    rename : mapping of str to str, or None
        New names by recorded ones.

    References
    ----------
    Ribeiro et al., "Automatic diagnosis of the 12-lead ECG using a deep neural network", Nat Commun 2020.
    """

    about = About(
        title="CODE-15 %: a large scale annotated dataset of 12-lead ECGs",
        licence="CC BY 4.0",
        citation=(
            "Ribeiro AH, Paixao GMM, Lima EM, et al. CODE-15%: a large scale annotated dataset of 12-lead "
            "ECGs. Zenodo (2021); Ribeiro AH, Ribeiro MH, Paixao GMM, et al. Automatic diagnosis of the "
            "12-lead ECG using a deep neural network. Nat Commun 11, 1760 (2020)."
        ),
        url="https://zenodo.org/records/4916206",
        base_url="https://zenodo.org/records/4916206/files/",
        checksums="https://zenodo.org/api/records/4916206",
        size_mb=48000,
        records=345779,
        patients=233770,
        independence="patient",
        needs=(TABLE,),
        layout=("exams_part0.hdf5", "... to exams_part17.hdf5, unpacked from exams_part0.zip to ...17.zip"),
        notes=(
            "Some of the parts are enough. Findings come from reports by text mining; an exam without any of "
            "the six may have something else. Needs the package h5py."
        ),
    )

    def __init__(
        self,
        task: Task = "six",
        rate: Annotated[float, Field(gt=0)] = 100.0,
        seconds: Annotated[float, Field(gt=0)] = 10.0,
        scale: Annotated[float, Field(gt=0)] = 1.0,
        targets: tuple[Literal["age"], ...] = (),
        channels: Channels | None = None,
        rename: Renamed | None = None,
    ) -> None:
        super().__init__(channels=channels, rename=rename)
        self.label_set, self.rate, self.scale, self.targets = task, rate, scale, targets
        self.steps = round(seconds * rate)

    def read(self, folder: Path, **options: Unpack[ReadOptions]) -> Panel:
        """Panel of exams, in mV, with age (years), sex and duration (s).

        Raises
        ------
        DataError
            When the table or all parts are missing, or what they hold is not as published.
        """
        path = folder / TABLE
        columns = ["exam_id", "patient_id", "age", "is_male", "trace_file", "normal_ecg", *SIX.values()]
        table = read_table(path, columns)
        numbers = integers(path, "exam_id", table["exam_id"])
        refuse_duplicates(path, "exam_id", numbers)
        exams, skipped, excluded = _found(folder, numbers.tolist(), table["trace_file"])
        tracings = Tracings(folder)
        self._refuse_unit(exams, tracings)
        signals = self._signals(folder, exams, tracings, options)
        order = np.argsort(numbers)
        at = order[np.searchsorted(numbers, [exam.number for exam in exams], sorter=order)][signals.source]
        label, known = self._labels({name: [table[c][i] for i in at] for name, c in _flags().items()})
        patient, names = codes([table["patient_id"][i] for i in at])
        age = np.array([float(table["age"][i] or "nan") for i in at])
        fields: dict[str, Any] = {}
        if self.targets:
            target = age[:, None].astype(np.float32)
            fields = {"target": target, "target_known": np.isfinite(target)}
            fields |= {"target_names": self.targets, "target_units": ("years",)}
        by_trial = np.argsort(numbers[at])
        sex = np.array(["M" if table["is_male"][i].strip().lower() in TRUE else "F" for i in at])
        return signals.panel(
            [str(exam.number) for exam in exams],
            label=label,
            known=known,
            trial=numbers[at],
            patient=patient,
            patient_names=names,
            sfreq=self.rate,
            channels=TWELVE,
            classes=("normal", "not normal") if self.label_set == "normal" else tuple(SIX),
            unit="mV",
            modality="ecg",
            history=resampled({RATE}, self.rate),
            meta={"age": age[by_trial], "sex": sex[by_trial]},
            skipped=(*skipped, *signals.skipped),
            excluded=excluded,
            source=f"CODE-15 % ({len(exams):,} of {len(numbers):,} exams)",
            **fields,
        )

    def _labels(self, flags: dict[str, list[str]]) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
        """Labels and which of them are known."""
        stated = {n: np.array([cell.strip().lower() in TRUE for cell in cells]) for n, cells in flags.items()}
        six, normal = np.stack([stated[name] for name in SIX], axis=1), stated["normal"]
        if self.label_set == "normal":
            return (~normal).astype(np.int64), None
        if self.label_set == "six":
            return six, None
        sure = normal | six.any(axis=1)
        return six, np.repeat(sure[:, None], len(SIX), axis=1)

    def _signals(
        self, folder: Path, exams: Sequence[Exam], tracings: Tracings, options: ReadOptions
    ) -> Converted:
        parts = sorted({exam.part for exam in exams})
        key = {"files": fingerprint(folder, [folder / part for part in parts]), "scale": self.scale}
        key |= {"exams": len(exams), "rate": self.rate}

        def job(dtype: str) -> Job[Exam]:
            return Job(
                name="code15",
                sources=exams,
                labels=[f"exam {exam.number}" for exam in exams],
                decode=partial(self._decode, tracings=tracings, dtype=dtype),
                key=key,
                shape=(len(TWELVE), self.steps),
                dtype=dtype,
            )

        return convert_exactly(job, **options)

    def _decode(self, exam: Exam, tracings: Tracings, dtype: str) -> Pieces:
        values = _trimmed(tracings.of(exam)) * self.scale
        values = values if self.rate == RATE else resample(values, RATE, self.rate)
        values = np.pad(values, ((0, 0), (0, max(self.steps - values.shape[1], 0))))[:, : self.steps]
        return Pieces(*stored(values[None], TWELVE, dtype))

    def _refuse_unit(self, exams: Sequence[Exam], tracings: Tracings) -> None:
        """Check by some exams of the first part that the numbers are millivolts."""
        some = [exam for exam in exams[:LOOKED_AT] if exam.part == exams[0].part]
        peaks = [np.abs(np.nan_to_num(tracings.of(exam))).max() * self.scale for exam in some]
        median = float(np.median(peaks))
        if not PLAUSIBLE[0] <= median <= PLAUSIBLE[1]:
            raise DataError(
                f"the median peak of {some[0].part} is {median:.2g}; these are no mV: set dataset.scale to "
                "the mV of a stored number"
            )


def _flags() -> dict[str, str]:
    return {**SIX, "normal": "normal_ecg"}


def _found(
    folder: Path, listed: Sequence[int], files: Sequence[str]
) -> tuple[list[Exam], tuple[tuple[str, str], ...], tuple[tuple[str, int, str], ...]]:
    """Exams whose part is here, in the order of the files; tracings without a row; counts of what lacks."""
    parts = sorted(set(files), key=lambda name: (len(name), name))
    here = [part for part in parts if (folder / part).is_file()]
    packed = [part for part in parts if part not in here and (folder / part).with_suffix(".zip").is_file()]
    if packed:
        raise DataError(f"{(folder / packed[0]).with_suffix('.zip')} is not unpacked; unzip it there")
    if not here:
        raise DataError(f"{folder} has none of the {len(parts)} parts that {TABLE} lists, such as {parts[0]}")
    rows, exams, strange = set(listed), [], []
    for part in here:
        ids = read_column(folder / part, "exam_id").tolist()
        twice = next((number for number, n in Counter(ids).items() if n > 1 and number in rows), None)
        if twice is not None:
            raise DataError(f"exam {twice} is twice in {folder / part}; get the file again")
        exams += [Exam(number, part, row) for row, number in enumerate(ids) if number in rows]
        # each file ends with an empty tracing of number 0
        strange += [(f"exam {n}", f"it is in {part} but not in {TABLE}") for n in ids if n and n not in rows]
    recorded = {exam.number for exam in exams}
    lost = [part in set(here) for number, part in zip(listed, files, strict=True) if number not in recorded]
    counts = {
        f"in a part that is not here ({len(here)} of {len(parts)} parts are)": lost.count(False),
        f"listed in {TABLE} but not in its part": lost.count(True),
    }
    return exams, tuple(strange), counted(counts, "recording")


@dataclass(eq=False)
class Tracings:
    """Tracings of all parts, read some hundred at a time in the order of the files."""

    folder: Path
    _held: OrderedDict[tuple[str, int], NDArray[Any]] = field(default_factory=OrderedDict)
    _reading: threading.Lock = field(default_factory=threading.Lock)

    def of(self, exam: Exam) -> NDArray[np.float32]:
        """Stored numbers of an exam, shape (lead, time)."""
        key = exam.part, exam.row // SLAB
        with self._reading:
            if key not in self._held:
                while len(self._held) >= HELD:
                    self._held.popitem(last=False)
                self._held[key] = self._slab(*key)
            return np.asarray(self._held[key][exam.row % SLAB].T, np.float32)

    def _slab(self, part: str, number: int) -> NDArray[Any]:
        path = self.folder / part
        with opened_hdf5(path) as file:
            array = array_in(file, "tracings", path)
            if array.ndim != 3 or array.shape[1:] != (STEPS, len(TWELVE)):
                raise DataError(f"{path}: tracings is {array.shape}, expected (…, {STEPS}, {len(TWELVE)})")
            return np.asarray(array[number * SLAB : (number + 1) * SLAB])


def _trimmed(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """A tracing without the zeros around it, shape (lead, time)."""
    if not np.isfinite(values).all():
        raise Unreadable("missing values (NaN)")
    there = np.flatnonzero(values.any(axis=0))
    if not len(there):
        raise Unreadable("all leads are flat")
    return values[:, there[0] : there[-1] + 1]

"""CPSC2021: long two-lead ECGs with the onset and end of each episode of atrial fibrillation."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, Unpack

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tsrep.datasets.conversion import Job, Pieces, fingerprint
from tsrep.datasets.dataset import About, ReadOptions, Unreadable
from tsrep.datasets.formats.wfdb_annotations import Annotations, read_annotations
from tsrep.datasets.formats.wfdb_record import MISSING, read_header, read_wfdb, signal_files
from tsrep.datasets.quantisation import convert_exactly, stored
from tsrep.datasets.recordings import Channels, Recordings, Renamed
from tsrep.errors import DataError
from tsrep.registry import DATASETS
from tsrep.signals.panel import Floats, Ints, Panel
from tsrep.signals.resample import resample, resampled

LEADS, RECORDED = ("I", "II"), 200.0
NAME = re.compile(r"data_(?P<person>\d+)_(?P<piece>\d+)")
FIBRILLATION = ("(AFIB", "(AFL")
KINDS = {
    "non atrial fibrillation": "no fibrillation",
    "paroxysmal atrial fibrillation": "paroxysmal",
    "persistent atrial fibrillation": "persistent",
}
CLASSES = {"record3": tuple(KINDS.values()), "segment": ("other rhythm", "fibrillation")}
DOUBTFUL = 0.05, 0.5  # share of a segment in fibrillation, from which on it is fibrillation
Positive = Annotated[float, Field(gt=0)]


@dataclass(frozen=True)
class Segments:
    """What recordings are cut into: ``rate`` in Hz and ``steps`` of a sample."""

    rate: float
    steps: int


@DATASETS.register("cpsc2021")
class Cpsc2021(Recordings):
    """Segments of the recordings of the China Physiological Signal Challenge 2021.

    Parameters
    ----------
    task : {"segment", "record3"}
        ``"segment"``: fibrillation (or flutter) in at least half of the segment, unknown where it is in 5 to
        50 %. ``"record3"``: what the recording is called: without fibrillation, paroxysmal or persistent.
    seconds : float
        Of a segment.
    rate : float
        Resample to this rate, Hz; the recorded one is 200.
    targets : tuple of str
        Numbers to predict by regression: ``"burden"``, the share of the recording in fibrillation.
    channels : tuple of str or None
        Leads to keep, of I and II.
    rename : mapping of str to str, or None
        New names by recorded ones.

    References
    ----------
    Wang et al., "The 4th China Physiological Signal Challenge 2021", PhysioNet 2021.
    """

    about = About(
        title="The 4th China Physiological Signal Challenge 2021: paroxysmal atrial fibrillation",
        licence="CC BY 4.0",
        citation=(
            "Wang X, Ma C, Zhang X, Gao H, Clifford GD, Liu C. Paroxysmal Atrial Fibrillation Events "
            "Detection from Dynamic ECG Recordings: The 4th China Physiological Signal Challenge 2021. "
            "PhysioNet (2021)."
        ),
        url="https://physionet.org/content/cpsc2021/1.0.0/",
        base_url="https://physionet.org/files/cpsc2021/1.0.0/",
        size_mb=600,
        records=1436,
        patients=105,
        independence="patient",
        layout=(
            "Training_set_I/data_0_1.hea",
            "Training_set_I/data_0_1.dat",
            "Training_set_I/data_0_1.atr",
            "... of each recording, also in Training_set_II, or all in one folder",
        ),
        notes=(
            "A name such as data_21_7 is of person 21. Recordings shorter than a segment are left out; a "
            "segment is a trial."
        ),
    )

    def __init__(
        self,
        task: Literal["segment", "record3"] = "segment",
        seconds: Positive = 30.0,
        rate: Positive = 100.0,
        targets: tuple[Literal["burden"], ...] = (),
        channels: Channels | None = None,
        rename: Renamed | None = None,
    ) -> None:
        super().__init__(channels=channels, rename=rename)
        self.label_set, self.targets = task, targets
        self.cut = Segments(rate, round(seconds * rate))

    def read(self, folder: Path, **options: Unpack[ReadOptions]) -> Panel:
        """Panel of segments, in mV.

        Raises
        ------
        DataError
            When there are no such recordings, or (``strict``) one cannot be read.
        """
        stems = sorted(
            (path.with_suffix("") for path in folder.rglob("data_*_*.hea") if NAME.fullmatch(path.stem)),
            key=lambda stem: [int(number) for number in re.findall(r"\d+", stem.name)],
        )
        if not stems:
            raise DataError(f"{folder} has no recordings such as data_21_7.hea; check --root")
        names = [stem.name for stem in stems]
        twice = next((name for name, count in Counter(names).items() if count > 1), None)
        if twice is not None:
            raise DataError(f"recording {twice} lies in two folders below {folder}; keep one of them")
        files = [file for stem in stems for file in (*signal_files(stem), stem.with_suffix(".atr"))]
        key = {"files": fingerprint(folder, files), "cut": asdict(self.cut)}

        def job(dtype: str) -> Job[Path]:
            return Job(
                name=self.name,
                sources=stems,
                labels=names,
                decode=partial(_decode, cut=self.cut, dtype=dtype),
                key=key,
                shape=(len(LEADS), self.cut.steps),
                dtype=dtype,
            )

        signals = convert_exactly(job, **options)
        whose = [re.fullmatch(NAME, name) for name in names]
        person = np.array([int(match["person"]) for match in whose if match])[signals.source]
        label, known, burden = self._labels(stems, signals.source, signals.piece)
        fields: dict[str, Any] = {}
        if self.targets:
            fields = {"target": burden[:, None], "target_names": self.targets, "target_units": ("1",)}
        return signals.panel(
            names,
            label=label,
            known=known,
            trial=np.arange(len(person)),
            patient=person,
            sfreq=self.cut.rate,
            channels=LEADS,
            classes=CLASSES[self.label_set],
            unit="mV",
            modality="ecg",
            history=resampled({RECORDED}, self.cut.rate),
            meta={"burden": burden},
            source=f"CPSC2021 ({len(stems)} recordings)",
            **fields,
        )

    def _labels(
        self, stems: Sequence[Path], source: Ints, piece: Ints
    ) -> tuple[Ints, NDArray[np.bool_] | None, Floats]:
        """Label of each segment, whether it is known, and the burden of its recording."""
        label, share, burden = (np.zeros(len(source), kind) for kind in (np.int64, float, np.float32))
        seconds = self.cut.steps / self.cut.rate
        for i in np.unique(source).tolist():
            header = read_header(stems[i])
            marks = read_annotations(stems[i], "atr", header.sfreq, header.steps)
            inside = in_fibrillation(marks, header.steps)
            at = np.flatnonzero(source == i)
            ends = np.rint(np.stack([piece[at], piece[at] + 1]) * seconds * header.sfreq).astype(np.int64)
            total = np.concatenate([[0], np.cumsum(inside)])
            ends = np.minimum(ends, header.steps)
            share[at] = (total[ends[1]] - total[ends[0]]) / np.maximum(ends[1] - ends[0], 1)
            burden[at] = inside.mean()
            label[at] = list(KINDS).index(_kind(header.comments))
        if self.label_set == "record3":
            return label, None, burden
        doubtful = (share >= DOUBTFUL[0]) & (share < DOUBTFUL[1])
        return (share >= DOUBTFUL[1]).astype(np.int64), ~doubtful if doubtful.any() else None, burden


def in_fibrillation(marks: Annotations, steps: int) -> NDArray[np.bool_]:
    """Whether each step is within an episode of fibrillation or flutter, shape (time,).

    A recording begins in another rhythm unless its first mark says otherwise.
    """
    inside = np.zeros(steps, bool)
    marked = zip(marks.sample.tolist(), marks.aux, strict=True)
    rhythm = [(at, text) for at, text in marked if text.startswith("(")]
    for (at, text), (end, _) in pairwise([*rhythm, (steps, "")]):
        inside[at:end] = text in FIBRILLATION
    return inside


def _kind(comments: Sequence[str]) -> str:
    found = next((text.strip().lower() for text in comments if text.strip().lower() in KINDS), None)
    if found is None:
        raise Unreadable(f"its header says none of {', '.join(KINDS)}")
    return found


def _decode(stem: Path, cut: Segments, dtype: str) -> Pieces:
    record = read_wfdb(stem)
    steps = record.counts.shape[1]
    read_annotations(stem, "atr", record.sfreq, steps)  # a recording without them is of no use
    _kind(record.comments)
    if record.channels != LEADS or set(record.units) != {"mV"}:
        has = f"{' '.join(record.channels)} in {' '.join(record.units)}"
        raise Unreadable(f"it has {has}, not I and II in mV")
    if (record.counts == MISSING).any():
        raise Unreadable("missing values (NaN)")
    # gains and baselines differ by recording and lead, and baselines are beyond 16 bits
    values: NDArray[Any] = record.counts
    values = values * record.gain[:, None] + record.offset[:, None]
    values = resample(values, record.sfreq, cut.rate)
    count = values.shape[1] // cut.steps
    if not count:
        seconds = cut.steps / cut.rate
        raise Unreadable(f"{steps / record.sfreq:.1f} s, shorter than {seconds:g} s")
    segments = values[:, : count * cut.steps].reshape(len(LEADS), count, cut.steps).transpose(1, 0, 2)
    return Pieces(*stored(segments, LEADS, dtype))

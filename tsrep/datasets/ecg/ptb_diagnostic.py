"""PTB Diagnostic ECG Database: 15 leads at 1000 Hz, infarction against healthy controls, cut into beats."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, ClassVar, Unpack

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tsrep.datasets.conversion import Job, Pieces, convert, fingerprint
from tsrep.datasets.dataset import About, ReadOptions, Unreadable
from tsrep.datasets.formats.wfdb_record import MISSING, read_wfdb
from tsrep.datasets.quantisation import LARGEST
from tsrep.datasets.recordings import Recordings
from tsrep.datasets.tables.reading import read_listing
from tsrep.errors import DataError
from tsrep.registry import DATASETS
from tsrep.signals.beats import cut_beats, find_r_peaks, median_rr
from tsrep.signals.panel import Ints, Panel
from tsrep.signals.resample import Interpolation, resample, resampled

LEADS = ("i", "ii", "iii", "avr", "avl", "avf", "v1", "v2", "v3", "v4", "v5", "v6", "vx", "vy", "vz")
CLASSES = ("healthy control", "myocardial infarction")
REASON = "reason for admission"
RECORDED, RATE = 1000.0, 250.0  # Hz
BEAT_SECONDS = 1.2
BEAT_STEPS = round(BEAT_SECONDS * RATE)


@DATASETS.register("ptb-diagnostic")
@dataclass
class PtbDiagnostic(Recordings):
    """Single beats of PTB Diagnostic, ten consecutive ones to a trial.

    Records at 1000 Hz are brought to 250 Hz; a beat is one RR interval around its R peak, padded with
    zeros to 300 steps; records with RR above 1.2 s are left out, and beats that do not fill a trial.

    Parameters
    ----------
    resampling : {"polyphase", "linear"}
        ``"polyphase"`` filters before decimating; ``"linear"`` is the interpolation of COMET's preparation.
    beats_per_trial : int
    channels : tuple of str or None
        Leads to keep, by name, in this order.
    rename : mapping of str to str, or None
        New names by recorded ones.

    Notes
    -----
    Deviates from COMET's preparation (specification in its notebooks) where that goes wrong: R peaks come
    from all leads together, so leads cannot slip against each other; each lead is centred on its median
    over the record before padding, so that padding stays zero; a patient is known by the folder's name.
    """

    about = About(
        title="PTB Diagnostic ECG Database",
        licence="ODC-By 1.0",
        citation=(
            "Bousseljot R, Kreiseler D, Schnabel A. Nutzung der EKG-Signaldatenbank CARDIODAT der PTB über "
            "das Internet. Biomedizinische Technik 40, Ergänzungsband 1, S317 (1995)."
        ),
        url="https://physionet.org/content/ptbdb/1.0.0/",
        base_url="https://physionet.org/files/ptbdb/1.0.0/",
        size_mb=1700,
        records=549,
        patients=290,
        independence="patient",
        needs=("RECORDS",),
        layout=("patient001/s0010_re.hea", "patient001/s0010_re.dat", "... of each record"),
        notes="Folders patientNNN/ with .hea, .dat and .xyz. Records of other diagnoses are not used.",
        kin=("the Physikalisch-Technische Bundesanstalt",),
    )

    # A sample is a beat already; a scale for each lead keeps its padding next to zero.
    defaults: ClassVar[Mapping[str, Any]] = {"window": {"seconds": None, "standardise": "channel"}}

    resampling: Interpolation = "polyphase"
    beats_per_trial: Annotated[int, Field(ge=1)] = 10

    def read(self, folder: Path, **options: Unpack[ReadOptions]) -> Panel:
        """Panel of beats, in mV, centred per record and lead.

        Raises
        ------
        DataError
            When nothing can be used, or (``strict``) a record cannot be read.
        """
        names, labels = _chosen(folder)
        files = [folder / f"{name}{suffix}" for name in names for suffix in (".hea", ".dat", ".xyz")]
        settings = {"resampling": self.resampling, "beats": self.beats_per_trial}
        job = Job(
            name="ptb-diagnostic",
            sources=[folder / name for name in names],
            labels=names,
            decode=partial(_decode, how=self.resampling, beats=self.beats_per_trial),
            key={"files": fingerprint(folder, files), **settings},
            shape=(len(LEADS), self.beats_per_trial * BEAT_STEPS),
            pieces=130 / self.beats_per_trial,
        )
        signals = convert(job, **options)
        patients, patient = np.unique([name.split("/")[0] for name in names], return_inverse=True)
        return signals.panel(
            names,
            label=np.array(labels, np.int64)[signals.source],
            patient=patient.astype(np.int64)[signals.source],
            sfreq=RATE,
            channels=LEADS,
            classes=CLASSES,
            unit="mV",
            patient_names=tuple(patients.tolist()),
            modality="ecg",
            history=resampled([RECORDED], RATE, self.resampling),
            source="PTB Diagnostic ECG Database",
        ).windows(BEAT_STEPS)


def _chosen(folder: Path) -> tuple[list[str], list[int]]:
    """Names of the records of the two groups, and their classes."""
    names = read_listing(folder / "RECORDS")
    told = [(name, _reason(folder / f"{name}.hea")) for name in names]
    # a header that is not there says nothing of its group; the decoder reports it
    chosen = [(name, reason) for name, reason in told if reason is None or reason in CLASSES]
    if not chosen:
        raise DataError(
            f"no record of {folder} has 'Myocardial infarction' or 'Healthy control' as {REASON}; "
            "check the folder"
        )
    return [name for name, _ in chosen], [CLASSES.index(reason or CLASSES[0]) for _, reason in chosen]


def _reason(header: Path) -> str | None:
    """Reason for admission in lower case, ``""`` when the header has none, None when there is no header."""
    try:
        lines = header.read_text(encoding="utf-8", errors="replace").lower().splitlines()
    except OSError:
        return None
    found = (line.split(":", 1)[1].strip() for line in lines if REASON in line and ":" in line)
    return next(found, "")


def _decode(stem: Path, how: Interpolation, beats: int) -> Pieces:
    record = read_wfdb(stem)
    names = [channel.lower() for channel in record.channels]
    absent = [lead for lead in LEADS if lead not in names]
    if absent:
        raise Unreadable(f"lead {absent[0]} is missing")
    order = [names.index(lead) for lead in LEADS]
    if (record.counts == MISSING).any() or not np.isfinite(record.counts).all():
        raise Unreadable("missing values (NaN)")
    counts = resample(record.counts[order], record.sfreq, RATE, how=how)
    counts -= np.median(counts, axis=1, keepdims=True)
    return Pieces(_trials(counts, beats), record.gain[order], np.zeros(len(LEADS)))


def _trials(counts: NDArray[np.float32], beats: int) -> NDArray[np.int16]:
    """Trials of consecutive beats, shape (trial, channel, beats * steps)."""
    peaks: Ints = find_r_peaks(counts, RATE)
    rr = median_rr(peaks)
    if rr > BEAT_STEPS:
        raise Unreadable(
            f"RR interval {rr / RATE:.2f} s is above {BEAT_SECONDS} s" if len(peaks) > 1 else "no beats"
        )
    n = len(peaks) // beats
    if not n:
        raise Unreadable(f"{len(peaks)} beats do not fill a trial of {beats}")
    cut = cut_beats(counts, peaks[: n * beats], int(rr), BEAT_STEPS)
    if np.abs(cut).max() > LARGEST:
        raise Unreadable("counts exceed 16 bits once their median is 0")
    whole: NDArray[np.int16] = np.rint(cut).astype(np.int16)
    trials = whole.reshape(n, beats, len(LEADS), -1).transpose(0, 2, 1, 3)
    return np.ascontiguousarray(trials.reshape(n, len(LEADS), -1))

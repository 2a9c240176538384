"""WFDB records, found by their headers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from tsrep.datasets.formats.wfdb_record import MISSING, is_segment, read_header, read_wfdb
from tsrep.datasets.unlabelled.format import RECORDINGS, Entries, RecordingFormat
from tsrep.datasets.unlabelled.recorded import Recorded, Samples
from tsrep.datasets.unlabelled.recording import Wanted
from tsrep.signals.units import is_voltage, spelled

PATIENT = re.compile(r"(?:patient|subject)(?:[ _-]?(?:id|number|no\.?))?\s*[:=]\s*(\S.*)", re.I)
SEGMENT = re.compile(r"(.+)_(?:\d+|layout)")


@RECORDINGS.register("wfdb")
class WfdbFiles(RecordingFormat):
    """WFDB records of every format that the package wfdb reads; format 16 is read directly."""

    suffixes = (".hea",)

    def entries(self, path: Path, wanted: Wanted) -> Entries:
        """See :meth:`RecordingFormat.entries`."""
        del wanted
        yield "", partial(_opened, path.with_name(path.name[:-4]))

    def is_part(self, path: Path) -> bool:
        """Segments of a record are headers of their own beside its header."""
        whole = SEGMENT.fullmatch(path.name[:-4])
        return whole is not None and is_segment(path.name[:-4], path.with_name(whole[1]))


def _opened(stem: Path) -> Recorded:
    header = read_header(stem)
    return Recorded(
        channels=header.channels,
        units=header.units,
        kinds=tuple(map(_kind, header.channels, header.units)),
        sfreq=header.sfreq,
        steps=header.steps,
        read=partial(_read, stem),
        patient=_patient(header.comments),
    )


def _read(stem: Path, start: int, stop: int) -> Samples:
    record = read_wfdb(stem, start, stop)
    gaps = record.counts == MISSING if record.counts.dtype == np.int16 else np.zeros(0, bool)
    values = np.where(gaps, np.float32(np.nan), record.counts) if gaps.any() else record.counts
    return Samples(values, record.gain, record.offset)


def _kind(channel: str, unit: str) -> str:
    """Modality of a channel: voltages of WFDB records are ECG unless they are called EEG."""
    if not is_voltage(spelled(unit)):
        return "other"
    return "eeg" if channel.upper().startswith("EEG") else "ecg"


def _patient(comments: Sequence[str]) -> str:
    found = (PATIENT.search(comment) for comment in comments)
    return next((match[1].strip() for match in found if match), "")

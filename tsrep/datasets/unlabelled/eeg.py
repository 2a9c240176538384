"""BrainVision, EDF, BDF, EEGLAB and FIF files, through MNE."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import numpy as np

from tsrep.datasets.eeg.reading import SUFFIXES, EegHeader, header_of, opened
from tsrep.datasets.eeg.spans import bad_spans
from tsrep.datasets.unlabelled.format import RECORDINGS, Entries, RecordingFormat
from tsrep.datasets.unlabelled.recorded import Recorded, Samples
from tsrep.datasets.unlabelled.recording import Wanted
from tsrep.signals.units import MICRO, factor, is_voltage, spelled

MODALITIES = {"eeg": "eeg", "ecg": "ecg"}  # of MNE's types of channels
LEADS = {"i", "ii", "iii", "avr", "avl", "avf", *(f"v{i}" for i in range(1, 7))}
CONTINUED = (re.compile(r"(.+)-\d+(\.fif)"), re.compile(r"(.+_split-)(?!01)\d+(_.*\.fif)"))


@RECORDINGS.register("eeg")
class EegFiles(RecordingFormat):
    """BrainVision, EDF, BDF, EEGLAB and FIF files; channels marked as bad are left out."""

    suffixes = SUFFIXES

    def entries(self, path: Path, wanted: Wanted) -> Entries:
        """See :meth:`RecordingFormat.entries`."""
        del wanted
        yield "", partial(_opened, path)

    def is_part(self, path: Path) -> bool:
        """A long FIF recording goes on in further files."""
        after, split = (pattern.fullmatch(path.name) for pattern in CONTINUED)
        if after is not None and path.with_name(after[1] + after[2]).is_file():
            return True
        return split is not None and path.with_name(f"{split[1]}01{split[2]}").is_file()


def _opened(path: Path) -> Recorded:
    with opened(path) as raw:
        header, spans = header_of(raw, path), bad_spans(raw, path)
    good = [i for i, name in enumerate(header.channels) if name not in header.bads]
    return Recorded(
        channels=tuple(header.channels[i] for i in good),
        units=tuple(_unit(header.units[i]) for i in good),
        kinds=tuple(_kind(header.channels[i], header.types[i]) for i in good),
        sfreq=header.sfreq,
        steps=header.steps,
        read=partial(_read, path, good, _times(header, good)),
        patient=_bids_subject(path),
        spans=spans,
        notes=(f"channels marked as bad are left out: {', '.join(header.bads)}",) if header.bads else (),
    )


def _unit(unit: str) -> str:
    """Voltages are handed on in µV; anything else as the file has it."""
    return MICRO if is_voltage(spelled(unit)) else unit


def _times(header: EegHeader, channels: list[int]) -> list[float]:
    """What to multiply MNE's volts by, for each channel, to have its unit as :func:`_unit` says."""
    units = [spelled(header.units[i]) for i in channels]
    taken = [header.taken[i] for i in channels]
    return [
        (factor(unit, MICRO) if is_voltage(unit) else 1.0) / volts
        for unit, volts in zip(units, taken, strict=True)
    ]


def _kind(channel: str, kind: str) -> str:
    # MNE takes a channel without a type for EEG
    known = "ecg" if channel.casefold() in LEADS and kind == "eeg" else kind
    return MODALITIES.get(known, "other")


def _read(path: Path, channels: list[int], times: list[float], start: int, stop: int) -> Samples:
    with opened(path) as raw:
        volts = raw.get_data(picks=channels, start=start, stop=stop)
    values = (volts * np.array(times)[:, None]).astype(np.float32)
    return Samples(values, np.ones(len(channels)), np.zeros(len(channels)))


def _bids_subject(path: Path) -> str:
    """Subject of a file of a BIDS data set, of which a folder above it says so; else empty."""
    for folder in path.absolute().parents:
        if folder.name.startswith("sub-"):
            described = (folder.parent / "dataset_description.json").is_file()
            return folder.name.removeprefix("sub-") if described else ""
    return ""

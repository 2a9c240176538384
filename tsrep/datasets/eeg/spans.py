"""What marks segments of an EEG recording as unusable, and its pauses."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tsrep.datasets.eeg.edf_header import (
    WIDTHS,
    Clock,
    EdfHeader,
    read_edf_header,
    record_onsets,
)
from tsrep.datasets.eeg.reading import suffix_of
from tsrep.datasets.segments import Span, marked


def bad_spans(raw: Any, path: Path | None = None) -> tuple[Span, ...]:
    """What marks data as unusable, and pauses: annotations, and what the file says in other places.

    Parameters
    ----------
    raw
        A recording that MNE has opened.
    path : Path or None
        Its file.
    """
    suffix = "" if path is None else suffix_of(path)
    spans = list(map(_of_samples(raw), _annotated(raw)))
    if path is not None and suffix in WIDTHS:
        header = read_edf_header(path)
        if header.paused:
            spans = _on_clock(path, header)
    if suffix == ".bdf" and "Status" in raw.ch_names:
        spans += status_pauses(raw)
    return tuple(spans)


def status_pauses(raw: Any) -> list[Span]:
    """Pauses of a BDF file: BioSemi sets bit 16 of the channel Status when recording goes on."""
    set_now = raw.get_data(picks=["Status"])[0].astype(np.int64) >> 16 & 1
    return [_pause((i + 1) / raw.info["sfreq"]) for i in np.flatnonzero(np.diff(set_now) > 0).tolist()]


def _annotated(raw: Any) -> Iterator[Span]:
    for note in raw.annotations:
        start = float(note["onset"]) - raw.first_time * (raw.annotations.orig_time is not None)
        span = marked(start, float(note["duration"]), str(note["description"]))
        if span is not None:
            yield span


def _of_samples(raw: Any) -> Callable[[Span], Span]:
    """Moves a pause that is written between two samples to the second."""
    sfreq = raw.info["sfreq"]

    def at_sample(span: Span) -> Span:
        moment = math.ceil(span.start * sfreq - 1e-3) / sfreq
        return replace(span, start=moment, stop=moment) if span.pause else span

    return at_sample


def _on_clock(path: Path, header: EdfHeader) -> list[Span]:
    """Pauses between data records, and annotations at the place in the data that they are of."""
    import mne

    clock = Clock(record_onsets(path, header), header.seconds)
    notes = mne.read_annotations(path, encoding="latin1")
    told = zip(notes.onset.tolist(), notes.duration.tolist(), notes.description.tolist(), strict=True)
    spans = [span for note in told if (span := marked(*note)) is not None]
    spans = [replace(s, start=clock.in_file(s.start), stop=clock.in_file(s.stop)) for s in spans]
    return [*spans, *map(_pause, clock.pauses)]


def _pause(at: float) -> Span:
    return Span(at, at, "pause", pause=True)

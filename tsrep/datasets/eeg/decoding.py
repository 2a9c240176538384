"""One EEG recording as epochs of counts: reference, filters, rate, and epochs without bad stretches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsrep.datasets.conversion import Pieces
from tsrep.datasets.eeg.preparation import Plan, Recording
from tsrep.datasets.eeg.reading import Span, bad_spans, header_of, opened, read_csv, read_header
from tsrep.datasets.formats.gaps import bridged, find_gaps
from tsrep.datasets.formats.wfdb_header import Unreadable
from tsrep.signals.filters import bandpass, notch
from tsrep.signals.resample import resample

PER_VOLT = 1e6
LARGEST = 32767


def decode(recording: Recording, plan: Plan) -> Pieces:
    """Epochs of one recording in counts, with their gain to microvolts.

    Raises
    ------
    Unreadable
        When nothing of it can be used.
    """
    values, sfreq, spans = _read(recording, plan)
    gaps = find_gaps(values)
    if gaps.all(axis=1).any():
        raise Unreadable(f"channel {plan.channels[int(gaps.all(axis=1).argmax())]} has no value (NaN)")
    spans = (*spans, *recording.spans, *_missing(gaps, sfreq))
    total = round(values.shape[1] * plan.rate / sfreq)
    if gaps.any():
        values = bridged(values, gaps)
    if plan.band is not None:
        values = bandpass(values, sfreq, *plan.band)
    if plan.notch is not None:
        values = notch(values, sfreq, plan.notch)
    if sfreq != plan.rate:
        values = resample(values, sfreq, plan.rate)
    number = total // plan.steps
    left_out = _left_out(spans, plan, number, total)
    kept = values[:, : number * plan.steps].reshape(len(values), number, plan.steps).transpose(1, 0, 2)
    counts, gain, offset = in_counts(np.delete(kept, list(left_out), axis=0))
    return Pieces(counts, gain, offset, left_out)


def _read(recording: Recording, plan: Plan) -> tuple[NDArray[Any], float, tuple[Span, ...]]:
    """Microvolts of the kept channels, re-referenced, shape (channel, time); rate and bad stretches."""
    if recording.path.suffix.lower() == ".csv":
        header, volts = read_header(recording.path), read_csv(recording.path)
        spans: tuple[Span, ...] = ()
        if recording.bads and plan.interpolate:
            raise Unreadable("channels of a CSV cannot be interpolated")
        volts = volts[[header.channels.index(c) for c in (*plan.channels, *plan.references)]]
        sfreq = header.sfreq
    else:
        with opened(recording.path) as raw:
            header = header_of(raw)
            spans, sfreq = bad_spans(raw), header.sfreq
            raw.rename_channels(dict(zip(raw.ch_names, header.channels, strict=True)))
            bads = [b for b in (*header.bads, *recording.bads) if b in (*plan.channels, *plan.references)]
            if bads and plan.interpolate:
                volts = _interpolated(raw, recording, plan, list(dict.fromkeys(bads)))
            else:
                volts = raw.get_data(picks=[*plan.channels, *plan.references])
    values = volts * PER_VOLT
    if plan.references:
        n = len(plan.channels)
        values = values[:n] - values[n:].mean(axis=0)
    elif any(plan.average):
        chosen = np.array(plan.average)
        values[chosen] -= values[chosen].mean(axis=0)
    return values, sfreq, spans


def _interpolated(raw: Any, recording: Recording, plan: Plan, bads: list[str]) -> NDArray[np.float64]:
    """All channels in volts, bad ones by spherical splines from the good ones."""
    better = dict(recording.types)
    raw.load_data()
    raw.set_channel_types({n: better[n] for n in raw.ch_names if n in better}, on_unit_change="ignore")
    raw.pick([*plan.channels, *plan.references])
    if plan.montage is not None:
        raw.set_montage(plan.montage, match_case=False, on_missing="ignore")
    raw.info["bads"] = bads
    raw.interpolate_bads(reset_bads=True)
    values: NDArray[np.float64] = raw.get_data(picks=[*plan.channels, *plan.references])
    return values


def _missing(gaps: NDArray[np.bool_], sfreq: float) -> list[Span]:
    steps = np.flatnonzero(np.diff(gaps.any(axis=0), prepend=False, append=False))
    return [Span(a / sfreq, b / sfreq, "missing values (NaN)") for a, b in steps.reshape(-1, 2).tolist()]


def _left_out(spans: Sequence[Span], plan: Plan, number: int, total: int) -> dict[int, str]:
    """Epochs that touch a bad stretch, each with what it is called."""
    if not number:
        raise Unreadable(f"{total / plan.rate:g} s are shorter than an epoch of {plan.steps / plan.rate:g} s")
    seconds = plan.steps / plan.rate
    spoilt: dict[int, str] = {}
    for span in spans:
        first = max(int(span.start // seconds), 0)
        last = max(int(np.ceil(span.stop / seconds - 1e-9)), first + 1)
        for k in range(first, min(last, number)):
            spoilt.setdefault(k, f"{span.name} within {k * seconds:g}-{(k + 1) * seconds:g} s")
    if spoilt and not plan.epochs:
        raise Unreadable(f"{spoilt[0]}; set epoch_seconds to lose only the epochs that it touches")
    if len(spoilt) == number:
        raise Unreadable(f"every epoch touches a bad stretch, the first {spoilt[min(spoilt)]}")
    if not plan.epochs and total != plan.steps:
        raise Unreadable(f"{total} time steps instead of {plan.steps}")
    return dict(sorted(spoilt.items()))


def in_counts(values: NDArray[Any]) -> tuple[NDArray[np.int16], NDArray[np.float64], NDArray[np.float64]]:
    """Counts over each channel's own range, shape (epoch, channel, time), and gain and offset to go back.

    A value is off by half a count at most, 1/131068 of the channel's range in the recording.
    """
    top, bottom = values.max(axis=(0, 2)).astype(np.float64), values.min(axis=(0, 2)).astype(np.float64)
    offset = ((top + bottom) / 2).astype(np.float32).astype(np.float64)
    gain = np.maximum((top - bottom) / (2 * LARGEST), 1e-12).astype(np.float32).astype(np.float64)
    counts = np.rint((values - offset[None, :, None]) / gain[None, :, None])
    return np.clip(counts, -LARGEST, LARGEST).astype(np.int16), gain, offset

"""EEG recordings as a panel of epochs: reference, filters, rate, and epochs without bad segments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, astuple
from functools import partial
from pathlib import Path
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from tsrep.datasets.conversion import Job, Pieces, fingerprint
from tsrep.datasets.converted import Converted
from tsrep.datasets.dataset import ReadOptions, Unreadable
from tsrep.datasets.eeg.plan import Plan, Planned, make_plan
from tsrep.datasets.eeg.preparation import UNIT, OnUnreadable, Preparation, Recording, refusal
from tsrep.datasets.eeg.reading import (
    EegHeader,
    files_of,
    header_of,
    opened,
    read_csv,
    read_header,
    suffix_of,
)
from tsrep.datasets.eeg.spans import bad_spans
from tsrep.datasets.quantisation import convert_exactly, stored
from tsrep.datasets.segments import Span, cut, gap_spans
from tsrep.datasets.tables.own_labels import Records
from tsrep.signals.filters import bandpass, bridged, notch
from tsrep.signals.panel import Panel
from tsrep.signals.resample import resample

PER_VOLT = 1e6
Left = tuple[tuple[str, str], ...]


def eeg_panel(
    name: str,
    root: Path,
    recordings: Sequence[Recording],
    records: Records,
    wanted: Preparation,
    *,
    source: str,
    notes: Left = (),
    **options: Unpack[ReadOptions],
) -> Panel:
    """Panel of epochs, or of whole recordings, in µV.

    Parameters
    ----------
    name : str
        Of the data set.
    root : Path
    recordings : sequence of Recording
    records : Records
        What is known of each recording; where it has no trials, each epoch is one.
    wanted : Preparation
    source : str
        What the data are, for captions.
    notes : tuple of (str, str)
        What was left out before, with the reasons.
    **options
        Of :meth:`tsrep.datasets.dataset.Dataset.read`.

    Raises
    ------
    ConfigError, DataError
        When recordings and settings do not go together, or one cannot be used that must not be left out.
    """
    planned = make_plan(recordings, wanted, strict=options["strict"], root=root)
    signals = _signals(name, root, planned, options)
    _refuse_lost(planned, signals, wanted.unreadable)
    place = {recording.name: i for i, recording in enumerate(recordings)}
    of = np.array([place[recording.name] for recording in planned.recordings], np.int64)[signals.source]
    return signals.panel(
        [r.name[: len(r.name) - len(suffix_of(r.path) or r.path.suffix)] for r in planned.recordings],
        **records.fields(of),
        sfreq=planned.plan.rate,
        channels=planned.plan.channels,
        unit=UNIT,
        modality="eeg",
        history=planned.history,
        skipped=(*notes, *planned.left_out, *signals.skipped),
        source=source,
    )


def _signals(name: str, root: Path, planned: Planned, options: ReadOptions) -> Converted:
    plan, recordings = planned.plan, planned.recordings
    files = [file for recording in recordings for file in files_of(recording.path)]
    if plan.wanted.montage is not None and Path(plan.wanted.montage).is_file():
        files.append(Path(plan.wanted.montage))
    own = [[r.name, r.bads, r.types, [astuple(span) for span in r.spans], r.units] for r in recordings]
    key = {"files": fingerprint(root, files), "plan": asdict(plan), "recordings": own}

    def job(dtype: str) -> Job[Recording]:
        return Job(
            name=name,
            sources=recordings,
            labels=[recording.name for recording in recordings],
            decode=partial(decode, dtype=dtype, plan=plan),
            key=key,
            shape=(len(plan.channels), plan.steps),
            dtype=dtype,
            pieces=planned.seconds * plan.rate / plan.steps / len(recordings),
        )

    return convert_exactly(job, **options)


def _refuse_lost(planned: Planned, signals: Converted, unreadable: OnUnreadable) -> None:
    """A recording of which nothing is left, where none may be missing."""
    lost = np.setdiff1d(np.arange(len(planned.recordings)), signals.source)
    if unreadable == "refuse" and len(lost):
        name = planned.recordings[int(lost[0])].name
        raise refusal(name, dict(signals.skipped)[name])


def decode(recording: Recording, dtype: str, plan: Plan) -> Pieces:
    """Epochs of one recording as they are stored, with their gain to microvolts.

    Raises
    ------
    Unreadable
        When nothing of it can be used.
    """
    values, sfreq, spans = _read(recording, plan)
    gaps = ~np.isfinite(values)
    if gaps.all(axis=1).any():
        raise Unreadable(f"channel {plan.channels[int(gaps.all(axis=1).argmax())]} has no value (NaN)")
    spans = (*spans, *recording.spans, *gap_spans(gaps, sfreq, plan.channels))
    if gaps.any():
        values = bridged(values, gaps)
    if plan.wanted.band is not None:
        values = bandpass(values, sfreq, *plan.wanted.band)
    if plan.wanted.notch is not None:
        values = notch(values, sfreq, plan.wanted.notch)
    if sfreq != plan.rate:
        values = resample(values, sfreq, plan.rate)
    kept, left_out = cut(
        values, plan.rate, plan.steps, spans, by="epoch_seconds", whole=plan.wanted.epoch_seconds is None
    )
    return Pieces(*stored(kept, plan.channels, dtype), left_out)


def _read(recording: Recording, plan: Plan) -> tuple[NDArray[Any], float, tuple[Span, ...]]:
    """Microvolts of the kept channels, re-referenced, shape (channel, time); rate and bad segments."""
    if recording.path.suffix.lower() == ".csv":
        header, volts = read_header(recording.path), read_csv(recording.path)
        spans: tuple[Span, ...] = ()
        if recording.bads and plan.wanted.bads == "interpolate":
            raise Unreadable("channels of a CSV cannot be interpolated")
        volts = volts[[header.channels.index(c) for c in plan.picks]]
        sfreq = header.sfreq
    else:
        with opened(recording.path) as raw:
            header = recording.completed(header_of(raw, recording.path), plan.wanted.unit)
            spans, sfreq = bad_spans(raw, recording.path), header.sfreq
            raw.rename_channels(dict(zip(raw.ch_names, header.channels, strict=True)))
            for name in plan.picks:
                if (times := header.correction(name)) != 1:
                    raw.load_data().apply_function(partial(np.multiply, times), picks=[name])
            bads = [b for b in (*header.bads, *recording.bads) if b in plan.picks]
            if bads and plan.wanted.bads == "interpolate":
                volts = _interpolated(raw, header, plan, list(dict.fromkeys(bads)))
            else:
                volts = raw.get_data(picks=plan.picks)
    values = volts * PER_VOLT
    if plan.wanted.references:
        n = len(plan.channels)
        values = values[:n] - values[n:].mean(axis=0)
    elif any(plan.average):
        chosen = np.array(plan.average)
        values[chosen] -= values[chosen].mean(axis=0)
    return values, sfreq, spans


def _interpolated(raw: Any, header: EegHeader, plan: Plan, bads: list[str]) -> NDArray[np.float64]:
    """All channels in volts, bad ones by spherical splines from the good ones."""
    better = dict(zip(header.channels, header.types, strict=True))
    raw.load_data()
    raw.set_channel_types({n: better[n] for n in raw.ch_names if n in better}, on_unit_change="ignore")
    raw.pick(plan.picks)
    if plan.wanted.montage is not None:
        raw.set_montage(plan.wanted.montage, match_case=False, on_missing="ignore")
    raw.info["bads"] = bads
    raw.interpolate_bads(reset_bads=True)
    return np.asarray(raw.get_data(picks=plan.picks))

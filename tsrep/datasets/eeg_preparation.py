"""What EEG recordings are brought to, and how: reference, filters, rate, epochs, microvolts in 16 bits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tsrep.datasets.conversion import Pieces
from tsrep.datasets.eeg_reading import (
    EegHeader,
    Span,
    bad_spans,
    header_of,
    opened,
    read_csv,
    read_header,
    silent_mne,
)
from tsrep.datasets.gaps import bridged, find_gaps
from tsrep.datasets.wfdb_header import Unreadable
from tsrep.errors import ConfigError, DataError
from tsrep.registry import nearest
from tsrep.signals.filters import bandpass, notch
from tsrep.signals.resample import resample

UNIT, PER_VOLT = "µV", 1e6
LARGEST = 32767
Bads = Literal["interpolate", "drop", "keep"]
Hertz = Annotated[float, Field(gt=0)]
Band = tuple[Hertz | None, Hertz | None]
Seconds = Annotated[float, Field(gt=0)]
OnUnreadable = Literal["refuse", "skip"]


@dataclass(frozen=True)
class Preparation:
    """Settings that all EEG data sets share.

    Attributes
    ----------
    channels : tuple of str or None
        To keep, by name; None keeps the EEG channels that all recordings have.
    montage : str or None
        Name of a standard montage of MNE, or a file; says where the channels lie.
    reference : "average", tuple of str or None
        Subtract the mean of all kept EEG channels, or of the named ones, which are then left out.
    band : (low, high) or None, Hz
        Zero-phase filter; None leaves a side open.
    notch : float or None, Hz
    rate : float or None, Hz
        Resample to this rate, with a filter against aliasing.
    epoch_seconds : float or None
        Cut into epochs; those that touch a stretch marked as bad are left out.
    bads : str
        What becomes of channels that are marked as bad: ``"interpolate"`` from their neighbours,
        ``"drop"`` from all recordings, or ``"keep"``.
    unreadable : str
        ``"refuse"`` recordings that cannot be used, or ``"skip"`` and list them.
    """

    channels: tuple[str, ...] | None = None
    montage: str | None = None
    reference: str | tuple[str, ...] | None = None
    band: Band | None = None
    notch: float | None = None
    rate: float | None = None
    epoch_seconds: float | None = None
    bads: Bads = "interpolate"
    unreadable: OnUnreadable = "refuse"

    def __post_init__(self) -> None:
        if isinstance(self.reference, str) and self.reference != "average":
            raise ConfigError(
                f"reference is {self.reference!r}; write average, or a list of channels such as "
                f"[{self.reference}]"
            )

    @property
    def references(self) -> tuple[str, ...]:
        """Channels that are subtracted, where they are named."""
        return self.reference if isinstance(self.reference, tuple) else ()


@dataclass(frozen=True)
class Recording:
    """A file to read: what to call it, channels known to be bad, and types that are known better."""

    path: Path
    name: str
    bads: tuple[str, ...] = ()
    types: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Plan:
    """What every recording is brought to; ``channels`` are read, ``average`` says which are averaged."""

    channels: tuple[str, ...]
    references: tuple[str, ...]
    average: tuple[bool, ...]
    montage: str | None
    band: Band | None
    notch: float | None
    rate: float
    steps: int
    epochs: bool
    interpolate: bool

    def facts(self) -> dict[str, Any]:
        """All that decoding depends on, for the cache."""
        return asdict(self)


@dataclass(frozen=True)
class Planned:
    """A plan, the recordings that it is for, and what is left out by it."""

    plan: Plan
    recordings: tuple[Recording, ...]
    seconds: float
    left_out: tuple[tuple[str, str], ...]


def make_plan(recordings: Sequence[Recording], wanted: Preparation, *, strict: bool, root: Path) -> Planned:
    """Read all headers and choose channels, rate and length.

    Raises
    ------
    ConfigError, DataError
        When recordings and settings do not go together; the message names the first recording that does not.
    """
    headers, left_out = _headers(recordings, wanted, strict)
    montage = _place_of(wanted.montage, root)
    channels, dropped = _channels(headers, wanted)
    rate = wanted.rate or _same("sampling rates in Hz", headers, lambda h: h.sfreq, "set rate to one for all")
    types = dict(zip(headers[0][1].channels, headers[0][1].types, strict=True))
    for edge in (*(wanted.band or ()), wanted.notch):
        slowest = min(headers, key=lambda each: each[1].sfreq)
        if edge is not None and edge >= slowest[1].sfreq / 2:
            raise ConfigError(
                f"a filter at {edge:g} Hz is not below half the rate of {slowest[0].name} "
                f"({slowest[1].sfreq:g} Hz); lower it"
            )
    if wanted.epoch_seconds is None:
        steps = _same(
            "lengths in steps",
            headers,
            lambda h: max(round(h.steps * rate / h.sfreq), 1),
            "set epoch_seconds to cut them into equal parts",
        )
    else:
        steps = max(round(wanted.epoch_seconds * rate), 1)
    marked = any(set(header.bads) & set(channels) for _, header in headers)
    if montage is not None or (marked and wanted.bads == "interpolate"):
        _check_places(headers, (*channels, *wanted.references), types, montage, marked, wanted)
    plan = Plan(
        channels=channels,
        references=wanted.references,
        average=tuple(wanted.reference == "average" and types[name] == "eeg" for name in channels),
        montage=montage,
        band=wanted.band,
        notch=wanted.notch,
        rate=float(rate),
        steps=steps,
        epochs=wanted.epoch_seconds is not None,
        interpolate=wanted.bads == "interpolate",
    )
    seconds = sum(header.steps / header.sfreq for _, header in headers)
    return Planned(plan, tuple(recording for recording, _ in headers), seconds, (*left_out, *dropped))


Headers = list[tuple[Recording, EegHeader]]


def _headers(
    recordings: Sequence[Recording], wanted: Preparation, strict: bool
) -> tuple[Headers, list[tuple[str, str]]]:
    found: Headers = []
    left_out: list[tuple[str, str]] = []
    for recording in recordings:
        try:
            header = read_header(recording.path)
        except Unreadable as error:
            if strict or wanted.unreadable == "refuse":
                raise refusal(recording.name, str(error)) from error
            left_out.append((recording.name, str(error)))
            continue
        better = dict(recording.types)
        known = (*header.bads, *recording.bads)
        absent = [name for name in recording.bads if name not in header.channels]
        if absent:
            raise DataError(
                f"{recording.name} has no channel {absent[0]}, which is marked as bad; it has "
                f"{', '.join(header.channels[:8])}"
            )
        types = tuple(better.get(n, t) for n, t in zip(header.channels, header.types, strict=True))
        found.append((recording, replace(header, types=types, bads=tuple(dict.fromkeys(known)))))
    if not found:
        name, reason = left_out[0]
        raise DataError(
            f"none of the {len(recordings)} recordings can be used; the first, {name}: {reason}; "
            "check the folder"
        )
    return found, left_out


def refusal(name: str, reason: str) -> DataError:
    """Why a recording stops everything, and what to do."""
    return DataError(
        f"{name} cannot be used: {reason}; mend or remove it, or leave such files out with "
        "dataset.unreadable=skip"
    )


def _channels(headers: Headers, wanted: Preparation) -> tuple[tuple[str, ...], list[tuple[str, str]]]:
    """Channels to keep, and those that some recordings have but not all."""
    if wanted.channels is not None and len(set(wanted.channels)) < len(wanted.channels):
        raise ConfigError(f"channels names one twice: {', '.join(wanted.channels)}")
    for recording, header in headers:
        absent = [c for c in (*(wanted.channels or ()), *wanted.references) if c not in header.channels]
        if absent:
            raise DataError(
                f"{recording.name} has no channel {', '.join(absent[:5])}; it has "
                f"{', '.join(header.channels[:30])}; name channels that every recording has"
            )
    left_out: list[tuple[str, str]] = []
    channels = wanted.channels
    if channels is None:
        channels, left_out = _common(headers, wanted.references)
    if wanted.bads == "drop":
        bad = {name: recording.name for recording, header in headers for name in header.bads}
        left_out += [(f"channel {c}", f"marked as bad in {bad[c]}") for c in channels if c in bad]
        channels = tuple(c for c in channels if c not in bad)
        if not channels:
            raise DataError(
                "every channel is marked as bad in some recording; set bads to interpolate or keep"
            )
    for recording, header in headers:
        other = [c for c in channels if not header.volts[header.channels.index(c)]]
        if other:
            raise DataError(
                f"channel {other[0]} of {recording.name} is not a voltage; "
                "set channels to some that are measured in volts"
            )
    return channels, left_out


def _common(headers: Headers, references: tuple[str, ...]) -> tuple[tuple[str, ...], list[tuple[str, str]]]:
    per_file = [
        [n for n, t in zip(h.channels, h.types, strict=True) if t == "eeg" and n not in references]
        for _, h in headers
    ]
    shared = set.intersection(*map(set, per_file))
    if not shared:
        (a, _), names = headers[0], per_file[0]
        other = next((i for i, n in enumerate(per_file) if not set(n) & set(names)), len(headers) - 1)
        raise DataError(
            f"recordings have different channels, none of them EEG in all: {a.name} has "
            f"{', '.join(names[:8]) or 'no EEG'}, {headers[other][0].name} has "
            f"{', '.join(per_file[other][:8]) or 'no EEG'}; set channels"
        )
    left_out = []
    for name in dict.fromkeys(n for names in per_file for n in names if n not in shared):
        lacking = [r.name for (r, _), names in zip(headers, per_file, strict=True) if name not in names]
        left_out.append(
            (f"channel {name}", f"not in {lacking[0]}" + f" nor {len(lacking) - 1} more" * (len(lacking) > 1))
        )
    return tuple(name for name in per_file[0] if name in shared), left_out


def _same(what: str, headers: Headers, value: Any, remedy: str) -> Any:
    values = [(recording.name, value(header)) for recording, header in headers]
    common = Counter(v for _, v in values).most_common(1)[0][0]
    odd = next(((name, v) for name, v in values if v != common), None)
    if odd is None:
        return common
    raise DataError(
        f"recordings have different {what}: {odd[0]} has {odd[1]:g}, most have {common:g}; {remedy}"
    )


def _place_of(montage: str | None, root: Path) -> str | None:
    """A montage by name as it is, one in a file with its path."""
    if montage is None:
        return None
    file = root / montage
    return str(file) if file.is_file() else montage


def montage_places(montage: str) -> dict[str, NDArray[np.float64]]:
    """Places of a montage by channel name, lower case.

    Raises
    ------
    ConfigError
        When there is no such montage.
    """
    with silent_mne() as (mne, _):
        try:
            if Path(montage).is_file():
                found = mne.channels.read_custom_montage(montage)
            else:
                found = mne.channels.make_standard_montage(montage)
        except (ValueError, OSError, RuntimeError) as error:
            known = nearest(montage, mne.channels.get_builtin_montages())
            raise ConfigError(
                f"there is no montage {montage!r} in MNE, nor such a file in the data's folder; {known}"
            ) from error
    return {name.lower(): at for name, at in found.get_positions()["ch_pos"].items()}


def _check_places(
    headers: Headers,
    channels: Sequence[str],
    types: Mapping[str, str],
    montage: str | None,
    marked: bool,
    wanted: Preparation,
) -> None:
    known = None if montage is None else montage_places(montage)
    for recording, header in headers:
        scalp = [name for name in channels if types[name] == "eeg"]
        if known is not None:
            absent = [name for name in scalp if name.lower() not in known]
            if absent:
                raise DataError(
                    f"{recording.name} has channels that the montage {wanted.montage} does not: "
                    f"{', '.join(absent[:8])}; choose another montage, or set channels"
                )
        elif marked and set(header.bads) & set(channels):
            absent = [name for name in scalp if name not in header.placed]
            if absent:
                raise DataError(
                    f"{recording.name} marks {', '.join(header.bads[:5])} as bad but does not say where "
                    f"{absent[0]} lies; set montage to interpolate, or bads to drop or keep"
                )


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
    spans = (*spans, *_missing(gaps, sfreq))
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
        raise Unreadable(f"{total / plan.rate:g} s are shorter than an epoch")
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

"""What EEG recordings are brought to: settings, and a plan of channels, rate and length from the headers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from tsrep.datasets.conversion import same_for_all, steps_of_all
from tsrep.datasets.dataset import Unreadable
from tsrep.datasets.eeg.reading import EegHeader, read_header, silent_mne
from tsrep.datasets.segments import Span
from tsrep.errors import ConfigError, DataError
from tsrep.registry import nearest
from tsrep.signals.resample import resampled

UNIT = "µV"
Bads = Literal["interpolate", "drop", "keep"]
Hertz = Annotated[float, Field(gt=0)]
Band = tuple[Hertz | None, Hertz | None]
Seconds = Annotated[float, Field(gt=0)]
OnUnreadable = Literal["refuse", "skip"]


@dataclass
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
        Cut into epochs; those that touch a segment marked as bad are left out.
    bads : str
        What becomes of channels that are marked as bad: ``"interpolate"`` from their neighbours,
        ``"drop"`` from all recordings, or ``"keep"``.
    unreadable : str
        ``"refuse"`` recordings that cannot be used, or ``"skip"`` and list them.
    """

    channels: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    montage: str | None = None
    reference: str | tuple[str, ...] | None = None
    band: Band | None = None
    notch: Hertz | None = None
    rate: Hertz | None = None
    epoch_seconds: Seconds | None = None
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

    @property
    def history(self) -> tuple[str, ...]:
        """What is done before resampling, in the order in which it is done."""
        steps = []
        if self.reference is not None:
            steps.append(f"reference {' '.join(self.references) or self.reference}")
        if self.band is not None:
            steps.append(f"band {self.band[0] or 0:g}-{self.band[1] or math.inf:g} Hz")
        if self.notch is not None:
            steps.append(f"notch {self.notch:g} Hz")
        return tuple(steps)


@dataclass(frozen=True)
class Recording:
    """A file to read: what to call it, channels and segments that are bad, types that are known better."""

    path: Path
    name: str
    bads: tuple[str, ...] = ()
    types: tuple[tuple[str, str], ...] = ()
    spans: tuple[Span, ...] = ()


Headers = list[tuple[Recording, EegHeader]]


@dataclass(frozen=True)
class Plan:
    """What every recording is brought to; ``channels`` are read, ``average`` says which are averaged."""

    channels: tuple[str, ...]
    average: tuple[bool, ...]
    rate: float
    steps: int
    wanted: Preparation

    @property
    def picks(self) -> list[str]:
        """Channels to read: those to keep, then the references that are subtracted from them."""
        return [*self.channels, *self.wanted.references]


@dataclass(frozen=True)
class Planned:
    """A plan, the recordings that it is for, what it does to them in words, and what is left out by it."""

    plan: Plan
    recordings: tuple[Recording, ...]
    seconds: float
    history: tuple[str, ...]
    left_out: tuple[tuple[str, str], ...]


def make_plan(recordings: Sequence[Recording], wanted: Preparation, *, strict: bool, root: Path) -> Planned:
    """Read all headers and choose channels, rate and length.

    Raises
    ------
    ConfigError, DataError
        When recordings and settings do not go together; the message names the first recording that does not.
    """
    headers, left_out = _headers(recordings, wanted, strict)
    channels, dropped = _channels(headers, wanted)
    rate = wanted.rate or same_for_all(
        "sampling rates in Hz", [(r.name, h.sfreq) for r, h in headers], "set rate to one for all"
    )
    _refuse_high_edges(headers, wanted)
    eeg = headers[0][1].eeg
    scalp = [name for name in (*channels, *wanted.references) if name in eeg]
    if wanted.montage is not None:
        if (root / wanted.montage).is_file():
            wanted = replace(wanted, montage=str(root / wanted.montage))
        _refuse_unplaced(headers, scalp, str(wanted.montage))
    elif wanted.bads == "interpolate":
        _refuse_unplaced_bads(headers, scalp)
    average = tuple(wanted.reference == "average" and name in eeg for name in channels)
    named = [(recording.name, header) for recording, header in headers]
    steps = steps_of_all(named, rate, wanted.epoch_seconds, "lengths in steps", "epoch_seconds")
    plan = Plan(channels, average, float(rate), steps, wanted)
    return Planned(
        plan=plan,
        recordings=tuple(recording for recording, _ in headers),
        seconds=sum(header.steps / header.sfreq for _, header in headers),
        history=(*wanted.history, *resampled((header.sfreq for _, header in headers), plan.rate)),
        left_out=(*left_out, *dropped),
    )


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
        absent = [name for name in recording.bads if name not in header.channels]
        if absent:
            raise DataError(
                f"{recording.name} has no channel {absent[0]}, which is marked as bad; it has "
                f"{', '.join(header.channels[:8])}"
            )
        types = {**dict(zip(header.channels, header.types, strict=True)), **dict(recording.types)}
        bads = dict.fromkeys((*header.bads, *recording.bads))
        header = replace(header, types=tuple(types[name] for name in header.channels), bads=tuple(bads))
        found.append((recording, header))
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
        f"{name} cannot be used: {reason}; fix or remove it, or leave such files out with "
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
    first, header = headers[0]
    if header.eeg and set(header.eeg) <= set(references):
        raise ConfigError(f"reference names every EEG channel of {first.name}, so none is left; name fewer")
    per_file = [[name for name in h.eeg if name not in references] for _, h in headers]
    shared = set.intersection(*map(set, per_file))
    if not shared:
        names = per_file[0]
        other = next((i for i, n in enumerate(per_file) if not set(n) & set(names)), len(headers) - 1)
        raise DataError(
            f"recordings have different channels, none of them EEG in all: {first.name} has "
            f"{', '.join(names[:8]) or 'no EEG'}, {headers[other][0].name} has "
            f"{', '.join(per_file[other][:8]) or 'no EEG'}; set channels"
        )
    left_out = []
    for name in dict.fromkeys(n for names in per_file for n in names if n not in shared):
        lacking = [r.name for (r, _), names in zip(headers, per_file, strict=True) if name not in names]
        more = f" nor {len(lacking) - 1} more" if len(lacking) > 1 else ""
        left_out.append((f"channel {name}", f"not in {lacking[0]}{more}"))
    return tuple(name for name in per_file[0] if name in shared), left_out


def _refuse_high_edges(headers: Headers, wanted: Preparation) -> None:
    recording, slowest = min(headers, key=lambda each: each[1].sfreq)
    for edge in (*(wanted.band or ()), wanted.notch):
        if edge is not None and edge >= slowest.sfreq / 2:
            raise ConfigError(
                f"a filter at {edge:g} Hz is not below half the rate of {recording.name} "
                f"({slowest.sfreq:g} Hz); lower it"
            )


def _montage_channels(montage: str) -> set[str]:
    """Channels that a montage places, lower case."""
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
    return {name.lower() for name in found.ch_names}


def _refuse_unplaced(headers: Headers, scalp: Sequence[str], montage: str) -> None:
    """Check that a montage places the EEG channels of all recordings."""
    known = _montage_channels(montage)
    absent = [channel for channel in scalp if channel.lower() not in known]
    for recording, header in headers:
        here = [channel for channel in absent if channel in header.channels]
        if here:
            raise DataError(
                f"{recording.name} has channels that the montage {Path(montage).name} does not: "
                f"{', '.join(here[:8])}; choose another montage, or set channels"
            )


def _refuse_unplaced_bads(headers: Headers, scalp: Sequence[str]) -> None:
    """Check that recordings with bad channels say where channels lie, to interpolate from."""
    for recording, header in headers:
        bads = [channel for channel in header.bads if channel in scalp]
        absent = [channel for channel in scalp if channel not in header.placed]
        if bads and absent:
            raise DataError(
                f"{recording.name} marks {', '.join(bads[:5])} as bad but does not say where {absent[0]} "
                "lies; set montage to interpolate, or bads to drop or keep"
            )

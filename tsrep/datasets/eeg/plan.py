"""A plan of channels, rate and length, from the headers of all recordings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tsrep.datasets.conversion import same_for_all, steps_of_all
from tsrep.datasets.dataset import Unreadable
from tsrep.datasets.eeg.kept_channels import kept_channels, of_voltages, refuse_unplaced, refuse_unplaced_bads
from tsrep.datasets.eeg.preparation import Headers, Preparation, Recording, refusal
from tsrep.datasets.eeg.reading import read_header
from tsrep.errors import ConfigError, DataError
from tsrep.signals.resample import resampled


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
    channels, dropped = kept_channels(headers, wanted)
    headers, without = of_voltages(headers, (*channels, *wanted.references), wanted, strict)
    rate = wanted.rate or same_for_all(
        "sampling rates in Hz", [(r.name, h.sfreq) for r, h in headers], "set rate to one for all"
    )
    _refuse_high_edges(headers, wanted)
    eeg = headers[0][1].eeg
    scalp = [name for name in (*channels, *wanted.references) if name in eeg]
    if wanted.montage is not None:
        if (root / wanted.montage).is_file():
            wanted = replace(wanted, montage=str(root / wanted.montage))
        refuse_unplaced(headers, scalp, str(wanted.montage))
    elif wanted.bads == "interpolate":
        refuse_unplaced_bads(headers, scalp)
    average = tuple(wanted.reference == "average" and name in eeg for name in channels)
    named = [(recording.name, header) for recording, header in headers]
    steps = steps_of_all(named, rate, wanted.epoch_seconds, "lengths in steps", "epoch_seconds")
    plan = Plan(channels, average, float(rate), steps, wanted)
    return Planned(
        plan=plan,
        recordings=tuple(recording for recording, _ in headers),
        seconds=sum(header.steps / header.sfreq for _, header in headers),
        history=(*wanted.history, *resampled((header.sfreq for _, header in headers), plan.rate)),
        left_out=(*left_out, *dropped, *without),
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
        found.append((recording, recording.completed(header, wanted.unit)))
    if not found:
        name, reason = left_out[0]
        raise DataError(
            f"none of the {len(recordings)} recordings can be used; the first, {name}: {reason}; "
            "check the folder"
        )
    return found, left_out


def _refuse_high_edges(headers: Headers, wanted: Preparation) -> None:
    recording, slowest = min(headers, key=lambda each: each[1].sfreq)
    for edge in (*(wanted.band or ()), wanted.notch):
        if edge is not None and edge >= slowest.sfreq / 2:
            raise ConfigError(
                f"a filter at {edge:g} Hz is not below half the rate of {recording.name} "
                f"({slowest.sfreq:g} Hz); lower it"
            )

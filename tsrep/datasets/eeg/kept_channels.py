"""Which channels all recordings are brought to, and whether they can be."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tsrep.datasets.eeg.preparation import Headers, Preparation, refusal
from tsrep.datasets.eeg.reading import EegHeader, silent_mne
from tsrep.errors import ConfigError, DataError
from tsrep.registry import nearest
from tsrep.signals.units import NO_VOLTAGES


def kept_channels(headers: Headers, wanted: Preparation) -> tuple[tuple[str, ...], list[tuple[str, str]]]:
    """Channels to keep, and those that some recordings have but not all."""
    if wanted.channels is not None and len(set(wanted.channels)) < len(wanted.channels):
        raise ConfigError(f"channels names one twice: {', '.join(wanted.channels)}")
    for recording, header in headers:
        absent = [c for c in (*(wanted.channels or ()), *wanted.references) if c not in header.channels]
        slower = [c for c in absent if c in header.slower]
        if slower:
            raise DataError(
                f"channel {slower[0]} of {recording.name} is not at the {header.sfreq:g} Hz of its EEG; "
                "leave it out"
            )
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


def of_voltages(
    headers: Headers, channels: Sequence[str], wanted: Preparation, strict: bool
) -> tuple[Headers, list[tuple[str, str]]]:
    """Recordings whose channels are voltages, and the others with the reason, where they may be left out."""
    found: Headers = []
    left_out: list[tuple[str, str]] = []
    for recording, header in headers:
        reason = next(filter(None, (_no_voltage(header, channel) for channel in channels)), "")
        if reason and (strict or wanted.unreadable == "refuse"):
            raise refusal(recording.name, reason)
        if reason:
            left_out.append((recording.name, reason))
        else:
            found.append((recording, header))
    if not found:
        raise refusal(*left_out[0])
    return found, left_out


def _no_voltage(header: EegHeader, channel: str) -> str:
    """Why a channel does not come out in volts; empty where it does."""
    unit = header.units[header.channels.index(channel)]
    if not unit:
        return f"its header states no unit for channel {channel}; say with dataset.unit which it is"
    if unit in NO_VOLTAGES:
        return f"channel {channel} is not a voltage; set dataset.channels to some that are"
    try:
        header.correction(channel)
    except DataError as error:
        return f"channel {channel} has the unit {unit!r}, which is not known ({error})"
    return ""


def refuse_unplaced(headers: Headers, scalp: Sequence[str], montage: str) -> None:
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


def refuse_unplaced_bads(headers: Headers, scalp: Sequence[str]) -> None:
    """Check that recordings with bad channels say where channels lie, to interpolate from."""
    for recording, header in headers:
        bads = [channel for channel in header.bads if channel in scalp]
        absent = [channel for channel in scalp if channel not in header.placed]
        if bads and absent:
            raise DataError(
                f"{recording.name} marks {', '.join(bads[:5])} as bad but does not say where {absent[0]} "
                "lies; set montage to interpolate, or bads to drop or keep"
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

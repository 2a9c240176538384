"""Where channels lie on the head: montages by name or from a file, checked against recordings."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from tsrep.datasets.eeg.reading import EegHeader, silent_mne
from tsrep.errors import ConfigError, DataError
from tsrep.registry import nearest

Named = Sequence[tuple[str, EegHeader]]


def montage_path(montage: str | None, root: Path) -> str | None:
    """A montage that is a file in a folder with its path, one by name as it is."""
    if montage is None:
        return None
    file = root / montage
    return str(file) if file.is_file() else montage


def montage_channels(montage: str) -> set[str]:
    """Channels that a montage places, lower case.

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
    return {name.lower() for name in found.ch_names}


def refuse_unplaced(headers: Named, scalp: Collection[str], montage: str) -> None:
    """Check that a montage places the EEG channels of all recordings.

    Raises
    ------
    ConfigError, DataError
        When there is no such montage, or it lacks a channel.
    """
    known = montage_channels(montage)
    absent = [channel for channel in scalp if channel.lower() not in known]
    for name, header in headers:
        here = [channel for channel in absent if channel in header.channels]
        if here:
            raise DataError(
                f"{name} has channels that the montage {Path(montage).name} does not: "
                f"{', '.join(here[:8])}; choose another montage, or set channels"
            )


def refuse_unplaced_bads(headers: Named, scalp: Collection[str]) -> None:
    """Check that recordings with bad channels say where channels lie, to interpolate from.

    Raises
    ------
    DataError
        When one does not.
    """
    for name, header in headers:
        bads = [channel for channel in header.bads if channel in scalp]
        absent = [channel for channel in scalp if channel not in header.placed]
        if bads and absent:
            raise DataError(
                f"{name} marks {', '.join(bads[:5])} as bad but does not say where {absent[0]} lies; "
                "set montage to interpolate, or bads to drop or keep"
            )

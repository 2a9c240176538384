"""What EEG recordings are brought to: the settings, and what a user says of each recording."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from tsrep.datasets.eeg.reading import EegHeader
from tsrep.datasets.segments import Span
from tsrep.errors import ConfigError, DataError

UNIT = "µV"
Bads = Literal["interpolate", "drop", "keep"]
Hertz = Annotated[float, Field(gt=0)]
Band = tuple[Hertz | None, Hertz | None]
Seconds = Annotated[float, Field(gt=0)]
OnUnreadable = Literal["refuse", "skip"]
Volts = Literal["V", "mV", "uV", "µV", "nV"]


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
    unit : str or None
        Of channels whose file states none.
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
    unit: Volts | None = None

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
    """A file to read: what to call it, channels and segments that are bad, types and units known besides."""

    path: Path
    name: str
    bads: tuple[str, ...] = ()
    types: tuple[tuple[str, str], ...] = ()
    spans: tuple[Span, ...] = ()
    units: tuple[tuple[str, str], ...] = ()

    def completed(self, header: EegHeader, unit: str | None) -> EegHeader:
        """The header of its file with what is known besides; ``unit`` is for channels that have none."""
        types = {**dict(zip(header.channels, header.types, strict=True)), **dict(self.types)}
        told = dict(self.units)
        stated = zip(header.channels, header.units, strict=True)
        return replace(
            header,
            types=tuple(types[name] for name in header.channels),
            units=tuple(has or told.get(name, unit or "") for name, has in stated),
            bads=tuple(dict.fromkeys((*header.bads, *self.bads))),
        )


Headers = list[tuple[Recording, EegHeader]]


def refusal(name: str, reason: str) -> DataError:
    """Why a recording stops everything, and what to do."""
    return DataError(
        f"{name} cannot be used: {reason}; fix or remove it, or leave such files out with "
        "dataset.unreadable=skip"
    )

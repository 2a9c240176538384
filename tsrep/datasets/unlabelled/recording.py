"""A recording without labels, to be read wholly or in parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tsrep.datasets.segments import Span
from tsrep.signals.panel import Panel


@dataclass(frozen=True)
class Signal:
    """A recording that can be read, wholly or in parts.

    Attributes
    ----------
    panel : callable
        ``panel(start, stop)`` gives the steps from ``start`` to before ``stop`` as a panel of one row; of a
        trial of a data set one for each of its samples.
    steps : int
    sfreq : float, Hz
    patient : str
        Empty where not known.
    spans : tuple of Span
        Parts that are marked as bad.
    notes : tuple of str
    targets : mapping
        Columns of what is known besides, by name.
    """

    panel: Callable[[int, int], Panel]
    steps: int
    sfreq: float
    patient: str = ""
    spans: tuple[Span, ...] = ()
    notes: tuple[str, ...] = ()
    targets: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Recording:
    """A recording to be read; ``open`` raises Unreadable with a reason where that cannot be done."""

    name: str
    open: Callable[[], Signal]


@dataclass(frozen=True)
class Wanted:
    """What recordings are read for.

    Attributes
    ----------
    modality : str
        Channels of this kind are taken, where a recording has any.
    unit : str
        Channels whose unit converts to this one are taken, where a recording has any.
    rate : float or None
        True sampling rate, Hz, in place of the one that files state.
    channels : tuple of str or None
        True names, in order, in place of those that files state.
    """

    modality: str = "other"
    unit: str = ""
    rate: float | None = None
    channels: tuple[str, ...] | None = None

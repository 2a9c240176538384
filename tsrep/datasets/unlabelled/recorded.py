"""The channels of a file, of any units and kinds, and those of them that can stand in one panel."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from tsrep.datasets.dataset import Unreadable
from tsrep.datasets.segments import Span
from tsrep.datasets.unlabelled.recording import Signal, Wanted
from tsrep.errors import DataError
from tsrep.signals.channel_names import distinct
from tsrep.signals.panel import Panel
from tsrep.signals.panel_checks import Modality
from tsrep.signals.units import canonical, factor, is_voltage


@dataclass(frozen=True, eq=False)
class Samples:
    """Stored values, shape (channel, time); ``values * gain + offset`` is in the unit of each channel."""

    values: NDArray[Any]
    gain: NDArray[np.float64]
    offset: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Recorded:
    """Channels of a file, of any units and kinds.

    Attributes
    ----------
    channels, units : tuples of str
        A unit is empty where the file states none.
    kinds : tuple of str
        Modality of each channel; empty where the file does not say.
    sfreq : float, Hz
    steps : int
    read : callable
        ``read(start, stop)`` gives :class:`Samples` of all channels.
    patient, spans, notes
        See :class:`Signal`.
    """

    channels: tuple[str, ...]
    units: tuple[str, ...]
    kinds: tuple[str, ...]
    sfreq: float
    steps: int
    read: Callable[[int, int], Samples]
    patient: str = ""
    spans: tuple[Span, ...] = ()
    notes: tuple[str, ...] = ()

    def signal(self, name: str, wanted: Wanted) -> Signal:
        """The channels that can stand in one panel.

        Raises
        ------
        Unreadable
            When names that were given do not fit the channels, or nothing was recorded.
        """
        told = self._named(wanted)
        if not told.steps or not told.channels:
            raise Unreadable("nothing is recorded in it")
        kept = told._suited(wanted)
        return Signal(
            kept.panels(name, told),
            told.steps,
            told.sfreq,
            told.patient,
            told.spans,
            (*told.notes, *kept.left_out(told)),
        )

    def _named(self, wanted: Wanted) -> Recorded:
        names = self.channels if wanted.channels is None else wanted.channels
        if len(names) != len(self.channels):
            raise Unreadable(
                f"it has {len(self.channels)} channels, and {len(names)} names are given with --channels"
            )
        return replace(self, channels=distinct(names), sfreq=wanted.rate or self.sfreq)

    def _suited(self, wanted: Wanted) -> Picked:
        every = list(range(len(self.channels)))
        of_kind = [i for i in every if self.kinds[i] in (wanted.modality, "")] or every
        target = canonical(wanted.unit)
        convertible = [i for i in of_kind if _converts(self.units[i], target)]
        if not convertible:  # the commonest unit, so that what follows can say what there is
            common = Counter(self.units[i] for i in of_kind).most_common(1)[0][0]
            convertible = [i for i in of_kind if _converts(self.units[i], common)]
            target = common
        kinds = Counter(self.kinds[i] or wanted.modality for i in convertible)
        return Picked(tuple(convertible), target, kinds.most_common(1)[0][0])


@dataclass(frozen=True)
class Picked:
    """Channels of a file that stand in one panel, and what their values become."""

    index: tuple[int, ...]
    unit: str
    modality: str

    def panels(self, name: str, recorded: Recorded) -> Callable[[int, int], Panel]:
        """A function that gives parts of the recording as panels of one row."""
        pick = list(self.index)
        times = np.array([factor(recorded.units[i], self.unit) for i in pick])
        channels = tuple(recorded.channels[i] for i in pick)

        def part(start: int, stop: int) -> Panel:
            found = recorded.read(start, stop)
            values = found.values if len(pick) == len(recorded.channels) else found.values[pick]
            return unlabelled(
                values[None],
                name=name,
                gain=(found.gain[pick] * times)[None],
                offset=(found.offset[pick] * times)[None],
                sfreq=recorded.sfreq,
                channels=channels,
                unit=self.unit,
                modality=cast(Modality, self.modality),
            )

        return part

    def left_out(self, recorded: Recorded) -> tuple[str, ...]:
        """A sentence on the other channels, where there are any."""
        others = [channel for i, channel in enumerate(recorded.channels) if i not in self.index]
        return (f"channels of another kind or unit are left out: {', '.join(others)}",) if others else ()


def unlabelled(store: NDArray[Any], *, name: str, **fields: Any) -> Panel:
    """Panel of one recording without labels.

    Parameters
    ----------
    store : array, shape (1, channel, time)
    name : str
        Of the recording.
    **fields
        Other arguments of :meth:`tsrep.signals.panel.Panel.from_store`.
    """
    nobody: dict[str, Any] = {
        "label": np.zeros((1, 0), bool),
        "classes": (),
        "patient": np.zeros(1, np.int64),
    }
    return Panel.from_store(store, record_names=(name,), **nobody, **fields)


def _converts(unit: str, wanted: str) -> bool:
    known = _known(unit)
    return known == wanted or (is_voltage(known) and is_voltage(wanted))


def _known(unit: str) -> str:
    try:
        return canonical(unit)
    except DataError as error:
        raise Unreadable(str(error)) from error

"""Slices of recordings as an encoder must be shown them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tsrep.datasets.dataset import Unreadable
from tsrep.datasets.unlabelled.recording import Signal
from tsrep.evaluation.arrays import Array
from tsrep.runs.ledger import Ledger
from tsrep.runs.predict.moments import OF_RECORD, Moments, unstandardised, with_moments
from tsrep.runs.predict.slices import Slice, slices
from tsrep.runs.seen import Seen
from tsrep.signals import Panel
from tsrep.signals.contract import SignalContract
from tsrep.signals.convert import Policies, convert


@dataclass(frozen=True, eq=False)
class Shown:
    """Windows of a slice of a recording.

    Attributes
    ----------
    windows : Panel
    start : float64 array, shape (window,)
        Seconds from the beginning of the recording.
    notes : tuple of str
        What was done to the signal or is doubtful, a sentence each.
    seen : Seen or None
        Whether the encoder has seen the recording, where that can be told from the slice.
    """

    windows: Panel
    start: Array
    notes: tuple[str, ...]
    seen: Seen | None = None


@dataclass(frozen=True, eq=False)
class Conversion:
    """From recordings to the windows that an encoder must be shown.

    Attributes
    ----------
    contract : SignalContract
    policies : Policies
    ledger : Ledger or None
        What the encoder has seen.
    """

    contract: SignalContract
    policies: Policies
    ledger: Ledger | None = None

    def shown(self, signal: Signal, look: Callable[[Panel], None]) -> Iterator[Shown]:
        """The windows of a recording, slice by slice.

        Parameters
        ----------
        signal : Signal
        look : callable
            Is given the signal of each slice as it was recorded.

        Raises
        ------
        Unreadable, ContractError
            When the recording cannot be read, or the encoder cannot be shown it.
        """
        parts = slices(signal.steps, signal.sfreq, self.contract)
        contract = self.contract
        if len(parts) > 1 and contract.standardise.how in OF_RECORD:
            # what is of the whole record is worked out first, and given to each slice
            contract = self._with_moments(signal, parts)
        for part in parts:
            panel = signal.panel(part.start, part.stop)
            look(panel)
            seen = self.ledger.seen(panel) if self.ledger is not None and len(parts) == 1 else None
            yield replace(self._of_slice(panel, part, contract), seen=seen)

    def _of_slice(self, panel: Panel, part: Slice, contract: SignalContract) -> Shown:
        converted = convert(panel, contract, self.policies)
        if converted.unusable:
            raise Unreadable(converted.unusable[0][1])
        windows = converted.panel
        begin = windows.start
        kept = np.flatnonzero((begin >= part.first) & (begin < part.last))
        if len(kept) < len(begin):
            windows = windows.select(kept)
        return Shown(windows, (begin[kept] + part.shift) / windows.sfreq, converted.notes)

    def _with_moments(self, signal: Signal, parts: Sequence[Slice]) -> SignalContract:
        """The contract with statistics of the whole recording in it."""
        found, contract = Moments(), unstandardised(self.contract)
        for part in parts:
            panel = convert(signal.panel(part.start, part.stop), contract, self.policies).panel
            found.add(panel.take(np.arange(1))[0][:, int(part.first) : _end(part)])
        return with_moments(self.contract, found, panel.channels)


def _end(part: Slice) -> int | None:
    return None if math.isinf(part.last) else int(part.last)

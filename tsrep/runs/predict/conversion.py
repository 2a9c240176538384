"""Slices of recordings as an encoder must be shown them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from tsrep.datasets.dataset import Unreadable
from tsrep.datasets.segments import Span
from tsrep.datasets.unlabelled.recording import Signal
from tsrep.errors import ContractError
from tsrep.evaluation.arrays import Array
from tsrep.runs.ledger import Ledger
from tsrep.runs.predict.moments import OF_RECORD, Moments, unstandardised, with_moments
from tsrep.runs.predict.slices import Slice, slices
from tsrep.runs.seen import Seen
from tsrep.signals import Panel
from tsrep.signals.contract import SignalContract
from tsrep.signals.convert import Policies, plan
from tsrep.signals.panel import Ints
from tsrep.signals.planning.channels import plan_channels
from tsrep.signals.planning.looks import unusable
from tsrep.signals.windows import starts


@dataclass(frozen=True, eq=False)
class Shown:
    """Windows of a slice of a recording.

    Attributes
    ----------
    windows : Panel
    start, stop : float64 arrays, shape (window,)
        Seconds from the beginning of the recording.
    notes, doubts : tuples of str
        What was done to the signal, and what is doubtful of it, a sentence each.
    left_out : mapping of str to int
        Windows that are not among them, by the reason.
    seen : Seen or None
        Whether the encoder has seen the recording, where that can be told from the slice.
    """

    windows: Panel
    start: Array
    stop: Array
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)
    seen: Seen | None = None

    def without(self, spans: Sequence[Span]) -> Shown:
        """The same without windows that touch a part that is marked as bad, or a pause within."""
        bad, lost = np.zeros(len(self.windows), bool), dict(self.left_out)
        for span in spans:
            # a pause has no length, and may lie where one window ends and the next begins
            end = self.start < (span.start if span.pause else span.stop)
            hit = end & (self.stop > span.start) & ~bad
            if hit.any():
                reason = f"they touch {span.name}"
                lost[reason] = lost.get(reason, 0) + int(hit.sum())
            bad |= hit
        if not bad.any():
            return self
        kept = np.flatnonzero(~bad)
        windows = self.windows.select(kept)
        return replace(self, windows=windows, start=self.start[kept], stop=self.stop[kept], left_out=lost)


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

    def shown(self, signal: Signal) -> Iterator[Shown]:
        """The windows of a recording, slice by slice.

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
            shown = self._of_slice(panel, part, contract, signal)
            if self.ledger is not None and len(parts) == 1:
                shown = replace(shown, seen=self.ledger.seen(panel))
            yield shown.without(signal.spans)

    def _of_slice(self, panel: Panel, part: Slice, contract: SignalContract, signal: Signal) -> Shown:
        try:
            planned = plan(panel, contract, self.policies)
        except ContractError:
            # a part without a signal, such as before electrodes were on, is no reason against the others
            reason = self._unusable(panel, contract)
            if not reason:
                raise
            if part.is_whole:
                raise Unreadable(reason) from None
            steps = round((panel.length * contract.sfreq) / panel.sfreq)
            begin = self._begins(contract, steps, part)[0]
            return Shown(panel.select(_NONE), _NONE / 1.0, _NONE / 1.0, left_out={reason: max(len(begin), 1)})
        windows = planned.apply(panel)
        begin, kept = self._begins(contract, planned.length.shaped, part)
        rows = len(panel) - len(planned.unusable)
        every = (np.arange(rows)[:, None] * max(len(windows) // max(rows, 1), 1) + kept).ravel()
        start = np.tile(begin + part.shift, rows) / windows.sfreq
        stop = np.minimum(start + windows.length / windows.sfreq, signal.steps / signal.sfreq)
        if planned.length.shaped != planned.length.record:  # it was stretched over the window, or repeated
            stop = np.full_like(start, signal.steps / signal.sfreq)
        lost = {reason: len(begin) for _, reason in planned.unusable}
        chosen = windows if len(every) == len(windows) else windows.select(every)
        return Shown(chosen, start, stop, planned.notes, planned.doubts, lost)

    def _begins(self, contract: SignalContract, steps: int, part: Slice) -> tuple[Ints, Ints]:
        """First steps of the windows of a slice that are kept, and their numbers."""
        length = contract.window.steps or steps
        every = starts(steps, length, contract.sfreq, contract.window) if steps > length else _FIRST
        kept = np.flatnonzero((every >= part.first) & (every < part.last))
        return every[kept], kept

    def _unusable(self, panel: Panel, contract: SignalContract) -> str:
        """Why no sample of a panel has a signal; empty where that is not what is wrong."""
        try:
            used = np.flatnonzero(plan_channels(panel, contract, self.policies).mix.any(axis=0))
        except ContractError:
            return ""
        faults = unusable(panel, contract, used)
        return faults[0][1] if len(faults) == len(panel) else ""

    def _with_moments(self, signal: Signal, parts: Sequence[Slice]) -> SignalContract:
        """The contract with statistics of the whole recording in it."""
        found, contract, channels = Moments(), unstandardised(self.contract), self.contract.channels
        for part in parts:
            panel = signal.panel(part.start, part.stop)
            if self._unusable(panel, contract):
                continue
            panel = plan(panel, contract, self.policies).apply(panel)
            channels = panel.channels
            found.add(panel.take(np.arange(1))[0][:, int(part.first) : _end(part)])
        return with_moments(self.contract, found, channels or ())


_NONE: Ints = np.zeros(0, np.int64)
_FIRST: Ints = np.zeros(1, np.int64)


def _end(part: Slice) -> int | None:
    return None if math.isinf(part.last) else int(part.last)

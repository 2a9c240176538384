"""Recordings opened by threads a few ahead of the encoder, and read slice by slice."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from tsrep.datasets.dataset import Unreadable
from tsrep.datasets.unlabelled.recording import Recording, Signal
from tsrep.errors import TsrepError
from tsrep.evaluation.arrays import Array
from tsrep.runs.predict.conversion import Conversion, Shown
from tsrep.runs.seen import Seen
from tsrep.signals.panel import Floats, Panel

S = TypeVar("S")
T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Piece:
    """Windows of a slice of a recording.

    Attributes
    ----------
    windows : Panel
        As the encoder must be shown them.
    start : float64 array, shape (window,)
        Seconds from the beginning of the recording.
    seconds : float
        Of a window.
    touched : int
        Windows that were left out as they touch a part that is marked as bad.
    left_out : str
        What that part is called.
    """

    windows: Panel
    start: Array
    seconds: float
    touched: int = 0
    left_out: str = ""

    def __len__(self) -> int:
        return len(self.windows)

    @property
    def shape(self) -> tuple[int, int]:
        """Channels and steps of a window."""
        return len(self.windows.channels), self.windows.length

    def take(self, first: int, stop: int) -> tuple[Floats, Array, Array]:
        """Some windows, shape (window, channel, time), with their starts and ends in seconds."""
        x = self.windows.take(np.arange(first, stop))
        return x, self.start[first:stop], self.start[first:stop] + self.seconds


@dataclass(eq=False)
class Flatness:
    """Which channels of a recording never change, seen slice by slice."""

    channels: Sequence[str] = ()
    low: Array = field(default_factory=lambda: np.zeros(0))
    high: Array = field(default_factory=lambda: np.zeros(0))

    def look(self, panel: Panel) -> None:
        """Take note of the next slice."""
        x = np.moveaxis(panel.store[:], 1, 0).reshape(panel.store.shape[1], -1)  # (channel, row and time)
        low, high = (np.asarray(of(x, axis=1), np.float64) for of in (np.fmin.reduce, np.fmax.reduce))
        if not len(self.channels):
            self.channels, self.low, self.high = panel.channels, low, high
        self.low, self.high = np.fmin(self.low, low), np.fmax(self.high, high)

    def refuse(self) -> None:
        """Refuse a recording of which more than half of the channels are constant or without a value.

        Raises
        ------
        Unreadable
        """
        still = [name for name, lost in zip(self.channels, ~(self.high > self.low), strict=True) if lost]
        if 2 * len(still) > len(self.channels):
            more = f", as are {len(still) - 1} more of {len(self.channels)}" if len(still) > 1 else ""
            raise Unreadable(f"channel {still[0]} is constant{more}")


@dataclass(eq=False)
class Opened:
    """A recording whose first slice is converted, or the reason why it cannot be.

    Attributes
    ----------
    name : str
    signal : Signal or None
    reason : str
    first, rest : Piece or None, and iterator of Piece
    flat : Flatness
    conversion : tuple of str
        Notes of its conversion.
    seen : Seen or None
        Whether the encoder has seen it; None where that was not looked for.
    """

    name: str
    signal: Signal | None = None
    reason: str = ""
    first: Piece | None = None
    rest: Iterator[Piece] = field(default_factory=lambda: iter(()))
    flat: Flatness = field(default_factory=Flatness)
    conversion: tuple[str, ...] = ()
    seen: Seen | None = None

    def pieces(self) -> Iterator[Piece]:
        """The windows, slice by slice.

        Raises
        ------
        Unreadable, TsrepError
            When it cannot be used.
        """
        if self.reason:
            raise Unreadable(self.reason)
        if self.first is not None:
            yield self.first
        yield from self.rest

    def refuse_flat(self) -> None:
        """See :meth:`Flatness.refuse`, once all pieces are read."""
        self.flat.refuse()

    @property
    def notes(self) -> tuple[str, ...]:
        """What the reader and the conversion say of it."""
        return (*(() if self.signal is None else self.signal.notes), *self.conversion)


def opened(recording: Recording, conversion: Conversion) -> Opened:
    """Open a recording and convert its first slice."""
    made = Opened(recording.name)
    try:
        made.rest = _pieces(made, recording, conversion)
        made.first = next(made.rest, None)
    except (Unreadable, TsrepError) as error:
        made.reason = str(error)
    return made


def _pieces(made: Opened, recording: Recording, conversion: Conversion) -> Iterator[Piece]:
    try:
        made.signal = recording.open()
        for shown in conversion.shown(made.signal, made.flat.look):
            made.seen = made.seen or shown.seen
            made.conversion = shown.notes
            yield _piece(shown, made.signal)
    except (Unreadable, TsrepError):
        raise
    except Exception as error:  # what a broken file makes a decoder raise has no common class
        what = " ".join(str(error).split())[:160].rstrip(".")
        raise Unreadable(f"it cannot be decoded ({type(error).__name__}: {what})") from error


def _piece(shown: Shown, signal: Signal) -> Piece:
    """The windows of a slice without those that touch a part marked as bad."""
    windows, start = shown.windows, shown.start
    seconds = windows.length / windows.sfreq
    touched, name = np.zeros(len(windows), bool), ""
    for span in signal.spans:
        inside = (start < span.stop) & (start + seconds > span.start)
        # a pause has no length: it is within a window unless it lies at its edge
        hit = (start < span.start) & (start + seconds > span.start) if span.pause else inside
        name = name or (f"they touch {span.name}" if hit.any() else "")
        touched |= hit
    if not touched.any():
        return Piece(windows, start, seconds)
    kept = np.flatnonzero(~touched)
    return Piece(windows.select(kept), start[kept], seconds, int(touched.sum()), name)


def read_ahead(items: Iterable[S], work: Callable[[S], T], workers: int) -> Iterator[T]:
    """Results of some work in the order of the items, at most a few of which wait.

    Parameters
    ----------
    items : iterable
    work : callable
    workers : int
        Threads; with 0 the caller does the work itself.
    """
    if not workers:
        yield from map(work, items)
        return
    with ThreadPoolExecutor(workers, "tsrep-predict") as pool:
        running: deque[Future[T]] = deque()
        try:
            for item in items:
                running.append(pool.submit(work, item))
                if len(running) > 2 * workers:
                    yield running.popleft().result()
            while running:
                yield running.popleft().result()
        finally:
            for each in running:
                each.cancel()

"""Recordings opened by threads a few ahead of the encoder, and read slice by slice."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from tsrep.datasets.dataset import Unreadable
from tsrep.datasets.unlabelled.recording import Recording, Signal
from tsrep.errors import TsrepError
from tsrep.runs.predict.conversion import Conversion, Shown
from tsrep.runs.seen import Seen

S = TypeVar("S")
T = TypeVar("T")


@dataclass(eq=False)
class Opened:
    """A recording whose first slice is converted, or the reason why it cannot be.

    Attributes
    ----------
    name : str
    signal : Signal or None
    reason : str
    first, rest : Shown or None, and iterator of Shown
    conversion, doubts : tuples of str
        What was done to its signal, and what is doubtful of it.
    seen : Seen or None
        Whether the encoder has seen it; None where that was not looked for.
    """

    name: str
    signal: Signal | None = None
    reason: str = ""
    first: Shown | None = None
    rest: Iterator[Shown] = field(default_factory=lambda: iter(()))
    conversion: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    seen: Seen | None = None

    def slices(self) -> Iterator[Shown]:
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
        self.first = None
        yield from self.rest

    @property
    def notes(self) -> tuple[str, ...]:
        """What the reader and the conversion say of it."""
        return (*(() if self.signal is None else self.signal.notes), *self.conversion)


def opened(recording: Recording, conversion: Conversion) -> Opened:
    """Open a recording and convert its first slice."""
    made = Opened(recording.name)
    made.rest = _slices(made, recording, conversion)
    try:
        made.first = next(made.rest, None)
    except (Unreadable, TsrepError) as error:
        made.reason = str(error)
    return made


def _slices(made: Opened, recording: Recording, conversion: Conversion) -> Iterator[Shown]:
    try:
        made.signal = recording.open()
        for shown in conversion.shown(made.signal):
            made.conversion, made.doubts = made.conversion or shown.notes, made.doubts or shown.doubts
            made.seen = made.seen or shown.seen
            yield shown
    except (Unreadable, TsrepError):
        raise
    except Exception as error:  # what a broken file makes a decoder raise has no common class
        what = " ".join(str(error).split())[:160].rstrip(".")
        raise Unreadable(f"it cannot be decoded ({type(error).__name__}: {what})") from error


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

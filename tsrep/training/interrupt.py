"""Stopping between two steps when the user presses Ctrl-C or the system asks to end."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from tsrep.errors import RunError

Handler = Callable[[int, FrameType | None], Any]


class Interrupted(RunError):
    """Work was stopped on request; what is done of it is saved, or nothing is written."""

    exit_code = 128 + signal.SIGINT


@contextmanager
def told_of_interruption(left: str) -> Iterator[None]:
    """Say what Ctrl-C leaves, and how to go on.

    Parameters
    ----------
    left : str
        The end of a sentence that begins with "stopped;".

    Raises
    ------
    Interrupted
        In place of ``KeyboardInterrupt``.
    """
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted(f"stopped; {left}") from None


@contextmanager
def stop_requests() -> Iterator[threading.Event]:
    """An event that the first SIGINT or SIGTERM sets; a second one acts at once, as without this."""
    request = threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def ask(number: int, _frame: FrameType | None) -> None:
        request.set()
        signal.signal(number, before[signal.Signals(number)])

    with _handled(ask, *before):
        yield request


@contextmanager
def termination_as_interrupt() -> Iterator[None]:
    """A block in which SIGTERM raises KeyboardInterrupt as SIGINT does, so that it can clear up behind it."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    with _handled(interrupt, signal.SIGTERM):
        yield


@contextmanager
def _handled(handler: Handler, *numbers: signal.Signals) -> Iterator[None]:
    """A block with a handler for some signals; without it outside of the main thread, which has none."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, handler_before in before.items():
            signal.signal(number, handler_before)

"""Stopping between two steps when the user presses Ctrl-C or the system asks to end."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from tsrep.errors import RunError


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
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def ask(number: int, _frame: FrameType | None) -> None:
        request.set()
        signal.signal(number, before[signal.Signals(number)])

    for number in before:
        signal.signal(number, ask)
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

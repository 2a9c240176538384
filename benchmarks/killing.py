"""Work that the system ends: at a write, after some time of a processor, or after some time."""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any


def killed_at(point: int, after: bool, work: Callable[[], object]) -> None:
    """Do the work until a write or rename of a run folder, counted from 0; the kill is the system's."""
    seen, due = -1, False

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal seen, due
        if due:  # the first event of any kind behind the one that was waited for
            due = False  # a kill is an event too
            os.kill(os.getpid(), signal.SIGKILL)
        if _writes(event, arguments):
            seen += 1
            if seen == point and not after:
                os.kill(os.getpid(), signal.SIGKILL)
            due = seen == point

    sys.addaudithook(watch)
    work()


def _writes(event: str, arguments: tuple[Any, ...]) -> bool:
    """Whether an event changes what is in the folder of a run, or in the one that is renamed to it."""
    path = str(arguments[0]) if arguments else ""
    if not re.search(r"/\.?run-", path):
        return False
    if event == "open":
        _, mode, flags = arguments
        return any(c in str(mode or "") for c in "wax") or bool(flags & os.O_WRONLY)
    return event == "os.rename" or (event == "os.mkdir" and not Path(path).exists())


def killed_within(seconds: float, work: Callable[[], object]) -> None:
    """Do the work until the system ends the process, after so many seconds of a processor."""
    signal.setitimer(signal.ITIMER_PROF, seconds)  # its signal ends a process at once
    work()


def killed_after(seconds: float, work: Callable[[], object]) -> None:
    """Do the work for so long."""
    threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGKILL)).start()
    work()

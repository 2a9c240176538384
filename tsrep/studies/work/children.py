"""Processes of this machine that Ctrl-C reaches through their parent alone, once."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def threads(count: int) -> dict[str, str]:
    """Variables that give a process so many threads, in torch and in NumPy's linear algebra."""
    return dict.fromkeys(THREADS, str(count))


@contextmanager
def environment(settings: dict[str, str]) -> Iterator[None]:
    """Variables that a process started in the block inherits."""
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def deaf() -> Iterator[None]:
    """A process started in the block ignores Ctrl-C until it has said what to do then."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def leave_terminal() -> None:
    """Of a child: Ctrl-C reaches its parent alone, which hands it on; it ends when its parent is gone."""
    os.setsid()
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)

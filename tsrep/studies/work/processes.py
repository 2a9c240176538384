"""Processes of this machine that Ctrl-C reaches through their parent alone, once, and a pool of them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event
from typing import Any, TypeVar

from tsrep.training.interrupt import Interrupted

Given = TypeVar("Given")
Found = TypeVar("Found")
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_stop: list[Event] = []  # of a child: whether its parent wants it to end


def threads(count: int) -> dict[str, str]:
    """Variables that give a process so many threads, in torch and in NumPy's linear algebra."""
    return dict.fromkeys(THREADS, str(count))


@contextmanager
def handling(number: signal.Signals, handler: Any) -> Iterator[None]:
    """A signal's handler as long as the block runs, in the main thread, which alone may set one."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before)


@contextmanager
def starting(variables: dict[str, str]) -> Iterator[None]:
    """Processes started in the block have the variables, and ignore Ctrl-C until they say what to do then."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        with handling(signal.SIGINT, signal.SIG_IGN):
            yield
    finally:
        for name in variables:
            del os.environ[name]
        os.environ.update(before)


def interrupt(child: BaseProcess) -> None:
    """Hand Ctrl-C on."""
    if child.exitcode is None and child.pid is not None:
        with suppress(OSError):  # it ended just now
            os.kill(child.pid, signal.SIGINT)


def leave_terminal() -> None:
    """Of a child: Ctrl-C reaches its parent alone, which hands it on; it ends when its parent is gone."""
    os.setsid()
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)


@dataclass(frozen=True)
class Pool:
    """Processes that take jobs."""

    executor: ProcessPoolExecutor

    def map(self, job: Callable[[Given], Found], given: Sequence[Given]) -> list[Found]:
        """What the job makes of each; it and what it takes and gives can be sent to another process."""
        return list(self.executor.map(partial(_heard, job), given))


@contextmanager
def pool(processes: int) -> Iterator[Pool]:
    """Processes with one thread each, as long as the block runs.

    Raises
    ------
    Interrupted
        On Ctrl-C, which a job under way is told of as ``Interrupted`` or ``KeyboardInterrupt``.
    """
    spawn = multiprocessing.get_context("spawn")
    stop = spawn.Event()
    executor = ProcessPoolExecutor(processes, spawn, _begin, (stop,))
    try:
        with starting(threads(1)):
            for _ in range(processes):  # each starts a process, as none is idle yet
                executor.submit(os.getpid)
        yield Pool(executor)
    except BaseException as error:
        stop.set()
        _end(executor)
        if isinstance(error, KeyboardInterrupt):
            raise Interrupted("stopped") from error
        raise
    executor.shutdown()


def _end(executor: ProcessPoolExecutor) -> None:
    """Let jobs under way save their state; after a second Ctrl-C they may not."""
    children = multiprocessing.active_children()
    try:
        for child in children:
            interrupt(child)
        executor.shutdown(cancel_futures=True)
    except KeyboardInterrupt:
        for child in children:
            child.kill()


def _begin(stop: Event) -> None:
    import torch

    leave_terminal()
    torch.set_num_threads(1)
    _stop.append(stop)


def _heard(job: Callable[[Given], Found], given: Given) -> Found:
    """Do a job that hears Ctrl-C; between jobs a process ignores it."""
    with handling(signal.SIGINT, signal.default_int_handler):
        if _stop[0].is_set():
            raise Interrupted("stopped before it began")
        return job(given)

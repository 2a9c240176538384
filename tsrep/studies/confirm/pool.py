"""Jobs side by side in processes that Ctrl-C stops together, each after it has saved what it can."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.synchronize import Event
from typing import TypeVar

import torch

from tsrep.studies.work.children import deaf, environment, leave_terminal, threads
from tsrep.training.interrupt import Interrupted

Given = TypeVar("Given")
Found = TypeVar("Found")
_stop: list[Event] = []  # of a child: whether its parent wants it to end


@dataclass(frozen=True)
class Pool:
    """Processes that take jobs."""

    executor: ProcessPoolExecutor

    def map(self, job: Callable[[Given], Found], given: Sequence[Given]) -> list[Found]:
        """What the job makes of each; it and what it takes and gives can be sent to another process."""
        return [future.result() for future in [self.executor.submit(_heard, job, one) for one in given]]


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
        with environment(threads(1)), deaf():
            for _ in range(processes):  # each starts a process, as none is idle yet
                executor.submit(_nothing)
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
            with suppress(OSError):  # it ended just now
                os.kill(child.pid or os.getpid(), signal.SIGINT)
        executor.shutdown(cancel_futures=True)
    except KeyboardInterrupt:
        for child in children:
            child.kill()


def _begin(stop: Event) -> None:
    leave_terminal()
    torch.set_num_threads(1)
    _stop.append(stop)


def _nothing() -> None:
    """The first job of a process."""


def _heard(job: Callable[[Given], Found], given: Given) -> Found:
    """Do a job that hears Ctrl-C; between jobs a process ignores it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        if _stop[0].is_set():
            raise Interrupted("stopped before it began")
        return job(given)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)

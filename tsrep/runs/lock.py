"""One process at a time writes into the folder of a run."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from tsrep.errors import RunError
from tsrep.files import unwritable
from tsrep.runs.naming import whole_of

FILE = ".lock"


@contextmanager
def locked(folder: Path, *, wait: bool = False) -> Iterator[None]:
    """A folder that no other process trains or scores meanwhile; a run of several seeds is one.

    The lock is the operating system's, which frees it when a process ends in whatever way.

    Parameters
    ----------
    folder : Path
        Of a run, or of scores on other data.
    wait : bool
        Wait until another process has ended, which is told on standard error, in place of refusing.

    Raises
    ------
    RunError
        When another process holds it, or the folder cannot be written.
    """
    folder = whole_of(folder)
    lock = FileLock(folder / FILE, timeout=0)
    try:
        _acquire(lock, folder, wait)
    except OSError as error:
        raise unwritable(folder, error) from error
    try:
        yield
    finally:
        lock.release()


def _acquire(lock: FileLock, folder: Path, wait: bool) -> None:
    try:
        lock.acquire()
    except Timeout as taken:
        if not wait:
            raise RunError(
                f"{folder} is being trained or scored by another process; wait until that has ended"
            ) from taken
        print(f"tsrep: waiting for another process that writes into {folder}", file=sys.stderr)
        lock.acquire(timeout=-1)

"""A study's journal: the file that holds it where no database does."""

from __future__ import annotations

import json
import mmap
from pathlib import Path

from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

from tsrep.errors import RunError

BEGINNING = b'{"op_code"'
GRACE = 10  # seconds after which the lock of a process that was killed while writing is broken


class RepairingLock(JournalFileOpenLock):
    """A lock that cuts off the half line of a process that was killed while writing.

    Without it the next line would be glued to that half, and every reader would refuse the file.
    """

    def __init__(self, journal: Path) -> None:
        super().__init__(str(journal), grace_period=GRACE)
        self._journal = journal

    def acquire(self) -> bool:
        """Wait for the lock, then repair."""
        acquired = super().acquire()
        try:
            _cut_half_line(self._journal)
        except BaseException:
            self.release()
            raise
        return acquired


def open_journal(path: Path) -> JournalStorage:
    """The storage in a journal, which is made where there is none.

    The path must be absolute: Optuna's locks never recover from a killed process with a relative one.

    Raises
    ------
    RunError
        When the file is of another kind, broken, or cannot be read or made.
    """
    path = path.resolve()
    try:
        if path.exists():
            _refuse_broken(path)
        return JournalStorage(JournalFileBackend(str(path), lock_obj=RepairingLock(path)))
    except OSError as error:
        raise RunError(
            f"{path} cannot be used ({error.strerror or error}); give another --storage"
        ) from error
    except (ValueError, KeyError, TypeError, AssertionError) as error:
        raise RunError(
            f"{path} is not a journal that this version of optuna can read ({type(error).__name__}); restore "
            "it, or start the study in another folder"
        ) from error


def _refuse_broken(path: Path) -> None:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n") and BEGINNING.startswith(line[: len(BEGINNING)]):
                return  # half a line, which the next writer cuts off
            if not _whole(line):
                raise RunError(
                    f"line {number} of {path} is not one of an Optuna journal; restore the file from a copy, "
                    "or start the study in another folder"
                )


def _whole(line: bytes) -> bool:
    try:
        record = json.loads(line)
    except ValueError:
        return False
    return line.endswith(b"\n") and isinstance(record, dict) and {"op_code", "worker_id"} <= record.keys()


def _cut_half_line(path: Path) -> None:
    with path.open("r+b") as file:
        if size := file.seek(0, 2):
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as lines:
                end = lines.rfind(b"\n") + 1
            if end < size:
                file.truncate(end)

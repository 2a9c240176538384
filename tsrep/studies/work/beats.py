"""Signs of life of a trial, and how others tell that its worker is dead.

Optuna has heartbeats for databases alone. These are user attributes, so that they work on any storage; no
clock of another machine is trusted.
"""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from filelock import FileLock, Timeout
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from tsrep.studies.keep.storage import faults
from tsrep.studies.keep.tickets import requeue

WHY = "its worker died"


@dataclass(frozen=True)
class Pace:
    """How often a running trial shows that it lives, and how long it may be silent, in seconds."""

    interval: float = 30.0
    grace: float = 120.0


@contextmanager
def living(workers: Path) -> Iterator[str]:
    """A new worker's id, whose lock file in ``workers`` is locked as long as the process lives.

    The file stays when the block ends with an error, so that a trial left behind is found at once.
    """
    name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
    path = workers / f"{name}.lock"
    workers.mkdir(parents=True, exist_ok=True)
    with FileLock(path):
        yield name
        path.unlink(missing_ok=True)


@contextmanager
def beating(trial: optuna.Trial, worker: str, interval: float) -> Iterator[None]:
    """Show every ``interval`` seconds that the trial runs in this worker.

    Raises
    ------
    UpdateFinishedTrialError
        At the beginning, when the trial was taken from this worker.
    """
    trial.set_user_attr("worker", worker)
    trial.set_user_attr("beat", 0)
    ended = threading.Event()
    silent: tuple[type[Exception], ...] = (*faults(), OSError)

    def beat() -> None:
        count = 0
        while not ended.wait(interval):
            count += 1
            try:
                trial.set_user_attr("beat", count)
            except UpdateFinishedTrialError:
                return  # the trial was taken; its result will be refused
            except silent:
                continue  # the storage is away; others are as blind as this worker meanwhile

    thread = threading.Thread(target=beat, name="beat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


class Reaper:
    """Puts tickets of dead workers back.

    Parameters
    ----------
    study : optuna.Study
    workers : Path
        Where workers on this machine have their locks.
    grace : float
        Seconds without a beat after which a trial on another machine counts as dead.
    """

    def __init__(self, study: optuna.Study, workers: Path, grace: float) -> None:
        self._study, self._workers, self._grace = study, workers, grace
        self._seen: dict[int, tuple[Any, float]] = {}

    def reap(self) -> int:
        """Put back what runs nowhere any more; returns how many trials that were."""
        running = self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        self._seen = {trial.number: self._last_change(trial) for trial in running}
        return sum(map(self._reap_one, running))

    def _reap_one(self, trial: FrozenTrial) -> bool:
        path = self._lock_file(trial)
        if path is None:
            silent = time.monotonic() - self._seen[trial.number][1]
            return silent > self._grace and requeue(self._study, trial.number, WHY)
        try:
            with FileLock(path, timeout=0):
                taken = requeue(self._study, trial.number, WHY)
                path.unlink(missing_ok=True)
                return taken
        except Timeout:
            return False  # it lives, however slowly it beats

    def _lock_file(self, trial: FrozenTrial) -> Path | None:
        """The lock of the trial's worker, where that is on this machine and has this folder."""
        worker = str(trial.user_attrs.get("worker", ""))
        path = self._workers / f"{worker}.lock"
        here = worker.rsplit("-", 2)[0] == socket.gethostname()
        return path if here and path.exists() else None

    def _last_change(self, trial: FrozenTrial) -> tuple[Any, float]:
        beat = trial.user_attrs.get("beat")
        before = self._seen.get(trial.number)
        return before if before is not None and before[0] == beat else (beat, time.monotonic())

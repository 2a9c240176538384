"""Signs of life of a study trial, and how other workers find that its worker is dead.

Each worker holds a lock file as long as its process lives, so that others on its machine know at once, even
of one that is too busy to show it. Other machines go by Optuna's heartbeats, which databases have. Journals
have none and are for one machine. No clock of another machine is trusted.
"""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import optuna
from filelock import FileLock, Timeout
from optuna.storages._heartbeat import BaseHeartbeat
from optuna.trial import FrozenTrial, TrialState

from tsrep.studies.keep.storage import FAULTS
from tsrep.studies.keep.tickets import requeue

WHY = "its worker died"


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
def heartbeats(trial: optuna.Trial, worker: str, interval: float) -> Iterator[None]:
    """Say which worker runs a trial; where the storage has heartbeats, record one every ``interval`` seconds.

    Raises
    ------
    UpdateFinishedTrialError
        At the beginning, when the trial was taken from this worker.
    """
    storage, ended = trial.study._storage, threading.Event()
    if not isinstance(storage, BaseHeartbeat):
        trial.set_user_attr("worker", worker)
        yield
        return

    def record() -> None:
        while not ended.wait(interval):
            with suppress(*FAULTS, OSError):  # the storage is away; others are as blind meanwhile
                storage.record_heartbeat(trial._trial_id)

    storage.record_heartbeat(trial._trial_id)  # before there is a worker of whom heartbeats are expected
    trial.set_user_attr("worker", worker)
    thread = threading.Thread(target=record, name="heartbeats", daemon=True)
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
        Seconds after which a running trial is given up of which neither a lock nor heartbeats say anything.
    """

    def __init__(self, study: optuna.Study, workers: Path, grace: float) -> None:
        self._study, self._workers, self._grace = study, workers, grace
        self._first_seen: dict[int, float] = {}

    def reap(self) -> int:
        """Put back what runs nowhere any more; returns how many trials that were."""
        running = self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        now = time.monotonic()
        self._first_seen = {trial.number: self._first_seen.get(trial.number, now) for trial in running}
        storage, study_id = self._study._storage, self._study._study_id
        # Optuna's fail_stale_trials would also fail trials whose lock says that they live
        stale = storage._get_stale_trial_ids(study_id) if isinstance(storage, BaseHeartbeat) else None
        return sum(self._reap_one(trial, stale) for trial in running)

    def _reap_one(self, trial: FrozenTrial, stale: list[int] | None) -> bool:
        worker = str(trial.user_attrs.get("worker", ""))
        path = self._workers / f"{worker}.lock"
        here = stale is None or worker.rsplit("-", 2)[0] == socket.gethostname()
        if here and path.exists():
            try:
                with FileLock(path, timeout=0):
                    taken = requeue(self._study, trial.number, WHY)
                    path.unlink(missing_ok=True)
                    return taken
            except Timeout:
                return False  # it lives, however silent it is
        waited = time.monotonic() - self._first_seen[trial.number]
        dead = trial._trial_id in stale if worker and stale is not None else waited > self._grace
        return dead and requeue(self._study, trial.number, WHY)

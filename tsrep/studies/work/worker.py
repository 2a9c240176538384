"""One worker of a study: takes tickets until none is left."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler
from optuna.trial import TrialState

from tsrep.errors import ConfigError, RunError, TsrepError
from tsrep.studies.keep.place import Place
from tsrep.studies.keep.storage import FAULTS, PACE, Pace, opened_storage
from tsrep.studies.keep.tickets import Progress, finish, lost, progress, requeue, take, top_up
from tsrep.studies.work.heartbeats import Reaper, heartbeats, living
from tsrep.studies.work.processes import handling
from tsrep.training.interrupt import Interrupted, stop_requests

Values = float | tuple[float, ...]
INTERRUPTED = "it was interrupted"
POLL = 1.0  # seconds between looks at what other workers do


@dataclass(frozen=True)
class Job:
    """What workers are to do; it can be sent to another process.

    Attributes
    ----------
    study : str
        Its name in the storage, where it exists.
    folder : Path
        The study's :class:`~tsrep.studies.keep.place.Place`.
    storage : str or None
        Its address, with the password where one is needed.
    run_trial : callable
        ``run_trial(trial, folder)`` returns the value or values. It may raise ``TrialPruned``,
        ``Interrupted``, and RunError or ConfigError for a trial that failed for a reason of its own.
    sampler : callable
        ``sampler(ticket)`` makes the sampler for a ticket. A seed that depends on the ticket keeps
        workers and resumed studies from drawing the same points again.
    pruner : BasePruner
    pace : Pace
    until : float or None
        Time (seconds since the epoch) after which no ticket is taken.
    """

    study: str
    folder: Path
    storage: str | None
    run_trial: Callable[[optuna.Trial, Path], Values]
    sampler: Callable[[int], BaseSampler]
    pruner: BasePruner
    pace: Pace = PACE
    until: float | None = None

    @contextmanager
    def opened(self) -> Iterator[optuna.Study]:
        """The study, as long as the block runs.

        Raises
        ------
        ConfigError, RunError
            When the storage cannot be opened, or has no such study.
        """
        with opened_storage(self.storage, self.folder, self.pace) as storage:
            try:
                study = optuna.load_study(
                    study_name=self.study, storage=storage, sampler=self.sampler(0), pruner=self.pruner
                )
            except KeyError as error:
                raise RunError(
                    f"the storage has no study {self.study}; give the --storage that it was begun with"
                ) from error
            yield study


def work(job: Job, watch: Callable[[Progress], None] = lambda _progress: None) -> None:
    """Take tickets until all have ended or the time is over.

    Parameters
    ----------
    job : Job
    watch : callable
        Called with the progress after every ticket.

    Raises
    ------
    Interrupted
        On Ctrl-C or SIGTERM; the trial under way is put back.
    RunError
        When the storage stops answering.
    """
    place = Place(job.folder)
    with (
        job.opened() as study,
        handling(signal.SIGTERM, signal.default_int_handler),  # puts the trial under way back, as Ctrl-C does
        living(place.workers) as worker,
    ):
        reaper = Reaper(study, place.workers, job.pace.grace)
        try:
            while job.until is None or time.time() < job.until:
                reaper.reap()
                with stop_requests() as request:  # a ticket that is being taken is not left behind
                    trial = take(study)
                if trial is not None and request.is_set():
                    requeue(study, trial.number, INTERRUPTED, counted=False)
                if request.is_set():
                    raise KeyboardInterrupt
                if trial is not None:
                    _attempt(study, trial, job, place.trial(trial.user_attrs["ticket"]), worker)
                watch(state := progress(study))
                if trial is None and not _wait(study, state, job.pace):
                    return
        except KeyboardInterrupt:
            raise Interrupted("stopped between two trials") from None


def _wait(study: optuna.Study, state: Progress, pace: Pace) -> bool:
    """Wait for trials of other workers, which may come back; False when there is nothing to wait for."""
    if lost(study):
        top_up(study, 0)
        return True
    if state.running + state.waiting == 0:
        return False
    time.sleep(min(POLL, pace.interval))
    return True


def _attempt(study: optuna.Study, trial: optuna.Trial, job: Job, folder: Path, worker: str) -> None:
    """Run a trial and tell how it ended, unless it was taken from this worker meanwhile."""
    try:
        study.sampler = job.sampler(trial.user_attrs["ticket"])
        folder.mkdir(parents=True, exist_ok=True)
        with heartbeats(trial, worker, job.pace.interval):
            values, state = _result(trial, job, folder)
    except UpdateFinishedTrialError:
        return
    except (Interrupted, KeyboardInterrupt) as error:
        requeue(study, trial.number, INTERRUPTED, counted=False)
        raise Interrupted(f"stopped in trial {folder.name}, which is put back") from error
    except Exception as error:
        outer = isinstance(error, (TsrepError, *FAULTS))  # of data or storage, so no fault of this trial
        with suppress(*FAULTS):
            requeue(study, trial.number, f"{type(error).__name__}: {error}", counted=not outer)
        raise
    finish(study, trial.number, values, state)


def _result(trial: optuna.Trial, job: Job, folder: Path) -> tuple[Values | None, TrialState]:
    """Values and state; a failure's reason is told as ``why``."""
    try:
        values = job.run_trial(trial, folder)
    except optuna.TrialPruned:
        return None, TrialState.PRUNED
    except Interrupted:
        raise
    except (RunError, ConfigError) as error:
        why = str(error)
    except Exception as error:
        torch = sys.modules.get("torch")
        if not isinstance(error, MemoryError if torch is None else (MemoryError, torch.OutOfMemoryError)):
            raise
        why = "out of memory"
    else:
        if np.isfinite(values).all():
            return values, TrialState.COMPLETE
        why = f"its value is {values}"
    trial.set_user_attr("why", why)
    return None, TrialState.FAIL

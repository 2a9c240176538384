"""Workers of a study as jobs of a Slurm cluster, by submitit."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import make_url

from tsrep.errors import ConfigError, RunError
from tsrep.studies.keep.storage import JOURNAL
from tsrep.studies.study import Study, open_study
from tsrep.studies.work.processes import handling
from tsrep.studies.work.worker import work
from tsrep.training.interrupt import Interrupted

if TYPE_CHECKING:
    from submitit import Job


@dataclass(frozen=True)
class Resources:
    """What each job asks the cluster for.

    Attributes
    ----------
    hours : float
        Time limit; the trial under way is put back with its state before it is over.
    cpus, gpus : int
    memory : float
        In GB.
    options : mapping of str to str
        Further options of ``sbatch``, such as ``{"partition": "gpu", "account": "lab"}``.
    """

    hours: float = 4.0
    cpus: int = 1
    gpus: int = 0
    memory: float = 8.0
    options: Mapping[str, str] = field(default_factory=dict)


def submit(study: Study, jobs: int, resources: Resources, *, cluster: str = "slurm") -> list[Job[str]]:
    """Submit jobs with a worker each, which take trials until none is left or their time is over.

    Parameters
    ----------
    study : Study
        Its folder must be reachable under the same path from all machines of the cluster.
    jobs : int
    resources : Resources
    cluster : str
        ``"slurm"``, or ``"local"`` for processes of this machine.

    Returns
    -------
    list of submitit.Job
        What they print is in ``jobs/`` of the study's folder.

    Raises
    ------
    ConfigError
        When submitit is missing, the address of the storage has a password, or the storage is a file, which
        machines cannot share.
    RunError
        When there is no such cluster here, or it refuses the jobs.
    """
    if find_spec("submitit") is None:
        raise ConfigError("jobs of a cluster need submitit; install it with: pip install 'tsrep[slurm]'")
    import submitit
    from submitit.core.utils import FailedJobError

    _refuse_secrets(study.storage)
    if cluster == "slurm":
        _refuse_file(study.place.storage)
    try:
        executor = submitit.AutoExecutor(study.folder / "jobs", cluster=cluster)
        executor.update_parameters(
            name=study.definition.study,
            timeout_min=max(1, round(60 * resources.hours)),
            cpus_per_task=resources.cpus,
            gpus_per_node=resources.gpus,
            mem_gb=resources.memory,
            slurm_additional_parameters=dict(resources.options),
        )
        with executor.batch():
            given = study.folder, study.storage, resources.hours, resources.cpus
            return [executor.submit(_take_trials, *given) for _ in range(jobs)]
    except (RuntimeError, OSError, FailedJobError) as error:
        raise RunError(
            f"no job was submitted ({str(error).strip()}); submit from a machine on which sbatch works"
        ) from error


def _refuse_secrets(storage: str | None) -> None:
    """What a job is given is written to a file."""
    if storage is None or storage == JOURNAL:
        return
    address = make_url(storage)
    if address.password or "password" in address.query:
        raise ConfigError(
            "--storage has a password, which jobs would write to files; leave it out, and set PGPASSWORD or "
            "~/.pgpass"
        )


def _refuse_file(storage: str) -> None:
    if not storage.startswith("postgresql"):
        raise ConfigError(
            f"the trials are in {storage}, a file of this machine; jobs on several machines need a study "
            "that was begun with --storage postgresql+psycopg://USER@HOST/DATABASE"
        )


def _take_trials(folder: Path, storage: str | None, hours: float, threads: int) -> str:
    """What a job does; it says how it ended."""
    import torch

    torch.set_num_threads(threads)
    with handling(signal.SIGUSR2, _terminate):  # what Slurm sends before the time is over
        try:
            work(open_study(folder, storage=storage).job(hours))
        except Interrupted as stopped:
            return str(stopped)
    return "no trial is left to begin, or no time"


def _terminate(*_signal: object) -> None:
    os.kill(os.getpid(), signal.SIGTERM)

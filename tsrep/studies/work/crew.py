"""The workers of a study on this machine, each a process with its share of cores and a GPU of its own."""

from __future__ import annotations

import multiprocessing
import os
import shlex
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any

import optuna
from rich.console import Console

from tsrep.errors import RunError, TsrepError
from tsrep.studies.keep.tickets import Progress, progress
from tsrep.studies.work.processes import interrupt, leave_terminal, starting, threads
from tsrep.studies.work.worker import POLL, Job, work
from tsrep.training.interrupt import Interrupted, stop_requests

DEATHS = 3  # for each worker, without a trial ending in between, until the crew gives up


def run_crew(job: Job, workers: int, resume: Sequence[str]) -> Progress:
    """Work on a study with processes of this machine; one worker is this process.

    Parameters
    ----------
    job : Job
    workers : int
    resume : sequence of str
        The command that resumes the study, for whom interrupts it.

    Returns
    -------
    Progress
        At the end.

    Raises
    ------
    Interrupted
        On Ctrl-C or SIGTERM; trials under way have saved their state and are put back.
    ConfigError, RunError
        When the storage cannot be used, or workers keep dying.
    """
    with job.opened() as study, progress_line(job.study) as show:
        show(progress(study))
        try:
            if workers == 1:
                work(job, show)
            else:
                _Crew(job, workers, study, show).run()
        except (Interrupted, KeyboardInterrupt) as error:
            raise Interrupted(
                f"stopped with {progress(study).done} trials done, which are kept; resume with: "
                f"{shlex.join(resume)}"
            ) from error
        show(end := progress(study))
        return end


def usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def gpus() -> list[str]:
    """GPUs that this process may use, as ``CUDA_VISIBLE_DEVICES`` names them."""
    import torch

    count = torch.cuda.device_count()
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return (visible.split(",") if visible else [str(k) for k in range(count)])[:count]


@dataclass
class _Member:
    """A process, and the pipe on which it tells what went wrong."""

    process: SpawnProcess
    pipe: Connection[Any, Any]


@dataclass
class _Crew:
    job: Job
    workers: int
    study: optuna.Study
    show: Callable[[Progress], None]
    members: list[_Member] = field(default_factory=list)
    deaths: int = 0
    ended_at_death: int = 0

    def run(self) -> None:
        """Start the workers, replace those that die, and wait for all."""
        self.share = max(1, usable_cores() // self.workers)
        self.gpus = gpus()
        try:
            with stop_requests() as request:
                self.members = [self._start(index) for index in range(self.workers)]
                while any(member.process.exitcode != 0 for member in self.members) and not request.is_set():
                    wait([m.process.sentinel for m in self.members if m.process.exitcode is None], POLL)
                    if not request.is_set():
                        self._replace_dead()
                        self.show(progress(self.study))
                if request.is_set():
                    raise Interrupted("stopped")
        except TsrepError:
            self._stop()
            raise
        finally:
            for member in self.members:
                member.process.kill()  # only what is left after a second Ctrl-C
                member.process.join()

    def _start(self, index: int) -> _Member:
        spawn = multiprocessing.get_context("spawn")
        ours, theirs = spawn.Pipe()
        process = spawn.Process(target=_member, args=(self.job, theirs))
        settings = threads(self.share)
        if self.gpus:
            settings["CUDA_VISIBLE_DEVICES"] = self.gpus[index % len(self.gpus)]
        with starting(settings):
            process.start()
        theirs.close()
        return _Member(process, ours)

    def _replace_dead(self) -> None:
        for index, member in enumerate(self.members):
            if member.process.exitcode in (None, 0):
                continue
            if (told := _received(member.pipe)) is not None:
                raise told
            self._count_death(member.process.exitcode)
            self.members[index] = self._start(index)

    def _count_death(self, code: int | None) -> None:
        ended = progress(self.study).done
        if ended > self.ended_at_death:
            self.deaths, self.ended_at_death = 0, ended
        self.deaths += 1
        if self.deaths > DEATHS * self.workers:
            how = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
            raise RunError(
                f"workers of {self.job.study} keep dying (last by {how}) before any trial ends; see what "
                "they wrote to standard error"
            )

    def _stop(self) -> None:
        """Ask all to put their trials back, and wait for it."""
        for member in self.members:
            with suppress(OSError):  # it ended just now
                member.pipe.send("stop")  # for one that does not listen to signals yet
            interrupt(member.process)
        for member in self.members:
            member.process.join()


def _received(pipe: Connection[Any, Any]) -> TsrepError | None:
    """What a worker that ended told, if anything."""
    try:
        error = pipe.recv() if pipe.poll() else None
    except (EOFError, OSError):
        return None
    return error if isinstance(error, TsrepError) else None


def _member(job: Job, pipe: Connection[Any, Any]) -> None:
    """What a worker process does."""
    leave_terminal()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    if pipe.poll():
        sys.exit(Interrupted.exit_code)
    try:
        work(job)
    except (Interrupted, KeyboardInterrupt):
        sys.exit(Interrupted.exit_code)
    except TsrepError as error:
        pipe.send(type(error)(str(error)))
        sys.exit(error.exit_code)


@contextmanager
def progress_line(study: str, console: Console | None = None) -> Iterator[Callable[[Progress], None]]:
    """What shows the progress: kept up to date on a terminal; elsewhere a line whenever a trial ended.

    Parameters
    ----------
    study : str
        Name to begin with.
    console : Console, optional
        By default standard error.
    """
    console = console or Console(stderr=True)
    status = console.status(study) if console.is_terminal else None
    done = -1

    def show(progress: Progress) -> None:
        nonlocal done
        line = f"{study}  {progress}"
        if status is not None:
            status.update(line)
        elif progress.done != done:
            console.print(line, markup=False, highlight=False, soft_wrap=True)
        done = progress.done

    with status or nullcontext():
        yield show

"""Stand-ins for trials that train: they climb in steps and are resumed where they were stopped."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import optuna
from optuna.samplers import RandomSampler

from tsrep.errors import RunError
from tsrep.studies.keep.place import Place
from tsrep.studies.keep.storage import Pace, opened_storage
from tsrep.studies.keep.tickets import top_up
from tsrep.studies.work.worker import Job, Values
from tsrep.training.interrupt import Interrupted, stop_requests

STEPS = 6
PACE = Pace(interval=1, grace=2)


def climb(trial: optuna.Trial, folder: Path, step_seconds: float = 0.05) -> Values:
    """Six steps; stops between two of them when asked to."""
    x = trial.suggest_float("x", 0.0, 1.0)
    with stop_requests() as request:
        while len(steps(folder)) < STEPS:
            step(folder, x)
            time.sleep(step_seconds)
            if request.is_set():
                raise Interrupted("stopped between two steps")
    return x


def stall(trial: optuna.Trial, folder: Path) -> Values:
    """Climb, but the first who does so in ticket 1 hangs after three steps."""
    hangs = trial.user_attrs["ticket"] == 1 and not steps(folder)
    for _ in range(3 if hangs else 0):
        step(folder, trial.suggest_float("x", 0.0, 1.0))
    if hangs:
        time.sleep(120)
    return climb(trial, folder, 0.02)


def die(trial: optuna.Trial, folder: Path, deaths: dict[int, int]) -> Values:
    """Climb, but be killed some times in the middle of some tickets."""
    file = folder / "deaths"
    before = int(file.read_text()) if file.exists() else 0
    if before < deaths.get(trial.user_attrs["ticket"], 0):
        trial.suggest_float("x", 0.0, 1.0)
        file.write_text(str(before + 1))
        os.kill(os.getpid(), signal.SIGKILL)
    return climb(trial, folder, 0.0)


def stumble(trial: optuna.Trial, folder: Path) -> Values:
    """Fail in all the ways that a trial can, by ticket."""
    ticket = trial.user_attrs["ticket"]
    if ticket == 0:
        raise RunError("the loss is not finite")
    if ticket == 1:
        trial.report(0.5, 1)
        raise optuna.TrialPruned
    if ticket == 2:
        return float("nan")
    if ticket == 3:
        raise MemoryError
    return climb(trial, folder, 0.0)


def meet(trial: optuna.Trial, folder: Path, workers: int) -> Values:
    """Wait for all workers to be here, and tell the threads that each has."""
    import torch

    trial.set_user_attr("threads", torch.get_num_threads())
    trial.set_user_attr("environment", [os.environ[name] for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")])
    (folder / "here").touch()
    until = time.monotonic() + 60
    while len(list(folder.parent.glob("*/here"))) < workers and time.monotonic() < until:
        time.sleep(0.05)
    return float(os.getpid())


def step(folder: Path, x: float) -> None:
    """Take the next one."""
    line = json.dumps({"step": len(steps(folder)), "x": x, "pid": os.getpid()}) + "\n"
    with (folder / "steps.jsonl").open("a") as file:
        file.write(line)


def steps(folder: Path) -> list[dict[str, Any]]:
    """Steps that were taken in a trial's folder."""
    file = folder / "steps.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def seeded(ticket: int) -> RandomSampler:
    return RandomSampler(seed=ticket)


def new_job(folder: Path, storage: str | None, run_trial: Any = climb, tickets: int = 6, **more: Any) -> Job:
    """A study with so many tickets, the first with a preset."""
    place = Place.create(folder, "study: climbing\n", storage)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with opened_storage(storage, place.folder) as opened:
        study = optuna.create_study(study_name="climbing", storage=opened)
        top_up(study, tickets, [("preset:known", {"x": 0.25})])
    pruner = optuna.pruners.NopPruner()
    return Job("climbing", place.folder, storage, run_trial, seeded, pruner, **{"pace": PACE, **more})


def crew_of_two(folder: str) -> None:
    """What the command of a study would do, with slow steps."""
    from tsrep.studies.work.crew import run_crew

    job = new_job(Path(folder), None, partial(climb, step_seconds=0.1), tickets=4)
    try:
        run_crew(job, 2, ["tsrep", "study", "resume", "climbing"])
    except Interrupted as stopped:
        print(stopped)
        sys.exit(stopped.exit_code)

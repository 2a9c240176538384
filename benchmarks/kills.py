"""Processes that are killed at any moment: nothing is lost, and what is resumed ends with the same numbers.

The renames, new folders and files opened for writing of `tsrep fit --evaluate` are counted, from those of
the folder that is renamed to the run on, and a run is killed before and after each of them; then at random
moments of conversion, training, evaluation and report, and so are the workers of a study on a journal, and
on PostgreSQL where `initdb` and `postgres` are found, in a temporary server. Each time the command is given
again, with --resume where there is a run, and weights and scores are compared with those of a run that
nobody killed. The table is kept in a file, with which a second call goes on:

    OMP_NUM_THREADS=1 python benchmarks/kills.py --table kills.jsonl
    OMP_NUM_THREADS=1 python benchmarks/kills.py --quick
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import torch
from children import Ended, Table, child
from optuna.trial import TrialState

import tsrep
from tsrep.digests import sha256_of
from tsrep.evaluation.scores import Scores
from tsrep.report import write_report
from tsrep.runs.evaluate import evaluate
from tsrep.runs.fit import fit
from tsrep.studies.define.definition import define
from tsrep.studies.keep.tickets import by_ticket
from tsrep.studies.study import begin
from tsrep.studies.work.worker import work

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.studies.postgres_server import binaries, new_database, running_server

CONFIG: dict[str, Any] = {
    "dataset": {"name": "ptb-xl-sim", "patients": 60, "records_per_patient": 1.0},
    "window": {"seconds": 1.25, "hop_seconds": 2.5},
    "encoder": {"name": "dilated-conv", "hidden": 4, "dim": 8, "depth": 3},
    "objective": {"name": "moco", "hidden": 16, "projection": 8, "queue": 64},  # a queue and a slow copy
    "training": {"epochs": 3, "batch_size": 32, "log_every": 2},
    "evaluation": {
        "protocols": ["probe", "knn"],
        "labels": [1.0],
        "subsample_by": ["sample"],
        "seeds": 1,
        "n_bootstrap": 100,
    },
}
MADE = {"evaluation": ("scores.json", "predictions.npz"), "report": ("report.html",)}  # of a run, anew
AT_ONCE = 5  # kills of one study
TRIALS, STUDY_OF = (
    12,
    {
        "version": 1,
        "study": "kills",
        "question": "Which temperature is best?",
        "cost": "seconds",
        "config": {
            **{name: CONFIG[name] for name in ("dataset", "window", "encoder")},
            "objective": {
                "name": "simclr",
                "temperature": {"float": [0.05, 0.5], "log": True},
                "hidden": 16,
                "projection": 8,
            },
            "training": {"epochs": 1, "batch_size": 32},
        },
        "sampler": {"name": "random"},
        "budget": {"trials": 12},
    },
)
Facts = dict[str, Any]


def facts(run: Path) -> Facts:
    """What must be the same: weights byte for byte, scores and the page."""
    return {
        "encoder": sha256_of(run / "encoder.safetensors"),
        "weights": sha256_of(run / "weights.safetensors"),
        "scores": [(score.identity, score.metrics) for score in Scores.load(run)],
        "page": (run / "report.html").is_file(),
    }


def train(out: Path) -> None:
    """The command without its page, or the same with --resume where there is a run."""
    begun = (out / "config.yaml").is_file()
    fit(**({"resume": out} if begun else {"config": CONFIG, "out": out}), progress=False, evaluation=True)


def convert(out: Path) -> None:
    """Decode recordings into a cache that is empty; the run is trained from it."""
    os.environ["TSREP_CACHE"] = str(out.with_name(f"{out.name}-cache"))
    tsrep.load(CONFIG["dataset"], progress=False)


def score(out: Path) -> None:
    """Score a run that was trained, without its page."""
    evaluate(out, progress=False)


def killed_at(point: int, after: bool, work: Callable[[], object]) -> None:
    """Do the work until a write or rename of a run folder, counted from 0; the kill is the system's."""
    seen, due = -1, False

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal seen, due
        if due:  # the first event of any kind behind the one that was waited for
            due = False  # a kill is an event too
            os.kill(os.getpid(), signal.SIGKILL)
        if _writes(event, arguments):
            seen += 1
            if seen == point and not after:
                os.kill(os.getpid(), signal.SIGKILL)
            due = seen == point

    sys.addaudithook(watch)
    work()


def _writes(event: str, arguments: tuple[Any, ...]) -> bool:
    """Whether an event changes what is in the folder of a run, or in the one that is renamed to it."""
    path = str(arguments[0]) if arguments else ""
    if not re.search(r"/\.?run-", path):
        return False
    if event == "open":
        _, mode, flags = arguments
        return any(c in str(mode or "") for c in "wax") or bool(flags & os.O_WRONLY)
    return event == "os.rename" or (event == "os.mkdir" and not Path(path).exists())


def killed_within(seconds: float, work: Callable[[], object]) -> None:
    """Do the work until the system ends the process, after so many seconds of a processor."""
    signal.setitimer(signal.ITIMER_PROF, seconds)  # its signal ends a process at once
    work()


def killed_after(seconds: float, work: Callable[[], object]) -> None:
    """Do the work for so long."""
    threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGKILL)).start()
    work()


def ended(first: Ended, again: Ended, out: Path, wanted: Facts) -> str:
    """One word or sentence on what became of a run."""
    if again.code:
        return f"not resumed: {again.text.splitlines()[-1] if again.text else again.code}"
    if not (out / "config.yaml").is_file():
        return "lost"
    found = facts(out)
    changed = [name for name in wanted if found[name] != wanted[name]]
    if changed:
        return f"other {', '.join(changed)}"
    return "same" if first.code in (-signal.SIGKILL, -signal.SIGPROF) else "not killed"


class Campaign:
    """Kills and their table, which is gone on with.

    Parameters
    ----------
    folder : Path
        For runs.
    table : Path
        A line of JSON for each kill.
    """

    def __init__(self, folder: Path, table: Path) -> None:
        self.folder, self.table = folder, Table(table)

    def done(self, phase: str, kill: str, make: Callable[[Path], str]) -> str:
        """What became of one kill; it is looked up where the table has it."""

        def attempt() -> str:
            out = self.folder / f"run-{phase}-{kill.replace(' ', '-')}"
            result = make(out)
            for left in self.folder.glob(f"*{out.name}*"):
                shutil.rmtree(left, ignore_errors=True)
            return result

        return self.table.ended(f"{phase}, {kill}", attempt)

    def writes(self, points: int, wanted: Facts) -> None:
        """Kills before and after each write and rename of a run, the first ones only if there are more."""

        def make(point: int, after: bool, out: Path) -> str:
            first = child(lambda: killed_at(point, after, lambda: train(out)), 120)
            return ended(first, child(lambda: train(out), 120), out, wanted)

        for point in range(points):
            for after in (False, True):
                when = f"{'after' if after else 'before'} {point}"
                if self.done("writes", when, partial(make, point, after)) == "not killed":
                    return

    def moments(self, phase: str, count: int, work: Callable[[Path], object], whole: Path) -> None:
        """Kills at random moments of one phase of a run; ``whole`` is what nobody killed."""
        draw = random.Random(phase)

        def begun(out: Path) -> None:
            if phase in MADE:
                shutil.copytree(whole, out)
                for name in MADE[phase]:
                    (out / name).unlink()

        def make(share: float, out: Path) -> str:
            begun(out)
            first = child(lambda: killed_within(share * seconds, lambda: work(out)), 120)
            again = child(lambda: work(out), 120)
            if phase == "conversion":
                again = child(lambda: (convert(out), train(out)), 120)
            return ended(first, again, out, facts(whole))

        rehearsal = self.folder / f"run-{phase}-rehearsal"
        begun(rehearsal)
        seconds = child(lambda: work(rehearsal), 120).seconds
        for number in range(count):
            self.done(phase, f"moment {number}", partial(make, draw.random() * 0.95))

    def studies(self, count: int) -> None:
        """Kills of one of two workers of studies on a journal and on PostgreSQL, a few in each study."""
        self._studies("study on a journal", count, lambda _: None)
        if binaries() is None:
            print("kills: PostgreSQL is not installed, so no study on it is killed", file=sys.stderr)
            return
        with running_server() as server:
            self._studies("study on PostgreSQL", count, partial(new_database, server))

    def _studies(self, phase: str, count: int, storage: Callable[[str], str | None]) -> None:
        for first in range(0, count, AT_ONCE):
            few = min(AT_ONCE, count - first)

            def make(out: Path, first: int = first, few: int = few) -> str:
                return killed_study(first, few, storage(f"kills{first}"), out)

            self.done(phase, f"{first} to {first + few - 1}", make)


def killed_study(first: int, count: int, storage: str | None, out: Path) -> str:
    """Let two workers of a study work and kill one of them, again and again; then let one end it."""
    job = begin(define(STUDY_OF, "the study"), folder=out, storage=storage).job()
    draw, other = random.Random(first), partial(child, partial(work, job), 300)
    killed = 0
    with ThreadPoolExecutor(1) as pool:
        beside = pool.submit(other)
        for _ in range(count):
            end = child(partial(killed_after, 0.3 + 3 * draw.random(), partial(work, job)), 60)
            killed += end.code == -signal.SIGKILL
        beside.result()
    again = other()
    with job.opened() as study:
        known = by_ticket(study)
    once = [[trial.state for trial in trials].count(TrialState.COMPLETE) == 1 for trials in known.values()]
    if again.code or len(once) != TRIALS or not all(once):
        return f"{sum(once)} of {TRIALS} tickets complete: {again.text[-200:]}"
    return f"{killed} of {count} killed, {ONCE}"


def main() -> None:
    """Kill, and print one JSON line."""
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("--table", type=Path)
    parser.add_argument("--points", type=int, default=100, help="writes and renames, at most")
    parser.add_argument("--moments", type=int, default=15, help="random kills of each phase")
    parser.add_argument("--studies", type=int, default=30, help="kills of workers of each kind of study")
    parser.add_argument("--quick", action="store_true", help="few of each")
    given = parser.parse_args()
    points, moments, studies = (6, 2, 2) if given.quick else (given.points, given.moments, given.studies)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        os.environ |= {"TSREP_DATA": f"{place}/data", "TSREP_CACHE": f"{place}/cache"}
        whole = folder / "whole"
        train(whole)  # here, so that forked processes have all modules
        wanted = facts(whole)
        campaign = Campaign(folder, given.table or folder / "kills.jsonl")
        campaign.writes(points, wanted)
        phases = {"conversion": convert, "training": train, "evaluation": score, "report": write_report}
        for phase, do in phases.items():
            if phase == "report":
                write_report(whole)
            campaign.moments(phase, moments, do, whole)
        campaign.studies(studies)
    rows = campaign.table.rows
    results = Counter((name.partition(",")[0], result) for name, result in rows.items())
    for (phase, result), number in sorted(results.items()):
        print(f"{phase:<20} {result:<12} {number:>4}")
    lost = {name: said for name, said in rows.items() if said not in RIGHT and not said.endswith(ONCE)}
    print(json.dumps({"name": "kills", "kills": len(rows), "failures": lost}))
    sys.exit(bool(lost))


RIGHT, ONCE = ("same", "not killed"), "each ticket once"

if __name__ == "__main__":
    main()

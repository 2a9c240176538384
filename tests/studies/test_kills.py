"""Workers that are killed, stopped and replaced: every ticket ends exactly once, where it was left off."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from optuna.trial import FrozenTrial, TrialState

from tests.studies.climbing import STEPS, climb, die, meet, new_job, stall, steps
from tests.studies.postgres_server import free_port, new_database, reason_to_skip, running_server
from tsrep.errors import RunError
from tsrep.studies.keep.place import Place
from tsrep.studies.keep.tickets import Progress, by_ticket, progress
from tsrep.studies.work import crew
from tsrep.studies.work.crew import run_crew
from tsrep.studies.work.worker import Job, work

SPAWN = multiprocessing.get_context("spawn")
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    if reason := reason_to_skip():
        pytest.skip(reason)
    pytest.importorskip("psycopg")
    with running_server() as address:
        yield address


def waited(what: Callable[[], bool], seconds: float = 40.0) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if what():
            return True
        time.sleep(0.01)
    return False


def looked(job: Job) -> tuple[Progress, dict[int, list[FrozenTrial]]]:
    with job.opened() as study:
        return progress(study), by_ticket(study)


def each_once(job: Job, tickets: int) -> dict[int, list[FrozenTrial]]:
    """All tickets complete, each by one trial that took each step once."""
    state, known = looked(job)
    assert state == Progress(tickets, tickets, 0, 0, 0, 0)
    for ticket, trials in known.items():
        assert [trial.state for trial in trials].count(TrialState.COMPLETE) == 1
        taken = steps(Place(job.folder).trial(ticket))
        assert [step["step"] for step in taken] == list(range(STEPS))
        assert len({step["x"] for step in taken}) == 1
    return known


def kill_one_of_two(job: Job, tickets: int) -> None:
    processes = [SPAWN.Process(target=work, args=(job,)) for _ in range(2)]
    for process in processes:
        process.start()
    folder = Place(job.folder).trial(1)
    try:
        assert waited(lambda: len(steps(folder)) == 3)
        victim, other = sorted(processes, key=lambda process: process.pid != steps(folder)[0]["pid"])
        victim.kill()
        victim.join()
        other.join(60)
        assert (victim.exitcode, other.exitcode) == (-signal.SIGKILL, 0)
    finally:
        for process in processes:
            process.kill()
            process.join()
    killed, retried = each_once(job, tickets)[1]
    assert killed.state == TrialState.FAIL
    assert retried.user_attrs["retry_of"] == killed.number
    assert retried.params == killed.params
    assert [step["pid"] for step in steps(folder)] == [victim.pid] * 3 + [other.pid] * 3


def test_a_killed_worker_costs_no_trial_with_a_journal(tmp_path: Path) -> None:
    kill_one_of_two(new_job(tmp_path / "study", None, stall), 6)


@pytest.mark.long
def test_a_killed_worker_costs_no_trial_with_postgresql(tmp_path: Path, server: str) -> None:
    kill_one_of_two(new_job(tmp_path / "study", new_database(server, "killed"), stall), 6)


@pytest.mark.long
def test_two_machines_share_a_study(tmp_path: Path, server: str) -> None:
    """Each has its own folder, so that a dead worker of the other is known by its silence alone."""
    database = new_database(server, "shared")
    job = new_job(tmp_path / "one", database, stall, tickets=4)
    Place.create(tmp_path / "two", "study: climbing\n", database)
    there = Job(**{**vars(job), "folder": tmp_path / "two"})
    away = SPAWN.Process(target=work, args=(there,))
    away.start()
    assert waited(lambda: len(steps(Place(there.folder).trial(1))) == 3)
    away.kill()
    away.join()
    began = time.monotonic()
    work(Job(**{**vars(job), "run_trial": climb}))
    assert time.monotonic() - began > job.pace.grace
    state, known = looked(job)
    assert state == Progress(4, 4, 0, 0, 0, 0)
    assert [trial.state for trials in known.values() for trial in trials].count(TrialState.FAIL) == 1


@pytest.mark.long
def test_postgresql_says_in_a_sentence_why_it_cannot_be_used(tmp_path: Path, server: str) -> None:
    import psycopg

    foreign = new_database(server, "foreign")
    with psycopg.connect(foreign.replace("+psycopg", "")) as connection:
        connection.execute("create table patients (id int)")
    newer = new_job(tmp_path / "newer", new_database(server, "newer")).storage
    assert newer is not None
    with psycopg.connect(newer.replace("+psycopg", "")) as connection:
        connection.execute("update alembic_version set version_num = 'v99'")
    cases = {
        foreign: "tables that are not Optuna's",
        newer: "another version of Optuna",
        f"{server}/nowhere": "no such database",
        foreign.replace("s3cret-word", "wr0ng-word"): "refused the password",
        foreign.replace(server.rpartition(":")[2], str(free_port())): "does not answer",
    }
    for k, (address, told) in enumerate(cases.items()):
        with pytest.raises(RunError, match=told) as caught:
            new_job(tmp_path / str(k), address)
        assert "-word" not in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_crew_replaces_workers_and_gives_a_deadly_trial_up(tmp_path: Path) -> None:
    job = new_job(tmp_path / "study", None, partial(die, deaths={1: 1, 2: 99}), tickets=4)
    assert run_crew(job, 2, []) == Progress(4, 3, 0, 1, 0, 0)
    known = looked(job)[1]
    assert [len(known[ticket]) for ticket in range(4)] == [1, 2, 3, 1]
    assert known[2][-1].user_attrs["why"] == "its worker died, 3 times"


@pytest.mark.long
def test_workers_share_the_cores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew, "usable_cores", lambda: 5)
    before = dict(os.environ)
    job = new_job(tmp_path / "study", None, partial(meet, workers=2), tickets=2)
    run_crew(job, 2, [])
    trials = [trial for trials in looked(job)[1].values() for trial in trials]
    assert len({trial.value for trial in trials}) == 2
    assert {trial.user_attrs["threads"] for trial in trials} == {2}
    assert all(trial.user_attrs["environment"] == ["2", "2"] for trial in trials)
    assert dict(os.environ) == before


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.long)])
def test_a_crew_that_is_interrupted_is_resumed_later(tmp_path: Path, number: signal.Signals) -> None:
    folder = tmp_path / "study"
    program = f"from tests.studies.climbing import crew_of_two; crew_of_two({str(folder)!r})"
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert waited(lambda: len([f for f in folder.glob("trials/*") if len(steps(f)) >= 2]) >= 2)
    process.send_signal(number)
    told, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "resume with: tsrep study resume climbing" in told
    job = Job(**{**vars(new_job(tmp_path / "other", None, climb)), "folder": folder})
    stopped, _ = looked(job)
    assert stopped.running == 0
    assert stopped.waiting > 0
    assert run_crew(job, 1, []) == Progress(4, 4, 0, 0, 0, 0)
    known = each_once(job, 4)
    assert all(trial.user_attrs.get("retries", 0) == 0 for trials in known.values() for trial in trials)

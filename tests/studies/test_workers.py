"""What a worker makes of a trial's end, and whom it takes for dead."""

from __future__ import annotations

import io
import os
import signal
import threading
import time
from pathlib import Path

import optuna
import pytest
from filelock import FileLock
from optuna.trial import TrialState
from rich.console import Console

from tests.studies.climbing import STEPS, climb, new_job, seeded, steps, stumble
from tsrep.errors import DataError, RunError
from tsrep.studies.keep.place import Place
from tsrep.studies.keep.storage import Pace, open_storage
from tsrep.studies.keep.tickets import Progress, by_ticket, finish, progress, requeue, take, top_up
from tsrep.studies.work.crew import progress_line, run_crew
from tsrep.studies.work.heartbeats import Reaper, heartbeats, living
from tsrep.studies.work.worker import Job, Values, work
from tsrep.training.interrupt import Interrupted


def study_of(job: Job) -> optuna.Study:
    return optuna.load_study(study_name=job.study, storage=open_storage(job.storage, job.folder, job.pace))


def test_every_way_to_end_is_told(tmp_path: Path) -> None:
    job = new_job(tmp_path / "study", None, stumble, tickets=6)
    assert run_crew(job, 1, []) == Progress(6, 2, 1, 3, 0, 0)
    known = by_ticket(study_of(job))
    told = {ticket: trials[-1].user_attrs.get("why") for ticket, trials in known.items()}
    assert told == {
        0: "the loss is not finite",
        1: None,
        2: "its value is nan",
        3: "out of memory",
        4: None,
        5: None,
    }
    assert all(len(trials) == 1 for trials in known.values())
    assert list((job.folder / "workers").iterdir()) == []


def test_draws_depend_on_the_ticket_alone(tmp_path: Path) -> None:
    """Not on the worker, nor on how often a study was resumed: no point is drawn twice."""
    whole = new_job(tmp_path / "whole", None, climb_at_once, tickets=5)
    work(whole)
    pieces = new_job(tmp_path / "pieces", None, climb_at_once, tickets=2)
    work(pieces)
    study = study_of(pieces)
    top_up(study, 5)
    work(pieces)
    values = [trial.value for trial in study_of(whole).trials]
    assert [trial.value for trial in study.trials] == values
    assert len(set(values)) == 5
    assert values[0] == 0.25


def climb_at_once(trial: optuna.Trial, folder: Path) -> Values:
    return climb(trial, folder, 0.0)


def test_a_bug_ends_the_worker_and_costs_a_retry(tmp_path: Path) -> None:
    def fail(trial: optuna.Trial, folder: Path) -> Values:
        raise ZeroDivisionError("a bug")

    job = new_job(tmp_path / "study", None, fail, tickets=1)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            work(job)
    study = study_of(job)
    assert progress(study) == Progress(1, 0, 0, 1, 0, 0)
    assert study.trials[-1].user_attrs["why"] == "ZeroDivisionError: a bug, 3 times"


def test_missing_data_stop_the_study_and_cost_nothing(tmp_path: Path) -> None:
    def fail(trial: optuna.Trial, folder: Path) -> Values:
        raise DataError("the file is gone")

    job = new_job(tmp_path / "study", None, fail, tickets=1)
    for _ in range(4):
        with pytest.raises(DataError, match="the file is gone"):
            work(job)
    assert progress(study_of(job)) == Progress(1, 0, 0, 0, 0, 1)


def test_a_crew_of_one_is_interrupted_and_resumes(tmp_path: Path) -> None:
    def stopped(trial: optuna.Trial, folder: Path) -> Values:
        if len(steps(folder)) == 0:
            threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
        return climb(trial, folder)

    job = new_job(tmp_path / "study", None, stopped, tickets=1)
    with pytest.raises(Interrupted, match="resume with: tsrep study resume climbing"):
        run_crew(job, 1, ["tsrep", "study", "resume", "climbing"])
    assert progress(study_of(job)) == Progress(1, 0, 0, 0, 0, 1)
    assert 0 < len(steps(Place(job.folder).trial(0))) < STEPS
    assert run_crew(job, 1, []) == Progress(1, 1, 0, 0, 0, 0)
    assert [step["step"] for step in steps(Place(job.folder).trial(0))] == list(range(STEPS))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_trial_that_does_not_train_is_put_back_too(tmp_path: Path, number: signal.Signals) -> None:
    def prepare(trial: optuna.Trial, folder: Path) -> Values:
        os.kill(os.getpid(), number)
        time.sleep(5)
        raise AssertionError

    job = new_job(tmp_path / "study", None, prepare, tickets=1)
    with pytest.raises(Interrupted):
        work(job)
    assert progress(study_of(job)) == Progress(1, 0, 0, 0, 0, 1)


def test_a_ticket_that_is_being_taken_is_put_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = new_job(tmp_path / "study", None, climb_at_once, tickets=1)

    def interrupted(study: optuna.Study) -> optuna.Trial | None:
        trial = take(study)
        os.kill(os.getpid(), signal.SIGINT)
        return trial

    with monkeypatch.context() as patch:
        patch.setattr("tsrep.studies.work.worker.take", interrupted)
        with pytest.raises(Interrupted):
            work(job)
    assert progress(study_of(job)) == Progress(1, 0, 0, 0, 0, 1)


def test_after_the_deadline_no_ticket_is_taken(tmp_path: Path) -> None:
    job = new_job(tmp_path / "study", None, climb, tickets=2, until=time.time() - 1)
    assert run_crew(job, 1, []) == Progress(2, 0, 0, 0, 0, 2)


def test_a_result_that_comes_too_late_is_dropped(tmp_path: Path) -> None:
    """Another machine took the trial for dead while it ran."""

    def taken(trial: optuna.Trial, folder: Path) -> Values:
        if trial.user_attrs.get("retries", 0) == 0:
            assert requeue(trial.study, trial.number, "seemed dead")
            return 1.0
        return 2.0

    job = new_job(tmp_path / "study", None, taken, tickets=1)
    work(job)
    trials = study_of(job).trials
    assert [trial.state for trial in trials] == [TrialState.FAIL, TrialState.COMPLETE]
    assert trials[1].value == 2.0


def test_a_worker_waits_for_others_and_takes_over(tmp_path: Path) -> None:
    job = new_job(tmp_path / "study", None, climb_at_once, tickets=1)
    study = study_of(job)
    trial = take(study)
    assert trial is not None
    began = time.monotonic()
    work(job)  # nobody says anything of this trial
    assert time.monotonic() - began > job.pace.grace
    assert progress(study) == Progress(1, 1, 0, 0, 0, 0)


@pytest.mark.long
def test_heartbeats_keep_a_trial_on_another_machine_alive(tmp_path: Path) -> None:
    """Those of Optuna, which databases have; SQLite counts whole seconds."""
    job = new_job(tmp_path / "study", f"sqlite:///{tmp_path}/study.db", tickets=1, pace=Pace(1, 1))
    study = study_of(job)
    reaper = Reaper(study_of(job), tmp_path / "elsewhere", grace=1)
    trial = take(study)
    assert trial is not None
    with heartbeats(trial, "elsewhere-1-abc", 0.1):
        for _ in range(6):
            assert reaper.reap() == 0
            time.sleep(0.5)
    assert reaper.reap() == 0
    time.sleep(2.1)
    assert reaper.reap() == 1
    assert reaper.reap() == 0


@pytest.mark.parametrize("database", [False, True])
def test_a_lock_says_more_than_heartbeats(tmp_path: Path, database: bool) -> None:
    """A worker here that is too busy for heartbeats lives; one whose lock is free is dead at once."""
    storage = f"sqlite:///{tmp_path}/study.db" if database else None
    job = new_job(tmp_path / "study", storage, tickets=1, pace=Pace(1, 1))
    study, workers = study_of(job), tmp_path / "workers"
    reaper = Reaper(study, workers, grace=0.0)
    trial = take(study)
    assert trial is not None
    with living(workers) as name, heartbeats(trial, name, 1000.0):
        reaper.reap()
        time.sleep(2.1 if database else 0.01)
        assert reaper.reap() == 0
    with FileLock(workers / f"{name}.lock"):
        pass
    assert Reaper(study, workers, grace=1000.0).reap() == 1
    assert not (workers / f"{name}.lock").exists()


def test_heartbeats_survive_a_storage_that_is_away_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = study_of(new_job(tmp_path / "study", f"sqlite:///{tmp_path}/study.db", tickets=1))
    trial = take(study)
    assert trial is not None
    recorded: list[int] = []

    def shaky(trial_id: int) -> None:
        recorded.append(trial_id)
        if len(recorded) == 2:
            raise optuna.exceptions.StorageInternalError("away")

    monkeypatch.setattr(study._storage, "record_heartbeat", shaky)
    with heartbeats(trial, "here", 0.02):
        time.sleep(0.3)
    assert len(recorded) > 2


def test_a_storage_without_the_study(tmp_path: Path) -> None:
    job = new_job(tmp_path / "study", None)
    other = Job("another", job.folder, None, climb, seeded, optuna.pruners.NopPruner(), Pace())
    with pytest.raises(RunError, match="the storage has no study another"):
        work(other)


def test_a_storage_that_goes_away_is_one_sentence(tmp_path: Path) -> None:
    def fail(trial: optuna.Trial, folder: Path) -> Values:
        raise optuna.exceptions.StorageInternalError("server closed the connection")

    job = new_job(tmp_path / "study", None, fail, tickets=1)
    with pytest.raises(RunError, match="stopped answering"):
        work(job)
    assert progress(study_of(job)) == Progress(1, 0, 0, 0, 0, 1)


def test_progress_is_a_line_for_every_trial_that_ended() -> None:
    shown = io.StringIO()
    with progress_line("one", Console(file=shown, width=40)) as show:
        show(Progress(3, 0, 0, 0, 0, 3))
        show(Progress(3, 0, 0, 0, 1, 2))
        show(Progress(3, 1, 0, 1, 1, 0))
    assert shown.getvalue().splitlines() == [
        "one  0/3 trials: 3 waiting",
        "one  2/3 trials: 1 complete, 1 failed, 1 running",
    ]
    assert str(Progress(0, 0, 0, 0, 0, 0)) == "0/0 trials: none begun"


def test_finish_is_refused_for_a_wrong_number_of_values(tmp_path: Path) -> None:
    study = study_of(new_job(tmp_path / "study", None, tickets=1))
    trial = take(study)
    assert trial is not None
    with pytest.raises(ValueError, match="did not match the number"):
        finish(study, trial.number, (1.0, 2.0))

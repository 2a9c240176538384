"""The budget is exact: whatever order workers and machines act in, each ticket ends once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.trial import TrialState

from tsrep.studies.keep.storage import open_storage
from tsrep.studies.keep.tickets import (
    MAX_RETRIES,
    Progress,
    by_ticket,
    finish,
    lost,
    progress,
    requeue,
    take,
    top_up,
)

optuna.logging.set_verbosity(optuna.logging.WARNING)


def new_study() -> optuna.Study:
    return optuna.create_study(storage=optuna.storages.InMemoryStorage())


def same(study: optuna.Study) -> optuna.Study:
    """As another worker sees it."""
    return optuna.load_study(study_name=study.study_name, storage=study._storage)


def test_presets_come_first_and_keep_their_parameters() -> None:
    study = new_study()
    top_up(study, 3, [("preset:known", {"x": 0.25}), ("grid", {"x": 0.5})])
    trials = [take(study) for _ in range(4)]
    assert trials[3] is None
    taken = [trial for trial in trials if trial is not None]
    assert [t.user_attrs["ticket"] for t in taken] == [0, 1, 2]
    assert [t.user_attrs["origin"] for t in taken] == ["preset:known", "grid", "sampled"]
    assert [t.suggest_float("x", 0.0, 1.0) for t in taken][:2] == [0.25, 0.5]


def test_a_study_is_extended_never_shortened() -> None:
    study = new_study()
    top_up(study, 3)
    top_up(study, 2)
    assert progress(study).total == 3
    top_up(study, 5)
    assert progress(study) == Progress(5, 0, 0, 0, 0, 5)
    assert len(study.trials) == 5


def test_states_are_counted_once_each() -> None:
    study = new_study()
    top_up(study, 6)
    trials = [trial for _ in range(5) if (trial := take(study)) is not None]
    finish(study, trials[0].number, 1.0)
    finish(study, trials[1].number, state=TrialState.PRUNED)
    trials[2].set_user_attr("why", "it diverged")
    finish(study, trials[2].number, state=TrialState.FAIL)
    requeue(study, trials[3].number, "killed")
    assert progress(study) == Progress(6, 1, 1, 1, 1, 2)
    assert progress(study).done == 3
    assert len(study.trials) == 7


def test_a_ticket_is_put_back_with_what_it_had() -> None:
    study = new_study()
    top_up(study, 1, [("preset:known", {"x": 0.25})])
    first = take(study)
    assert first is not None
    y = first.suggest_float("y", 0.0, 1.0)
    assert requeue(study, first.number, "killed")
    second = take(study)
    assert second is not None
    assert second.suggest_float("y", 0.0, 1.0) == y
    assert second.suggest_float("x", 0.0, 1.0) == 0.25
    attributes = second.user_attrs
    assert (attributes["ticket"], attributes["origin"]) == (0, "preset:known")
    assert (attributes["retry_of"], attributes["retries"]) == (0, 1)


def test_a_ticket_is_given_up_after_its_retries_but_interruptions_are_free() -> None:
    study = new_study()
    top_up(study, 1)
    for _ in range(5):
        trial = take(study)
        assert trial is not None
        requeue(study, trial.number, "interrupted", counted=False)
    for _ in range(MAX_RETRIES + 1):
        trial = take(study)
        assert trial is not None
        requeue(study, trial.number, "its worker died")
    assert take(study) is None
    assert progress(study) == Progress(1, 0, 0, 1, 0, 0)
    assert study.trials[-1].user_attrs["why"] == "its worker died, 3 times"


def test_one_of_two_that_take_a_dead_trial_wins() -> None:
    study = new_study()
    top_up(study, 1)
    trial = take(study)
    assert trial is not None
    assert requeue(study, trial.number, "killed")
    assert not requeue(same(study), trial.number, "killed")
    assert not finish(study, trial.number, 1.0)
    assert progress(study) == Progress(1, 0, 0, 0, 0, 1)
    assert len(study.trials) == 2


def test_a_result_that_came_first_stands() -> None:
    study = new_study()
    top_up(study, 1)
    trial = take(study)
    assert trial is not None
    assert finish(study, trial.number, 1.0)
    assert not requeue(study, trial.number, "seemed dead")
    assert progress(study) == Progress(1, 1, 0, 0, 0, 0)


def test_a_failure_that_was_told_is_not_retried() -> None:
    """The worker died after it had said why, before it ended the trial."""
    study = new_study()
    top_up(study, 1)
    trial = take(study)
    assert trial is not None
    trial.set_user_attr("why", "it diverged")
    assert requeue(study, trial.number, "its worker died")
    assert progress(study) == Progress(1, 0, 0, 1, 0, 0)
    assert take(study) is None


def test_a_lost_ticket_is_found_again() -> None:
    study = new_study()
    top_up(study, 2)
    trial = take(study)
    assert trial is not None
    x = trial.suggest_float("x", 0.0, 1.0)
    finish(study, trial.number, state=TrialState.FAIL)  # and the process dies before it enqueues
    assert lost(study)
    assert progress(study) == Progress(2, 0, 0, 0, 0, 2)
    top_up(study, 2)
    assert not lost(study)
    take(study)
    again = take(study)
    assert again is not None
    assert again.user_attrs["ticket"] == 0
    assert again.suggest_float("x", 0.0, 1.0) == x


def test_a_trial_that_optuna_makes_after_a_race_is_no_ticket(monkeypatch: pytest.MonkeyPatch) -> None:
    study, other = new_study(), None
    top_up(study, 1)
    other = same(study)
    ask = study.ask

    def too_late() -> optuna.Trial:
        take(other)
        return ask()

    monkeypatch.setattr(study, "ask", too_late)
    assert take(study) is None
    assert progress(study) == Progress(1, 0, 0, 0, 1, 0)
    assert study.trials[1].state == TrialState.FAIL


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["enqueue", "take", "finish", "fail", "die", "reap", "half-reap", "repair"]),
        st.integers(0, 2),
    ),
    max_size=40,
)


@dataclass
class Machines:
    """Three of them, which take trials, end them, and seem dead while they are not."""

    study: optuna.Study
    holding: dict[int, list[optuna.Trial]] = field(default_factory=lambda: {0: [], 1: [], 2: []})
    accepted: list[int] = field(default_factory=list)

    def act(self, action: str, who: int) -> None:
        getattr(self, action.replace("-", "_"))(self.holding[who])

    def enqueue(self, _mine: list[optuna.Trial]) -> None:
        """A machine that did not see what others had enqueued."""
        for ticket in range(3):
            self.study.enqueue_trial({}, user_attrs={"ticket": ticket, "origin": "sampled"})

    def take(self, mine: list[optuna.Trial]) -> None:
        mine.extend(trial for trial in [take(self.study)] if trial is not None)

    def finish(self, mine: list[optuna.Trial]) -> None:
        self._end(mine, lambda trial: finish(self.study, trial.number, 1.0))

    def fail(self, mine: list[optuna.Trial]) -> None:
        self._end(mine, lambda trial: tell_failure(self.study, trial))

    def _end(self, mine: list[optuna.Trial], end: Callable[[optuna.Trial], bool]) -> None:
        for trial in [mine.pop()] if mine else []:
            self.accepted += [trial.user_attrs["ticket"]] if end(trial) else []

    def die(self, mine: list[optuna.Trial]) -> None:
        del mine[-1:]

    def reap(self, _mine: list[optuna.Trial]) -> None:
        """Whether the worker lives or not."""
        for frozen in self.study.get_trials(states=(TrialState.RUNNING,)):
            requeue(self.study, frozen.number, "seems dead", counted=False)

    def half_reap(self, _mine: list[optuna.Trial]) -> None:
        """The one who took it dies before it puts the ticket back."""
        for frozen in self.study.get_trials(states=(TrialState.RUNNING,))[:1]:
            finish(self.study, frozen.number, state=TrialState.FAIL)

    def repair(self, _mine: list[optuna.Trial]) -> None:
        top_up(self.study, 3)


@settings(max_examples=150, deadline=None)
@given(ACTIONS)
def test_no_order_of_events_loses_or_doubles_a_ticket(actions: list[tuple[str, int]]) -> None:
    machines = Machines(study := new_study())
    top_up(study, 3)
    for action, who in actions:
        machines.act(action, who)
    machines.reap([])
    machines.repair([])
    while (trial := take(study)) is not None:
        machines.finish([trial])
    assert sorted(machines.accepted) == [0, 1, 2]
    state = progress(study)
    assert (state.total, state.done) == (3, 3)
    for trials in by_ticket(study).values():
        assert len([t for t in trials if t.state == TrialState.COMPLETE or "why" in t.user_attrs]) == 1


def tell_failure(study: optuna.Study, trial: optuna.Trial) -> bool:
    try:
        trial.set_user_attr("why", "it diverged")
    except optuna.exceptions.UpdateFinishedTrialError:
        return False
    return finish(study, trial.number, state=TrialState.FAIL)


def test_two_machines_that_enqueue_at_once_share_the_tickets(tmp_path: Path) -> None:
    study = optuna.create_study(study_name="one", storage=open_storage(None, tmp_path))
    for _ in range(2):
        for ticket in range(4):
            study.enqueue_trial({}, user_attrs={"ticket": ticket, "origin": "sampled"})
    other = optuna.load_study(study_name="one", storage=open_storage(None, tmp_path))
    taken = []
    while (trial := take(study if len(taken) % 2 else other)) is not None:
        taken.append(trial.user_attrs["ticket"])
        finish(study, trial.number, 1.0)
    assert taken == [0, 1, 2, 3]
    doubles = [t for t in study.trials if t.state == TrialState.FAIL]
    assert len(doubles) == 4
    assert all(t.user_attrs["duplicate"] for t in doubles)

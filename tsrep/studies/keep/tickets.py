"""The exact budget of a study: as many tickets as trials wanted, each of which ends once.

Optuna counts attempts. A ticket is a trial as the user counts it: it waits in the storage, a worker takes
it, and when that worker dies it is put back with the parameters that it had. Of several trials with one
ticket the lowest number that is not given up is the rightful one. Numbers only grow, so that once a trial
is rightful no later one can take that from it, whichever machine looks and whenever.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

MAX_RETRIES = 2
STATES = {  # of several trials with one ticket the first of these counts
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
    TrialState.RUNNING: "running",
}
Beginnings = Sequence[tuple[str, Mapping[str, Any]]]


@dataclass(frozen=True)
class Progress:
    """Tickets of a study by state, each counted once; those that were lost count as waiting."""

    total: int
    complete: int
    pruned: int
    failed: int
    running: int
    waiting: int

    @property
    def done(self) -> int:
        """Tickets that ended."""
        return self.complete + self.pruned + self.failed

    def __str__(self) -> str:
        counts = {name: count for name, count in vars(self).items() if count and name != "total"}
        told = ", ".join(f"{count} {name}" for name, count in counts.items())
        return f"{self.done}/{self.total} trials: {told or 'none begun'}"


def top_up(study: optuna.Study, tickets: int, beginnings: Beginnings = ()) -> None:
    """See to it that a study has so many tickets, and put back those that were lost.

    Parameters
    ----------
    study : optuna.Study
    tickets : int
        In all; a study that has more keeps them.
    beginnings : sequence of (origin, parameters)
        What the first tickets try; the others are sampled.
    """
    known = by_ticket(study)
    for ticket in range(max(tickets, max(known, default=-1) + 1)):
        found = known.get(ticket, [])
        if not found:
            origin, params = beginnings[ticket] if ticket < len(beginnings) else ("sampled", {})
            study.enqueue_trial(dict(params), user_attrs={"ticket": ticket, "origin": origin})
        elif not any(stands(trial) for trial in found):
            _put_back(study, found[-1], _retries(found[-1]))


def take(study: optuna.Study) -> optuna.Trial | None:
    """The next ticket, now running in this worker; None when none waits."""
    while study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
        with warnings.catch_warnings():  # that heartbeats are for study.optimize alone
            warnings.filterwarnings("ignore", "Heartbeat of storage")
            trial = study.ask()
        ticket = trial.user_attrs.get("ticket")
        if ticket is not None:  # else the last one was taken just now, and Optuna made a new trial
            rightful = next(other for other in by_ticket(study)[ticket] if stands(other))
            if rightful.number == trial.number:
                return trial
            trial.set_user_attr("duplicate", True)
        finish(study, trial.number, state=TrialState.FAIL)
    return None


def finish(
    study: optuna.Study,
    number: int,
    values: float | Sequence[float] | None = None,
    state: TrialState = TrialState.COMPLETE,
) -> bool:
    """End a running trial; False when it had been ended by somebody else, which nothing can change."""
    try:
        study.tell(number, values, state)
    except (UpdateFinishedTrialError, ValueError):
        if not study.get_trials(deepcopy=False)[number].state.is_finished():
            raise
        return False
    return True


def requeue(study: optuna.Study, number: int, why: str, *, counted: bool = True) -> bool:
    """Take a running trial from its worker and put its ticket back, or give it up after some retries.

    Parameters
    ----------
    study : optuna.Study
    number : int
    why : str
        Kept as the reason when the ticket is given up.
    counted : bool
        Whether this is one of the retries that a ticket has.

    Returns
    -------
    bool
        False when somebody else was faster; nothing happened then.
    """
    trial = study.get_trials(deepcopy=False)[number]
    retries = _retries(trial) + counted
    try:
        if trial.state == TrialState.RUNNING and retries > MAX_RETRIES and "why" not in trial.user_attrs:
            optuna.Trial(study, trial._trial_id).set_user_attr("why", f"{why}, {retries} times")
    except UpdateFinishedTrialError:
        return False
    if not finish(study, number, state=TrialState.FAIL):
        return False
    ticket = trial.user_attrs.get("ticket")
    if ticket is not None and not any(stands(other) for other in by_ticket(study)[ticket]):
        _put_back(study, trial, retries)
    return True


def progress(study: optuna.Study) -> Progress:
    """Count the tickets."""
    tickets = by_ticket(study)
    counts = Counter(map(_state, tickets.values()))
    return Progress(len(tickets), **{name: counts[name] for name in (*STATES.values(), "waiting")})


def lost(study: optuna.Study) -> bool:
    """Whether a worker died after it gave a ticket up and before it put it back."""
    return any(not any(map(stands, trials)) for trials in by_ticket(study).values())


def by_ticket(study: optuna.Study) -> dict[int, list[FrozenTrial]]:
    """Trials of each ticket in the order of their numbers; those without one are left out."""
    found: dict[int, list[FrozenTrial]] = {}
    for trial in study.get_trials(deepcopy=False):
        ticket = trial.user_attrs.get("ticket")
        if ticket is not None:
            found.setdefault(ticket, []).append(trial)
    return found


def stands(trial: FrozenTrial) -> bool:
    """Whether a trial waits, runs or ended its ticket; a failed one did so when it has a reason."""
    return trial.state != TrialState.FAIL or "why" in trial.user_attrs


def _state(trials: Sequence[FrozenTrial]) -> str:
    states = {trial.state for trial in trials if stands(trial)}
    return next((name for state, name in STATES.items() if state in states), "waiting")


def _retries(trial: FrozenTrial) -> int:
    return int(trial.user_attrs.get("retries", 0))


def _put_back(study: optuna.Study, trial: FrozenTrial, retries: int) -> None:
    fixed = trial.system_attrs.get("fixed_params", {})
    kept: dict[str, Any] = {name: trial.user_attrs.get(name) for name in ("ticket", "origin")}
    study.enqueue_trial(
        {**fixed, **trial.params}, user_attrs={**kept, "retries": retries, "retry_of": trial.number}
    )

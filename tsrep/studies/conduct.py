"""From a study with waiting trials to its report: search, confirm, write."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

from tsrep.studies.confirm.confirmation import confirm
from tsrep.studies.keep.tickets import progress
from tsrep.studies.outcome import report
from tsrep.studies.read.axis_names import value_name
from tsrep.studies.study import Study, is_home
from tsrep.studies.work.crew import run_crew
from tsrep.training.interrupt import Interrupted

Tell = Callable[[str], None]


def conduct(
    study: Study,
    *,
    workers: int = 1,
    hours: float | None = None,
    confirmation: bool = True,
    tell: Tell = lambda _what: None,
) -> Path:
    """Run what waits, confirm the finalists where the study was begun, and write the report.

    Parameters
    ----------
    study : Study
    workers : int
        Processes of this machine.
    hours : float, optional
        No trial begins after so many; without, the definition's own.
    confirmation : bool
        Train finalists again and score them on the test part, when all trials have ended or the time is over.
    tell : callable
        Told what comes next.

    Returns
    -------
    Path
        Of the report's page.

    Raises
    ------
    Interrupted
        On Ctrl-C; nothing is lost.
    ConfigError, DataError, RunError
        When storage or data cannot be used.
    """
    limit = hours or study.definition.budget.hours
    end = run_crew(study.job(limit), workers, ["tsrep", "study", "resume", str(study.folder)])
    waiting = end.total - end.done
    if waiting and limit is None:
        tell(f"{waiting} trials have not ended")
    elif confirmation and study.definition.confirmation.finalists and end.complete:
        confirm_here(study, workers=workers, tell=tell)
    return report(study)


def confirm_here(study: Study, *, workers: int, tell: Tell, elsewhere: bool = False) -> None:
    """Confirm finalists, unless that is up to the machine where the study was begun.

    Raises
    ------
    Interrupted
        On Ctrl-C; runs that ended are kept.
    RunError
        When no trial is complete.
    """
    command = shlex.join(["tsrep", "study", "confirm", str(study.folder)])
    with study.opened() as opened:
        if not (elsewhere or is_home(opened)):
            tell(f"finalists are confirmed where the study was begun; to do it here: {command}")
            return
        tell("finalists are trained from fresh seeds and scored on the test part")
        try:
            confirm(study.definition, opened, study.folder, root=study.root, workers=workers)
        except Interrupted as error:
            raise Interrupted(
                f"stopped while finalists were trained; what they have is kept, go on with: {command}"
            ) from error


def status(study: Study) -> str:
    """How far a study is and its best trial, in a few lines.

    Raises
    ------
    ConfigError, RunError
        When the storage cannot be opened.
    """
    from tsrep.studies.outcome import table_of

    with study.opened() as opened:
        end, table = progress(opened), table_of(study, opened)
    lines = [
        f"{study.definition.study}: {end.done} of {end.total} trials ended ({end.complete} complete, "
        f"{end.pruned} pruned, {end.failed} failed), {end.running} running, {end.waiting} waiting",
        f"score: {table.value_name}",
    ]
    best = table.best_first
    if len(best):
        row = best.iloc[0]
        told = [
            f"{axis.name}={value_name(row[axis.name], axis)}"
            for axis in table.axes
            if table.active(axis, best.head(1))[0]
        ]
        lines.append(f"best: {row['value']:.4f}, trial {row['ticket']} ({row['origin']}): {', '.join(told)}")
    failed = table.frame[table.frame["state"] == "failed"]
    lines += [f"trial {row['ticket']} failed: {row['why']}" for _, row in failed.iterrows()]
    return "\n".join(lines)

"""From a study with waiting trials to its report: search, confirm, write."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

from tsrep.registry import DATASETS
from tsrep.studies.confirm.confirmation import confirm, read_confirmation
from tsrep.studies.define.check import reference
from tsrep.studies.define.configuration import configuration
from tsrep.studies.keep.tickets import Progress, progress
from tsrep.studies.keep.trial_table import trial_table
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
    end = take_trials(study, workers=workers, hours=limit)
    waiting = end.total - end.done
    if waiting and limit is None:
        tell(f"{waiting} trials have not ended")
    elif confirmation and study.definition.confirmation.finalists and end.complete:
        confirm_here(study, workers=workers, tell=tell)
    return report(study)


def take_trials(study: Study, *, workers: int = 1, hours: float | None = None) -> Progress:
    """Run what waits with processes of this machine; see :func:`tsrep.studies.work.crew.run_crew`."""
    return run_crew(study.job(hours), workers, ["tsrep", "study", "resume", str(study.folder)])


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
            confirm(study.definition, opened, study.folder, root=study.place.data, workers=workers)
        except Interrupted as error:
            raise Interrupted(
                f"stopped while finalists were trained; what they have is kept, resume with: {command}"
            ) from error


def status(study: Study) -> str:
    """How far a study is and its best trial, in a few lines.

    Raises
    ------
    ConfigError, RunError
        When the storage cannot be opened.
    """
    with study.opened() as opened:
        end, table = progress(opened), trial_table(opened, study.definition)
    lines = [
        f"{study.definition.study}: {end.done} of {end.total} trials ended ({end.complete} complete, "
        f"{end.pruned} pruned, {end.failed} failed), {end.running} running, {end.waiting} waiting",
        f"score: {table.value_name}",
    ]
    for row in table.best_first.head(1).to_dict("records"):
        axes = [axis for axis in table.axes if not axis.range.absent(row[axis.name])]
        told = ", ".join(f"{axis.name}={axis.range.text(row[axis.name])}" for axis in axes)
        lines.append(f"best: {row['value']:.4f}, trial {row['ticket']} ({row['origin']}): {told}")
    failed = table.frame[table.frame["state"] == "failed"]
    lines += [f"trial {row['ticket']} failed: {row['why']}" for row in failed.to_dict("records")]
    return "\n".join(lines)


def report(study: Study) -> Path:
    """Write ``report/`` of a study's folder from what its storage says now; returns the page.

    Raises
    ------
    ConfigError, RunError
        When the storage cannot be opened, or the folder cannot be written.
    """
    from tsrep.studies.analyses import Results
    from tsrep.studies.page.page import write_report

    definition = study.definition
    with study.opened() as opened:
        table, total = trial_table(opened, definition), progress(opened).total
        found = read_confirmation(definition, study.folder, opened if table.count("complete") else None)
    point = reference(definition)
    datasets = {configuration(definition, point, task).dataset.name: None for task in definition.tasks}
    tasks = ", ".join(filter(None, definition.tasks))
    sampler, fresh = definition.sampler, definition.confirmation.seeds
    startup = f", {sampler.startup} random trials first" if sampler.name in ("tpe", "gp") else ""
    facts = {
        "data": ", ".join(datasets),
        **({"tasks": tasks} if tasks else {}),
        "storage": study.place.storage.split(":")[0],
        "sampler": sampler.name + startup,
        "pruner": definition.pruner.name,
        "seeds": f"{definition.seeds} a trial; {fresh} fresh ones for finalists",
        "budget": f"{total} trials",
    }
    return write_report(
        Results(table, found),
        facts,
        study.folder / "report",
        definition=study.place.definition.read_text(encoding="utf-8"),
        synthetic=any(DATASETS.entry(name).cls.about.synthetic for name in datasets),
    )

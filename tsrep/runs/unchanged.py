"""Settings, data and split of a run are checked to be those that it was started with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tsrep.errors import RunError
from tsrep.runs.prepared import Prepared
from tsrep.runs.trained_by import refuse_other_settings

if TYPE_CHECKING:
    from tsrep.runs.folder import Run
    from tsrep.runs.task import Task


def changed(run: Run, prepared: Prepared) -> str:
    """What is not as it was when a run was started; empty where all is."""
    for what, then, now in (
        ("data", run.provenance["data"]["digest"], prepared.digest),
        ("split", run.split_digest, prepared.split.digest),
    ):
        if then != now:
            return (
                f"the {what} of {run.path} changed since it was started (digest {then[:12]}, now {now[:12]})"
            )
    return ""


def own_data(run: Run, task: Task, *, progress: bool = True) -> Prepared:
    """The data that a task with the run's configuration reads, which must be those of the run.

    Raises
    ------
    RunError
        When data or split have changed.
    """
    prepared = task.prepare(progress=progress)
    if found := changed(run, prepared):
        raise RunError(
            f"{found}; restore data and settings, or name the data as others with --dataset and --root"
        )
    return prepared


def refuse_other_data(run: Run, prepared: Prepared) -> None:
    """Check before a run is resumed that data and split made now are its own.

    Raises
    ------
    RunError
        When a digest differs.
    """
    if found := changed(run, prepared):
        raise RunError(f"{found}; restore data and settings, or start a new run")


def refuse_changed_settings(run: Run) -> None:
    """Check that settings which training depends on are those that a run was started with, of all seeds.

    Raises
    ------
    RunError
        Naming the first one that is not.
    """
    for one in dict.fromkeys((run, *run.by_seed)):
        then = one.provenance.get("settings", {})
        refuse_other_settings(then, one.config, one.path, "the run was started with")

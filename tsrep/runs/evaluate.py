"""Scores of a finished run beside random initialisations of its architecture and baselines."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

from rich.console import Console
from rich.text import Text

from tsrep.errors import ConfigError
from tsrep.evaluation.heads.kept import FOLDER as HEADS
from tsrep.evaluation.scores import Scores
from tsrep.runs.config import plain
from tsrep.runs.config_files import assemble
from tsrep.runs.folder import Run, opened
from tsrep.runs.label_evaluation import Tell
from tsrep.runs.lock import locked
from tsrep.runs.manifest import SCORED, SHOWN, changing, scores_so_far
from tsrep.runs.prepared import Prepared
from tsrep.runs.task import Task, task_of
from tsrep.runs.unchanged import own_data
from tsrep.training.distributed import Ranks

PAUSE = 5.0  # seconds between lines of a file


def evaluate(
    run: Run | Path | str,
    *,
    protocols: Sequence[str] | None = None,
    labels: Sequence[float] | None = None,
    seeds: int | None = None,
    part: str | None = None,
    root: Path | str | None = None,
    progress: bool = True,
) -> Scores:
    """Score a run on its own data; ``scores.json`` of its folder gains or replaces what is scored.

    Parameters
    ----------
    run : Run or path of a run folder
    protocols, labels, seeds, part
        Instead of the run's own evaluation settings. Of another part no heads are kept where there are some,
        as these are calibrated on the validation part.
    root : Path, optional
        Where the data are, if they have moved.
    progress : bool
        Say on standard error what is being fitted.

    Raises
    ------
    RunError
        When training has not ended or the data have changed.
    ConfigError
        When a setting is out of range.
    """
    run = opened(run)
    given = {"protocols": protocols, "labels": labels, "seeds": seeds, "part": part}
    changes: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    if part not in (None, run.config.evaluation.part or "test") and (run.path / HEADS).exists():
        changes["keep_heads"] = "none"
    task = task_of(assemble(plain(run.config), {"evaluation": changes}).at(root))
    if labels is not None and "labels" in task.meaningless():
        raise ConfigError(f"{run.path} is a run on {task.data}, which has no labels to take fractions of")
    run.refuse_unfinished()
    task.config.evaluation.refuse_several_classes(bool(run.provenance["data"].get("multilabel")))
    with locked(run.path, wait=True):
        prepared = own_data(run, task, progress=progress)
        return score(run, task, prepared, progress=progress)


def score(run: Run, task: Task, prepared: Prepared, *, progress: bool = True) -> Scores:
    """The same with data that are prepared already, and a task whose configuration says what is scored."""
    before = scores_so_far(run.path)
    with evaluating(progress) as tell, ExitStack() as stack:
        for one in dict.fromkeys((run.path, *run.folders)):
            stack.enter_context(changing(one, *SHOWN))
        scores = before.updated(task.evaluate(run, prepared, tell))
    with changing(run.path, *SCORED):
        scores.save(run.path, task.config.evaluation.keep_heads)
    return scores


def score_on_ranks(run: Run, task: Task, prepared: Prepared, ranks: Ranks, *, progress: bool) -> None:
    """Score a run in a group of processes: the first one fits heads and keeps scores, and all embed."""
    task = task_of(task.config, ranks)
    if not ranks.first:
        task.take_part(prepared)
        return
    try:
        score(run, task, prepared, progress=progress)
    finally:
        ranks.from_first(None)


@contextmanager
def evaluating(progress: bool) -> Iterator[Tell]:
    """A line on standard error that says what is going on; in a file now and then a new one."""
    console = Console(stderr=True)
    if not progress:
        yield lambda _: None
        return
    if not console.is_terminal:
        yield _Stages().tell
        return
    with console.status("evaluating") as status:
        yield lambda what: status.update(Text(f"evaluating: {what}"))


class _Stages:
    """A line for each stage, and not more often than one can read."""

    def __init__(self) -> None:
        self.last = monotonic()

    def tell(self, what: str) -> None:
        """Print it, unless a line was printed just before."""
        if monotonic() - self.last >= PAUSE:
            self.last = monotonic()
            print(f"tsrep: evaluating: {what}", file=sys.stderr, flush=True)

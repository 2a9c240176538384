"""How far a study is, as one line."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.status import Status

from tsrep.studies.keep.tickets import Progress


class ProgressLine:
    """Kept up to date on a terminal; elsewhere a line whenever a trial ended.

    Parameters
    ----------
    study : str
        Name to begin with.
    console : Console, optional
        By default standard error.
    """

    def __init__(self, study: str, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._study = study
        self._status: Status | None = None
        self._done = -1

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._status = self._console.status(self._study)
            self._status.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._status is not None:
            self._status.stop()

    def show(self, progress: Progress) -> None:
        """Say where the study is."""
        line = f"{self._study}  {described(progress)}"
        if self._status is not None:
            self._status.update(line)
        elif progress.done != self._done:
            self._console.print(line, highlight=False, soft_wrap=True)
        self._done = progress.done


def described(progress: Progress) -> str:
    """Progress in words; states that no trial is in are left out."""
    counts = {
        name: getattr(progress, name) for name in ("complete", "pruned", "failed", "running", "waiting")
    }
    told = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    return f"{progress.done}/{progress.total} trials: {told or 'none begun'}"

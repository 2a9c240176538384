"""A progress bar on stderr, so that stdout stays free for results."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

PAUSE = 2.0  # seconds between lines of a file, which is read afterwards


@contextmanager
def progress_bar(what: str, total: int, *, show: bool) -> Iterator[Callable[[int], None]]:
    """Yields a function to call with the number of items done; without ``show`` it does nothing.

    Where standard error is no terminal, a line tells each tenth of what takes long.
    """
    if not show:
        yield lambda _: None
        return
    from rich.console import Console

    console = Console(file=sys.stderr)
    if not console.is_terminal:
        yield _Tenths(what, total).advance
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    text = TextColumn("{task.description}", markup=False)
    columns = text, BarColumn(), TaskProgressColumn(), MofNCompleteColumn(), Remaining()
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda n: bar.advance(task, n)


class _Tenths:
    """A line for each tenth, and not more often than one can read."""

    def __init__(self, what: str, total: int) -> None:
        self.what, self.total, self.done, self.told = what, total, 0, 0
        self.begun = self.last = monotonic()

    def advance(self, n: int) -> None:
        self.done += n
        tenth, now = 10 * self.done // max(self.total, 1), monotonic()
        if tenth > self.told and now - self.last >= PAUSE:
            self.told, self.last = tenth, now
            left = (now - self.begun) * (self.total - self.done) / self.done
            share = f"{100 * self.done // self.total} % of {self.total:,}"
            print(f"tsrep: {self.what}: {share}, {left:,.0f} s left", file=sys.stderr, flush=True)

"""The folder of a run while it is made: it appears complete, and one process at a time writes into it."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import chain, count
from pathlib import Path

from tsrep.errors import RunError
from tsrep.files import refuse_below_file, temporary_beside, unwritable
from tsrep.runs.config import Configuration
from tsrep.runs.folder import Run
from tsrep.runs.lock import locked
from tsrep.runs.naming import refuse_no_run
from tsrep.training.distributed import Ranks
from tsrep.training.interrupt import Interrupted, termination_as_interrupt

Fill = Callable[[Path], None]
TAKEN = (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR)


class InProgress:
    """What is known of a run while it is trained.

    Attributes
    ----------
    run : Run or None
        None until its folder is there.
    """

    def __init__(self, run: Run | None, ranks: Ranks, stack: ExitStack) -> None:
        self.run = run
        self._ranks, self._stack = ranks, stack
        if run is not None and ranks.first:
            stack.enter_context(locked(run.path))

    def begin(self, fill: Fill, folders: Iterable[Path]) -> Run:
        """A new run in the first folder that is free, which ``fill`` fills; it is locked to the end."""
        self.run = Run(begin(fill, folders, self._ranks, self._stack))
        if self._ranks.first:
            self._stack.enter_context(removed_if_faulty(self.run.path))
        return self.run

    @property
    def stopped(self) -> str:
        """What to tell a user who has stopped it."""
        if self.run is None:
            return "stopped before the run began; nothing of it was written"
        return f"{self.run.path} was stopped; resume with: {self.run.resumed_by}"


@contextmanager
def in_progress(run: Run | None, ranks: Ranks) -> Iterator[InProgress]:
    """A block that trains a run, stopped by Ctrl-C or SIGTERM.

    Parameters
    ----------
    run : Run or None
        That is resumed; None where one is made.
    ranks : Ranks

    Raises
    ------
    RunError
        When another process trains or scores it.
    Interrupted
        When it is stopped elsewhere than between two steps of training.
    """
    with termination_as_interrupt(), ExitStack() as stack:
        own = InProgress(run, ranks, stack)
        try:
            yield own
        except KeyboardInterrupt:
            raise Interrupted(own.stopped) from None


@contextmanager
def removed_if_faulty(folder: Path) -> Iterator[None]:
    """A block after whose error a new folder is removed, unless it has a state of training to resume from."""
    try:
        yield
    except Interrupted:
        raise
    except Exception:
        if not any(folder.rglob("state.pt")):
            shutil.rmtree(folder, ignore_errors=True)
        raise


def begin(fill: Fill, folders: Iterable[Path], ranks: Ranks, stack: ExitStack | None = None) -> Path:
    """Make a folder complete under another name, and rename it to the first of some that is free.

    Parameters
    ----------
    fill : callable
        Writes all files into a folder; called in the first process.
    folders : iterable of Path
    ranks : Ranks
        All are told which folder it is.
    stack : ExitStack, optional
        Where the folder is locked, what ends the lock.

    Raises
    ------
    RunError
        When none is free, or the place cannot be written.
    """
    return Path(ranks.from_first(str(_begun(fill, iter(folders), stack)) if ranks.first else ""))


def _begun(fill: Fill, folders: Iterator[Path], stack: ExitStack | None) -> Path:
    first = next(folders)
    try:
        with temporary_beside(first) as temporary:
            if stack is not None:
                stack.enter_context(locked(temporary))
            fill(temporary)
            return _renamed(temporary, chain([first], folders))
    except OSError as error:
        raise unwritable(first, error) from error


def _renamed(temporary: Path, folders: Iterable[Path]) -> Path:
    for folder in folders:
        try:
            temporary.rename(folder.resolve())
        except OSError as error:
            if error.errno in TAKEN:
                continue
            if not folder.is_dir():
                raise
            raise RunError(
                f"{folder} cannot be replaced by a run ({error.strerror}); give a folder that is not there "
                f"yet, such as --out {folder / 'run'}"
            ) from error
        return folder
    raise RunError(f"{folder} was taken by another process meanwhile; give another --out")


def numbered(stem: str) -> Iterator[Path]:
    """Folders below ``runs`` that are not there: ``runs/STEM-1`` and so on."""
    paths = (Path("runs") / f"{stem}-{number}" for number in count(1))
    return (path for path in paths if not path.exists())


def wanted_folders(config: Configuration, out: Path | str | None) -> Iterable[Path]:
    """Where a new run may go: the folder that was given, else numbered ones."""
    stem = config.name or f"{config.dataset.name}-{config.objective.name}"
    return numbered(stem) if out is None else [Path(out)]


def refuse_taken(folder: Path) -> None:
    """Check that a new run can take a folder.

    Raises
    ------
    RunError
        When it is a file, holds something, or is the working directory.
    """
    if folder.is_file():
        raise RunError(f"{folder} is a file; give another --out, the name of a folder")
    refuse_below_file(folder)
    if not folder.exists():
        return
    if any(folder.iterdir()):
        refuse_no_run(folder, "give another --out")
        raise RunError(
            f"{folder} is not empty; give another --out, or resume the run in it with --resume {folder}"
        )
    if folder.resolve() == Path.cwd():
        raise RunError(f"{folder} is the working directory; give a folder in it, such as --out run")

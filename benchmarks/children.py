"""Functions in processes of their own, forked from one that has imported all, and a table of how they end."""

from __future__ import annotations

import io
import json
import os
import resource
import signal
import traceback
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from tsrep.errors import TsrepError

FAULT = 70  # exit code of anything that is no error of the project


@dataclass(frozen=True)
class Ended:
    """How a process ended.

    Attributes
    ----------
    code : int
        Exit code; minus the number of the signal that ended it.
    seconds, megabytes : float
        Processor time, which a busy machine does not change, and largest memory beyond what the parent had
        allocated at the fork.
    text : str
        The sentence or traceback it ended with.
    """

    code: int
    seconds: float
    megabytes: float
    text: str

    @property
    def right(self) -> bool:
        """Whether it succeeded or refused in one sentence, within 30 s and 2 GB."""
        one = self.text.count("\n") == 0
        return self.code in (0, 2, 130) and one and self.seconds < 30 and self.megabytes < 2048


class Table:
    """How attempts ended, in a file with which a second call goes on; a line deleted from it is tried again.

    Parameters
    ----------
    path : Path
        A line of JSON for each attempt: its name, and how it ended.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        lines = path.read_text().splitlines() if path.is_file() else ()
        self.rows: dict[str, str] = dict(map(json.loads, lines))

    def ended(self, name: str, attempt: Callable[[], str]) -> str:
        """How an attempt ended, which is made unless the table has it."""
        if name not in self.rows:
            self.rows[name] = attempt()
            with self.path.open("a") as file:
                file.write(json.dumps([name, self.rows[name]]) + "\n")
            print(f"{len(self.rows):>4}  {self.rows[name][:200]}  {name}", flush=True)
        return self.rows[name]


def child(work: Callable[[], object], limit: float = 60.0) -> Ended:
    """Run a function in a forked process for so many seconds of a processor; its output is dropped."""
    _, resident, shared, *_ = Path("/proc/self/statm").read_text().split()
    own = (int(resident) - int(shared)) * resource.getpagesize() // 1024  # a fork copies no mapped files
    read, write = os.pipe()
    if not (pid := os.fork()):
        os.close(read)
        _run(work, write, limit)
    os.close(write)
    with os.fdopen(read, encoding="utf-8", errors="replace") as pipe:
        text = pipe.read()
    _, status, used = os.wait4(pid, 0)
    seconds, more = used.ru_utime + used.ru_stime, max(0, used.ru_maxrss - own) / 1024
    return Ended(os.waitstatus_to_exitcode(status), seconds, more, text.strip())


def _run(work: Callable[[], object], write: int, limit: float) -> None:
    """In the child: never returns."""
    code, text = FAULT, ""
    resource.setrlimit(resource.RLIMIT_CPU, (int(limit) + 1, int(limit) + 2))
    signal.alarm(20 * (int(limit) + 1))  # of one that waits for ever
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            work()
        code = 0
    except TsrepError as error:
        code, text = error.exit_code, str(error)
    except BaseException:
        text = traceback.format_exc()
    os.write(write, text.encode()[:60_000])
    os._exit(code)

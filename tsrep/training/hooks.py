"""What may watch a training run: hooks with empty defaults; a metric log and a progress bar."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tsrep.files import unwritable
from tsrep.text import as_error


@dataclass(frozen=True)
class Plan:
    """What is about to run."""

    epochs: int
    steps: int
    steps_done: int


class Hook:
    """Watches a run; never changes it."""

    def on_start(self, plan: Plan) -> None:
        """Before the first step."""

    def on_step(self, step: int) -> None:
        """After every step."""

    def on_record(self, record: dict[str, Any]) -> None:
        """A line of the metric log, of kind ``train`` or ``validation``."""

    def on_end(self) -> None:
        """After the last step, also when interrupted."""


class MetricLog(Hook):
    """Appends records to ``metrics.jsonl``, one JSON object a line.

    Parameters
    ----------
    path : Path
    keep : int
        Bytes of an existing file that belong to the state resumed from; what follows is dropped. Where
        there are fewer, training goes on without them, which is told on standard error.
    """

    def __init__(self, path: Path, keep: int = 0) -> None:
        try:
            self._file = path.open("ab")
            if (there := self._file.tell()) < keep:
                print(
                    f"tsrep: {path} lacks {keep - there:,} bytes that were logged before; curves have a gap",
                    file=sys.stderr,
                )
                keep = path.read_bytes().rfind(b"\n") + 1
            self._file.seek(self._file.truncate(keep))
        except OSError as error:
            raise unwritable(path, error) from error

    def on_record(self, record: dict[str, Any]) -> None:
        """Write one line and flush it."""
        try:
            self._file.write(json.dumps(record, allow_nan=False).encode() + b"\n")
            self._file.flush()
        except OSError as error:
            raise unwritable(Path(self._file.name), error) from error

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return self._file.tell()

    def on_end(self) -> None:
        """Close the file."""
        self._file.close()


class ProgressBar(Hook):
    """A bar with loss and throughput on standard error; on a plain pipe one line per validation instead.

    Parameters
    ----------
    title : str
    """

    def __init__(self, title: str) -> None:
        self._title, self._text = title, ""
        self._console = Console(stderr=True)
        name, text = TextColumn("[bold]{task.description}"), TextColumn("{task.fields[text]}", markup=False)
        columns = name, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), text
        self._bar = Progress(*columns, console=self._console, disable=not self._console.is_terminal)

    def on_start(self, plan: Plan) -> None:
        """Show the bar where a terminal can show one."""
        self._epochs = plan.epochs
        self._task = self._bar.add_task(self._title, total=plan.steps, completed=plan.steps_done, text="")
        self._bar.start()

    def on_step(self, step: int) -> None:
        """Advance."""
        self._bar.update(self._task, completed=step)

    def on_record(self, record: dict[str, Any]) -> None:
        """Show loss terms and throughput, and keep a line for every validation."""
        if record["kind"] == "train":
            terms = "  ".join(f"{name} {value:.3f}" for name, value in record["terms"].items())
            self._text = f"loss {record['loss']:.3f}  {terms}  {record['samples_per_s']:.0f} samples/s"
            self._bar.update(self._task, text=self._text)
            return
        score = ""
        if "score" in record:
            name, sign = as_error(record["score_name"])
            score = f"  {name} {sign * record['score']:.3f}"
        line = f"epoch {record['epoch']}/{self._epochs}  validation loss {record['loss']:.3f}{score}"
        line += "" if self._console.is_terminal else f"  {self._text}"
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def on_end(self) -> None:
        """Remove the bar."""
        self._bar.stop()

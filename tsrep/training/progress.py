"""A progress bar with loss, throughput and the validation score."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tsrep.training.hooks import Hook, Plan


class ProgressBar(Hook):
    """Draws on standard error; on a plain pipe it prints one line per validation instead."""

    def __init__(self, title: str) -> None:
        self._console = Console(stderr=True)
        self._title = title
        self._bar: Progress | None = None
        self._text = ""

    def on_start(self, plan: Plan) -> None:
        """Show the bar where a terminal can draw it."""
        self._epochs = plan.epochs
        if self._console.is_terminal:
            self._bar = Progress(
                TextColumn("[bold]{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.fields[text]}"),
                console=self._console,
            )
            self._bar.start()
            self._task = self._bar.add_task(self._title, total=plan.steps, completed=plan.steps_done, text="")

    def on_step(self, step: int) -> None:
        """Advance."""
        if self._bar is not None:
            self._bar.update(self._task, completed=step)

    def on_record(self, record: dict[str, Any]) -> None:
        """Show loss terms and throughput, and keep a line for every validation."""
        if record["kind"] == "train":
            terms = "  ".join(f"{name} {value:.3f}" for name, value in record["terms"].items())
            self._text = f"loss {record['loss']:.3f}  {terms}  {record['samples_per_s']:.0f} samples/s"
            if self._bar is not None:
                self._bar.update(self._task, text=self._text)
            return
        score = record.get("score")
        shown = "" if score is None else f"  {record['score_name']} {score:.3f}"
        line = f"epoch {record['epoch']}/{self._epochs}  validation loss {record['loss']:.3f}{shown}"
        line += "" if self._bar is not None else f"  {self._text}"
        self._console.print(line, highlight=False, soft_wrap=True)

    def on_end(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.stop()

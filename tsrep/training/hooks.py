"""What may watch a training run: hooks with empty defaults, and the records that they are given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Plan:
    """What is about to run."""

    epochs: int
    steps: int
    steps_done: int
    samples: int


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

"""A run of Weights & Biases, kept in the folder of the run unless it shall be sent."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from tsrep.registry import TRACKERS


@TRACKERS.register("wandb", runtime=("folder", "run", "config"))
class WandB:
    """Numbers and settings for Weights & Biases, offline by default: ``wandb sync RUN/wandb/...`` sends them.

    Parameters
    ----------
    folder : Path
        Of the run.
    run : str
        Its name.
    config : mapping
        Its configuration as plain values.
    project : str
    mode : {"offline", "online"}
        ``"online"`` sends numbers and settings, not recordings or weights, while the run trains.
    """

    package = "wandb"

    def __init__(
        self,
        folder: Path,
        run: str,
        config: Mapping[str, Any],
        *,
        project: str = "tsrep",
        mode: Literal["offline", "online"] = "offline",
    ) -> None:
        service = import_module("wandb")  # an extra that may be absent where types are checked
        self._run = service.init(
            project=project, name=run, dir=str(folder), config=dict(config), mode=mode, save_code=False
        )

    def log(self, numbers: Mapping[str, float], step: int) -> None:
        """See :class:`tsrep.training.trackers.tracker.Tracker`."""
        # two lines may be of one step, which this service takes from one call alone: it is a number too
        self._run.log({**numbers, "step": step})

    def close(self) -> None:
        """See :class:`tsrep.training.trackers.tracker.Tracker`."""
        self._run.finish()

"""Events for TensorBoard, in the folder of the run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tsrep.registry import TRACKERS


@TRACKERS.register("tensorboard", runtime=("folder",))
class TensorBoard:
    """Events in ``RUN/tensorboard``, for ``tensorboard --logdir RUN``; nothing leaves the machine.

    Parameters
    ----------
    folder : Path
        Of the run.
    """

    package = "tensorboard"

    def __init__(self, folder: Path) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(folder / "tensorboard"))

    def log(self, numbers: Mapping[str, float], step: int) -> None:
        """See :class:`tsrep.training.trackers.tracker.Tracker`."""
        for name, value in numbers.items():
            self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        """See :class:`tsrep.training.trackers.tracker.Tracker`."""
        self._writer.close()

"""Optional TensorBoard events (the extra ``tensorboard``)."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tsrep.errors import ConfigError
from tsrep.training.hooks import Hook


def require_tensorboard() -> None:
    """Check that events can be written.

    Raises
    ------
    ConfigError
        When the package is not installed.
    """
    if find_spec("tensorboard") is None:
        raise ConfigError(
            "training.tensorboard needs the package tensorboard; "
            "install tsrep[tensorboard] or set it to false"
        )


class TensorBoard(Hook):
    """Writes every number of the metric log as a scalar."""

    def __init__(self, folder: Path) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(folder))

    def on_record(self, record: dict[str, Any]) -> None:
        """Write the record's scalars under its kind."""
        flat = {**record, **record.get("terms", {})}
        for name, value in flat.items():
            if isinstance(value, float):
                self._writer.add_scalar(f"{record['kind']}/{name}", value, record["step"])

    def on_end(self) -> None:
        """Flush and close."""
        self._writer.close()

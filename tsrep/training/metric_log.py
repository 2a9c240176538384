"""The metric log: one JSON object a line, cut back to the stored state on resume."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tsrep.training.hooks import Hook


class MetricLog(Hook):
    """Appends records to ``metrics.jsonl``.

    Parameters
    ----------
    path : Path
    keep : int
        Bytes of an existing file that belong to the state resumed from; what follows is dropped.
    """

    def __init__(self, path: Path, keep: int = 0) -> None:
        self._file = path.open("ab")
        self._file.truncate(keep)

    def on_record(self, record: dict[str, Any]) -> None:
        """Write one line and flush it."""
        self._file.write(json.dumps(record).encode() + b"\n")
        self._file.flush()

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return self._file.tell()

    def on_end(self) -> None:
        """Close the file."""
        self._file.close()

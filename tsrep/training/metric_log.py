"""The metric log: one JSON object a line, cut back to the stored state on resume."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tsrep.files import unwritable
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
        try:
            self._file = path.open("ab")
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

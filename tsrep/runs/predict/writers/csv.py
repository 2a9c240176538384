"""CSV as RFC 4180 has it, in UTF-8."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tsrep.evaluation.heads.kept_head import Cell
from tsrep.runs.predict.columns import Column
from tsrep.runs.predict.writers.writer import WRITERS, TableWriter


@WRITERS.register("csv", runtime=("path", "columns"))
class CsvWriter(TableWriter):
    """Comma-separated values; numbers are written so that they are read back exactly."""

    title = "CSV"

    def __init__(self, path: Path, columns: Sequence[Column]) -> None:
        self._stream = path.open("w", encoding="utf-8", newline="")
        self._rows = csv.writer(self._stream, lineterminator="\n")
        self._rows.writerow([column.name for column in columns])

    def write(self, rows: Iterable[Sequence[Cell]]) -> None:
        """See :meth:`TableWriter.write`; floats are written by ``repr``."""
        self._rows.writerows(rows)

    def close(self, about: Mapping[str, Any] | None = None) -> None:
        """See :meth:`TableWriter.close`."""
        del about
        self._stream.close()

    def discard(self) -> None:
        """See :meth:`TableWriter.discard`."""
        self._stream.close()

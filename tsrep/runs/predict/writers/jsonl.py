"""One JSON object in each line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tsrep.evaluation.heads.kept_head import Cell
from tsrep.runs.predict.columns import Column
from tsrep.runs.predict.writers.writer import WRITERS, TableWriter


@WRITERS.register("jsonl", runtime=("path", "columns"))
class JsonLinesWriter(TableWriter):
    """JSON Lines; an empty cell is null."""

    title = "JSON Lines"

    def __init__(self, path: Path, columns: Sequence[Column]) -> None:
        self._stream = path.open("w", encoding="utf-8", newline="\n")
        self._names = [column.name for column in columns]

    def write(self, rows: Iterable[Sequence[Cell]]) -> None:
        """See :meth:`TableWriter.write`."""
        for row in rows:
            cells = dict(zip(self._names, row, strict=True))
            self._stream.write(json.dumps(cells, ensure_ascii=False, allow_nan=False) + "\n")

    def close(self, about: Mapping[str, Any] | None = None) -> None:
        """See :meth:`TableWriter.close`."""
        del about
        self._stream.close()

    def discard(self) -> None:
        """See :meth:`TableWriter.discard`."""
        self._stream.close()

"""Parquet files, in groups of rows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from tsrep.evaluation.heads.kept_head import Cell
from tsrep.runs.predict.columns import Column
from tsrep.runs.predict.writers.writer import WRITERS, TableWriter

GROUP = 4096  # rows held until they are written


@WRITERS.register("parquet", runtime=("path", "columns"))
class ParquetWriter(TableWriter):
    """Parquet; what is said of the table is JSON in the file's metadata, under ``tsrep``."""

    title, needs = "Parquet", "pyarrow"

    def __init__(self, path: Path, columns: Sequence[Column]) -> None:
        self._arrow = arrow = import_module("pyarrow")
        types = {"text": arrow.string(), "number": arrow.float64(), "count": arrow.int64()}
        self._schema = arrow.schema([(column.name, types[column.kind]) for column in columns])
        self._rows: list[Sequence[Cell]] = []
        self._file = import_module("pyarrow.parquet").ParquetWriter(path, self._schema)

    def write(self, rows: Iterable[Sequence[Cell]]) -> None:
        """See :meth:`TableWriter.write`."""
        for row in rows:
            self._rows.append(row)
            if len(self._rows) == GROUP:
                self._write_group()

    def close(self, about: Mapping[str, Any] | None = None) -> None:
        """See :meth:`TableWriter.close`."""
        if self._rows:
            self._write_group()
        if about is not None:
            self._file.add_key_value_metadata({"tsrep": json.dumps(about, ensure_ascii=False)})
        self._file.close()

    def discard(self) -> None:
        """See :meth:`TableWriter.discard`."""
        self._file.close()

    def _write_group(self) -> None:
        arrow = self._arrow
        columns = zip(*self._rows, strict=True)
        arrays = [
            arrow.array(list(cells), field.type) for cells, field in zip(columns, self._schema, strict=True)
        ]
        self._file.write_table(arrow.Table.from_arrays(arrays, schema=self._schema))
        self._rows.clear()

"""The files of a prediction: tables, features, and a JSON file that says how they were made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tsrep.evaluation.arrays import Array
from tsrep.files import refuse_taken, replacing, write_json
from tsrep.runs.predict.columns import Column, Layout, Outcome
from tsrep.runs.predict.embeddings import EmbeddingsFile
from tsrep.runs.predict.writers.writer import TableWriter, writer_of


@dataclass(frozen=True)
class Destination:
    """Where predictions are written.

    Attributes
    ----------
    out : Path
        Table with a row for each recording, or for each window.
    format : str or None
        Of the table; None goes by the suffix.
    windows : bool
        Whether the table has a row for each window; recordings then stand in a second table.
    embed : Path or None
        File for the features of all windows.
    overwrite : bool
    """

    out: Path
    format: str | None = None
    windows: bool = False
    embed: Path | None = None
    overwrite: bool = False

    @property
    def about(self) -> Path:
        """The JSON file beside the table."""
        return self.out.with_suffix(".json")

    @property
    def records(self) -> Path:
        """The table with a row for each recording."""
        return self.out.with_suffix(f".records{self.out.suffix}") if self.windows else self.out

    def check(self) -> None:
        """Refuse what would fail in the end.

        Raises
        ------
        ConfigError
            When the format is unknown or not installed.
        RunError
            When a file exists already.
        """
        if not self.out.is_dir():
            writer_of(self.out, self.format)
        for path in dict.fromkeys((self.out, self.records, self.about)):
            refuse_taken(path, overwrite=self.overwrite)
        if self.embed is not None:
            refuse_taken(self.embed, ".npz", overwrite=self.overwrite)

    @contextmanager
    def opened(self, layout: Layout) -> Iterator[Files]:
        """Files that appear when the block ends well, all of them, and not at all if not."""
        with ExitStack() as stack:
            files = Files(
                layout,
                records=self._table(stack, self.records, layout.records),
                windows=self._table(stack, self.out, layout.windows) if self.windows else None,
                embed=None if self.embed is None else self._embeddings(stack, self.embed),
            )
            yield files

    def _table(self, stack: ExitStack, path: Path, columns: Sequence[Column]) -> TableWriter:
        made: TableWriter = writer_of(self.out, self.format)(self._new(stack, path), columns)
        stack.callback(made.discard)
        return made

    def _embeddings(self, stack: ExitStack, path: Path) -> EmbeddingsFile:
        made = EmbeddingsFile(self._new(stack, path))
        stack.callback(made.discard)
        return made

    def _new(self, stack: ExitStack, path: Path) -> Path:
        return stack.enter_context(replacing(path))

    def write_about(self, about: Mapping[str, Any]) -> None:
        """Write the JSON file."""
        write_json(self.about, about)


@dataclass(frozen=True, eq=False)
class Files:
    """Open files, to be given one recording after the other."""

    layout: Layout
    records: TableWriter
    windows: TableWriter | None = None
    embed: EmbeddingsFile | None = None

    def write(self, outcome: Outcome, features: Array | None = None) -> None:
        """Add a recording."""
        self.records.write([self.layout.record_row(outcome)])
        if self.windows is not None:
            self.windows.write(self.layout.window_rows(outcome))
        if self.embed is not None and features is not None and outcome.windows is not None:
            self.embed.write(outcome.record, features, outcome.windows.start, outcome.windows.stop)

    def close(self, about: Mapping[str, Any]) -> None:
        """Finish all of them."""
        self.records.close(about)
        if self.windows is not None:
            self.windows.close(about)
        if self.embed is not None:
            self.embed.close()

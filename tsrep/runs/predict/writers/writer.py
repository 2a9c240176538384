"""Writing a table row by row into a file that appears whole or not at all."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

from tsrep.errors import ConfigError
from tsrep.evaluation.heads.kept_head import Cell
from tsrep.registry import Registry
from tsrep.runs.predict.columns import Column

WRITERS = Registry("table format", "tsrep.runs.predict.writers")


class TableWriter(ABC):
    """A format of tables; registered with ``@WRITERS.register("name")``, the name being the suffix.

    Parameters
    ----------
    path : Path
        File to make.
    columns : sequence of Column

    Attributes
    ----------
    title : str
    needs : str
        Package that must be installed; tsrep has an extra of the name of the format with it.
    """

    name: ClassVar[str] = "unregistered"
    title: ClassVar[str]
    needs: ClassVar[str] = ""

    @abstractmethod
    def __init__(self, path: Path, columns: Sequence[Column]) -> None: ...

    @abstractmethod
    def write(self, rows: Iterable[Sequence[Cell]]) -> None:
        """Add rows; a cell that is None stays empty."""

    @abstractmethod
    def close(self, about: Mapping[str, Any] | None = None) -> None:
        """Finish the file, with what is said of the table where the format has room for it."""

    @abstractmethod
    def discard(self) -> None:
        """Let go of the file, finished or not."""


def writer_of(path: Path, name: str | None = None) -> type[TableWriter]:
    """The format of a table, by its name or else by the suffix of its file.

    Raises
    ------
    ConfigError
        When there is none, or a package is missing.
    """
    chosen = name or path.suffix.lower().removeprefix(".")
    if chosen not in WRITERS.names():
        raise ConfigError(
            f"{path} does not end in the name of a format; choose one with --format: "
            f"{', '.join(WRITERS.names())}"
        )
    found: type[TableWriter] = WRITERS.entry(chosen).cls
    if found.needs and find_spec(found.needs) is None:
        raise ConfigError(f"{found.title} files need the package {found.needs}; install tsrep[{chosen}]")
    return found

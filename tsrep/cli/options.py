"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from tsrep.errors import ConfigError

RunFolder = Annotated[
    Path,
    typer.Argument(
        metavar="RUN",
        help="Folder of a run, as `tsrep fit` writes it; RUN@2 is that of its third seed.",
    ),
]
Config = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="Configuration as YAML; see configs/. Other options override it."),
]
Root = Annotated[
    Path | None,
    typer.Option(help="Folder of the data, or file of a series. [default: the data cache]"),
]
MovedRoot = Annotated[
    Path | None, typer.Option(help="Folder of the data. [default: the one the run was trained on]")
]
Strict = Annotated[bool, typer.Option("--strict", help="Refusal of data with unreadable records.")]


def assignment(description: str) -> Any:
    """The option ``--set``, which may be repeated."""
    return typer.Option("--set", "-s", metavar="PATH=VALUE", help=f"{description} Repeatable.")


def given(**options: Any) -> dict[str, Any]:
    """Options that the user gave."""
    return {name: value for name, value in options.items() if value is not None}


def refuse_other_than_data(command: str, assignments: Sequence[str]) -> None:
    """Check that all assignments are settings of the data set.

    Raises
    ------
    ConfigError
        Naming the first one that is not.
    """
    for each in assignments:
        if not each.startswith("dataset."):
            raise ConfigError(f"--set {each!r} is not about the data; {command} takes dataset.KEY=VALUE")

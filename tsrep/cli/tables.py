"""What `compare`, `validate` and `audit` take, a table of encoders and data sets, and what they show."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tsrep.cli.options import named_dataset
from tsrep.errors import ConfigError

if TYPE_CHECKING:
    from tsrep.runs.compare.table import Table

Encoders = Annotated[
    list[str],
    typer.Argument(
        metavar="ENCODER... | TABLE.yaml",
        help="References as `tsrep encoder` takes them, or a table with encoders and data sets.",
    ),
]
Roots = Annotated[
    list[Path] | None,
    typer.Option(help="Folder of the data, one for each --dataset in order. [default: the data cache]"),
]


def several_datasets(description: str) -> Any:
    """The option ``--dataset``, where it may be a file too."""
    return named_dataset(
        f"{description} A name, or a file: settings of a data set, or the configuration of a run."
    )


def asked_table(
    encoders: Sequence[str],
    datasets: Sequence[str] | None,
    roots: Sequence[Path] | None,
    policies: Any,
    changes: Mapping[str, Any],
) -> Table:
    """The table that is named, or made of the encoders and data sets; its warnings are printed.

    Raises
    ------
    ConfigError
        When a file cannot be read, or there are more roots than data sets.
    """
    from tsrep.runs.compare.table import data_entry, read_table, table_of

    chosen = asdict(policies)
    changes = {**changes, **({"policies": chosen} if any(chosen.values()) else {})}
    datasets, roots = datasets or (), roots or ()
    if len(encoders) == 1 and encoders[0].endswith((".yaml", ".yml")):
        if datasets:
            raise ConfigError(f"{encoders[0]} names its data sets; leave --dataset out")
        table = read_table(Path(encoders[0]), changes)
    else:
        if len(roots) > len(datasets):
            raise ConfigError(
                f"--root {roots[len(datasets)]} belongs to no --dataset; give one root for each, in order"
            )
        entries = [data_entry(name, root) for name, root in zip_longest(datasets, roots)]
        table = table_of({"encoders": list(encoders), "datasets": entries, **changes})
    for warning in table.warnings:
        typer.echo(f"warning: {warning}", err=True)
    return table


def conduct_and_show(
    table: Table,
    out: Path,
    conduct: Callable[..., Any],
    write: Callable[..., Path],
    summary: Callable[..., str],
) -> None:
    """Conduct what is asked for, print its text, and write its page.

    Parameters
    ----------
    table : Table
    out : Path
        Folder of the page.
    conduct, write, summary : callable
        From table and folder to an outcome; from it and the folder to the page; from it to text.
    """
    from tsrep.training.interrupt import told_of_interruption

    with told_of_interruption(f"what was scored, if anything, is kept in {out}: run the same command again"):
        found = conduct(table, out)
        typer.echo(summary(found))
        typer.echo(f"\n{write(found, out)}")

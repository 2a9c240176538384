"""The command `runs`: what has been trained, and how well it does."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tsrep.cli.completion import runs as possible_folders
from tsrep.cli.options import print_table

if TYPE_CHECKING:
    from tsrep.runs.overview import RunRow

KEYS = ("data", "objective", "encoder", "date", "state", "score", "gain")
HEADS = ("name", "data", "objective", "encoder", "started (UTC)", "state", "score", "gain")


def runs(
    folder: Annotated[
        Path,
        typer.Argument(metavar="[FOLDER]", help="Folder to look into.", autocompletion=possible_folders),
    ] = Path("runs"),
    where: Annotated[
        list[str] | None,
        typer.Option(
            "--where",
            "-w",
            metavar="COLUMN=PATTERN",
            help="Only such runs: name, data, objective, encoder or state, such as data=ptb-xl*. Repeatable.",
        ),
    ] = None,
    sort: Annotated[
        str, typer.Option(help="Column: name, data, objective, encoder, state, date, score or gain.")
    ] = "date",
    as_json: Annotated[bool, typer.Option("--json", help="Output as JSON.")] = False,
) -> None:
    """List runs with their data, state and main score, the newest first.

    The gain is over random initialisation of the same architecture; brackets are 95 % intervals.
    """
    from tsrep.runs.overview import list_runs

    rows = list_runs(folder, where=where or (), sort=sort)
    if as_json:
        typer.echo(json.dumps([asdict(row) for row in rows], indent=2, ensure_ascii=False))
    elif rows:
        print_table(HEADS, map(_cells, rows))
    else:
        typer.echo(f"no such runs in {folder}" if where else f"no runs in {folder}; train one: tsrep fit")


def _cells(row: RunRow) -> tuple[str, ...]:
    facts = row.facts
    return (row.name, *(facts[key] for key in KEYS))

"""Commands on configurations: init, show, check, schema."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from tsrep.cli.completion import names_of
from tsrep.cli.options import assignment, given, named_dataset
from tsrep.cli.usage import Commands
from tsrep.errors import ConfigError
from tsrep.registry import DATASETS, OBJECTIVES

config = typer.Typer(
    cls=Commands, no_args_is_help=True, help="Write, explain and check configurations of runs and studies."
)

Objective = Annotated[
    str | None,
    typer.Option("--objective", "-o", help="Name of the objective.", autocompletion=names_of(OBJECTIVES)),
]
Place = typer.Argument(metavar="[FILE]", help="Configuration as YAML, or the folder of a run.")


@config.command()
def init(
    dataset: Annotated[
        str,
        typer.Argument(
            metavar="DATASET", help="Name; see `tsrep data list`.", autocompletion=names_of(DATASETS)
        ),
    ],
    objective: Objective = None,
    assignments: Annotated[list[str] | None, assignment("One setting, such as training.epochs=20.")] = None,
    out: Annotated[Path | None, typer.Option(help="Output file, which must be new. [default: print]")] = None,
) -> None:
    """Write a configuration for a data set with every setting, what it may be and what it does."""
    from tsrep.files import refuse_below_file, write_text
    from tsrep.runs.config import merged
    from tsrep.runs.explained_config import annotated

    if out is not None:
        refuse_below_file(out)
        if out.exists():
            raise ConfigError(f"{out} is there already; give another --out, or remove it")
    values = merged({"dataset": {"name": dataset}}, given(objective=objective))
    text = annotated(merged(values, _assigned(assignments)))
    if out is None:
        typer.echo(text, nl=False)
    else:
        write_text(out, text)
        typer.echo(f"{out}: adapt it, check it with: tsrep config check {out}")


@config.command()
def show(
    file: Annotated[Path | None, Place] = None,
    dataset: Annotated[str | None, named_dataset("Name of the data set.")] = None,
    objective: Objective = None,
    assignments: Annotated[list[str] | None, assignment("One setting, such as training.epochs=20.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Output as JSON.")] = False,
) -> None:
    """Show every setting of a run with its value, where that came from, what else it may be, what it does."""
    from tsrep.runs.explained_config import explained

    layers: list[tuple[str, Mapping[str, Any]]] = [] if file is None else [(str(file), _values(file))]
    layers += [("option", given(dataset=dataset, objective=objective)), ("--set", _assigned(assignments))]
    settings = explained(layers)
    if as_json:
        typer.echo(json.dumps([asdict(each) for each in settings], indent=2, ensure_ascii=False))
        return
    widths = [max(len(text) for text in column) for column in zip(*map(_columns, settings), strict=True)]
    for setting in settings:
        cells = (text.ljust(min(width, 40)) for text, width in zip(_columns(setting), widths, strict=True))
        told = "; ".join(filter(None, [setting.choices, setting.about]))
        typer.echo("  ".join([*cells, told]).rstrip())


@config.command()
def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Configurations or study files.")],
) -> None:
    """Check files of settings without reading data."""
    from tsrep.runs.config import configure
    from tsrep.studies.define.definition import define

    for file in files:
        values = _values(file)
        if "study" in values:
            found = define(dict(values), str(file))
            typer.echo(f"{file}: valid, the study {found.study}")
            continue
        try:
            checked = configure(values)
        except ConfigError as error:
            raise ConfigError(f"{file}: {error}") from error
        typer.echo(f"{file}: valid, {checked.objective.name} on {checked.dataset.name}")


@config.command()
def schema() -> None:
    """Print the JSON schema of configurations, for editors that check and complete YAML."""
    from tsrep.runs.schema import configuration_schema

    typer.echo(json.dumps(configuration_schema(), indent=1, ensure_ascii=False))


def _columns(setting: Any) -> tuple[str, str, str]:
    return setting.path, json.dumps(setting.value, ensure_ascii=False), setting.origin


def _values(place: Path) -> dict[str, Any]:
    from tsrep.runs.config_files import read_config

    return read_config(place / "config.yaml" if place.is_dir() else place)


def _assigned(assignments: list[str] | None) -> dict[str, Any]:
    from tsrep.runs.config import merged
    from tsrep.runs.config_files import parse_assignment

    values: dict[str, Any] = {}
    for each in assignments or ():
        values = merged(values, parse_assignment(each))
    return values

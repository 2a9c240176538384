"""The commands, each in a module of its own, under one name."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from tsrep.cli.audit import audit
from tsrep.cli.cache import cache
from tsrep.cli.cite import cite
from tsrep.cli.compare import compare
from tsrep.cli.config import config as config_commands
from tsrep.cli.data import data
from tsrep.cli.doctor import doctor
from tsrep.cli.embed import embed
from tsrep.cli.encoder import encoder
from tsrep.cli.evaluate import evaluate
from tsrep.cli.export import export
from tsrep.cli.fit import fit
from tsrep.cli.forecast import forecast
from tsrep.cli.hub import hub
from tsrep.cli.list_parts import list_parts
from tsrep.cli.plot import plot
from tsrep.cli.power import power
from tsrep.cli.predict import predict
from tsrep.cli.runs import runs as list_of_runs
from tsrep.cli.score import score
from tsrep.cli.show import show
from tsrep.cli.study import study
from tsrep.cli.usage import Commands
from tsrep.cli.validate import validate

app = typer.Typer(
    name="tsrep",
    cls=Commands,
    no_args_is_help=True,
    rich_markup_mode=None,  # in panels of 80 columns names of options are cut
    help="Learn representations of ECG, other multichannel signals and time series; score them on patients "
    "or times never seen.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tsrep {version('tsrep')}")
        raise typer.Exit


@app.callback()
def _root(
    _version: Annotated[
        bool,
        typer.Option("--version", help="Show the version and exit.", callback=_print_version, is_eager=True),
    ] = False,
) -> None:
    """Options before any command."""


app.command()(fit)
app.command()(evaluate)
app.command()(embed)
app.command()(show)
app.command("list")(list_parts)
app.command()(encoder)
app.command()(predict)
app.command()(forecast)
app.command()(cite)
app.command()(compare)
app.command()(validate)
app.command()(audit)
app.command()(export)
app.command()(power)
app.command()(doctor)
app.command("runs")(list_of_runs)
app.command()(score)
app.add_typer(cache, name="cache")
app.add_typer(config_commands, name="config")
app.add_typer(data, name="data")
app.add_typer(hub, name="hub")
app.add_typer(plot, name="plot")
app.add_typer(study, name="study")

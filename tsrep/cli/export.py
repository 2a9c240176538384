"""The command `export`: the encoder or forecaster of a run as a file for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from tsrep.cli.options import RunFolder


def export(
    run: RunFolder,
    kind: Annotated[
        Literal["pt2", "onnx"],
        typer.Option("--format", help="File format: a program of torch.export, or ONNX."),
    ] = "pt2",
    what: Annotated[
        Literal["encoder", "forecaster"],
        typer.Option(help="Part to export: the encoder, or all of a run that forecasts."),
    ] = "encoder",
    out: Annotated[
        Path | None, typer.Option(help="Output file. [default: RUN/encoder.pt2 and the like]")
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Length of a sample, if it must be fixed. [default: the run's]")
    ] = None,
) -> None:
    """Write a run's encoder for use without tsrep, once it gives what the original gives.

    The file says, as JSON in its metadata, how signals are standardised before they go in.
    """
    from tsrep.runs.export.export import export as write

    done = write(run, format=kind, what=what, out=out, steps=steps)
    typer.echo(f"{done.path}: takes {done.metadata['time']['says']}")
    typer.echo(f"equal to the original within {done.difference:.0e} of the largest value")
    typer.echo(f"standardise first: {done.metadata['standardise']['says']}")

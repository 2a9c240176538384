"""The command `export`: the encoder or forecaster of a run as a file for other programs."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Kind(StrEnum):
    """Kinds of files."""

    pt2 = "pt2"
    onnx = "onnx"


class Part(StrEnum):
    """What of a run is written."""

    encoder = "encoder"
    forecaster = "forecaster"


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder that fit made.")],
    kind: Annotated[Kind, typer.Option("--format", help="A program of torch.export, or ONNX.")] = Kind.pt2,
    what: Annotated[
        Part, typer.Option("--what", help="The encoder; of a run that forecasts also all of it.")
    ] = Part.encoder,
    out: Annotated[
        Path | None, typer.Option("--out", help="File to write. [default: RUN/encoder.pt2 and the like]")
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option("--steps", min=1, help="Length of a sample, if it must be fixed. [default: the run's]"),
    ] = None,
) -> None:
    """Write a run's encoder for use without tsrep, once it gives what the original gives.

    The file says, as JSON in its metadata, how signals are standardised before they go in.
    """
    from tsrep.runs.export import export as write

    done = write(run, format=kind.value, what=what.value, out=out, steps=steps)
    typer.echo(f"{done.path}: takes {done.sentence}")
    typer.echo(f"equal to the original within {done.difference:.0e} of the largest value")
    typer.echo(f"standardise first: {done.metadata['standardise']['says']}")

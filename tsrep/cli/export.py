"""The command `export`: an encoder, a predictor or a forecaster as a file for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from tsrep.cli.options import Overwrite, given


def export(
    encoder: Annotated[
        str,
        typer.Argument(
            metavar="ENCODER", help="Run folder, RUN@K, packed folder, hub:owner/name and others."
        ),
    ],
    kind: Annotated[
        Literal["pt2", "onnx"],
        typer.Option("--format", help="File format: a program of torch.export, or ONNX."),
    ] = "pt2",
    what: Annotated[
        Literal["encoder", "predictor", "forecaster"],
        typer.Option(
            help="Windows to representations, windows to probabilities (with a kept head), or all of a run "
            "that forecasts."
        ),
    ] = "encoder",
    preprocessing: Annotated[
        Literal["full", "standardise", "none"] | None,
        typer.Option(help="What of the preprocessing is in the file. [default: full; of an encoder none]"),
    ] = None,
    head: Annotated[
        str | None,
        typer.Option(help="Kept head, or folder of an evaluation. [default: the best]"),
    ] = None,
    leads: Annotated[
        str | None,
        typer.Option(metavar="I,II,V1", help="Channels that the file takes. [default: all]"),
    ] = None,
    further: Annotated[
        list[str] | None,
        typer.Option(
            "--with",
            metavar="z|steps",
            help="Further output of a predictor: pooled representation, or every step. Repeatable.",
        ),
    ] = None,
    calibrated: Annotated[
        bool | None,
        typer.Option(
            "--calibrated/--uncalibrated",
            help="Calibration in the file, for recordings of one window. [default: by the contract]",
        ),
    ] = None,
    quantise: Annotated[
        Literal["int8"] | None, typer.Option(help="8-bit weights, in a file beside that of ONNX.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="8-bit weights that decide otherwise.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Output file. [default: RUN/encoder.pt2 and the like]")
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Length of a window. [default: that of the contract]")
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Write an encoder for use without tsrep, once it gives what the original gives.

    A predictor takes raw windows in the unit and at the rate of the contract and returns probabilities. The
    contract is in the metadata of the file, as JSON; an ONNX file also holds ten lines of Python that predict
    with it.
    """
    from tsrep.runs.export.export import export as write

    options: dict[str, Any] = given(
        preprocessing=preprocessing, head=head, calibrated=calibrated, quantise=quantise, out=out,
        steps=steps,
        leads=None if leads is None else tuple(name.strip() for name in leads.split(",")),
        further=None if further is None else tuple(further),
    )  # fmt: skip
    done = write(encoder, format=kind, what=what, force=force, overwrite=overwrite, **options)
    about = done.metadata
    typer.echo(f"{done.path}: takes {about['time']['says']}")
    typer.echo(f"equal to the original within {done.difference:.0e} of the largest value")
    before, why = about["preprocessing"]["before"], about["preprocessing"]["why"]
    if before:
        typer.echo(f"to be done before: {', '.join(before)}{f' ({why})' if why else ''}")
    if done.loss is not None:
        typer.echo(
            f"{done.quantised}: {done.loss.size:.0%} of the size, {done.loss.seconds:.3f} s instead of "
            f"{done.loss.float_seconds:.3f} s here, other decisions for {done.loss.decisions:.1%} of windows"
        )

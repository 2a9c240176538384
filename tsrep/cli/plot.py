"""Figures of a run that are made on request: plot views, plot receptive-field."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tsrep.cli.options import MovedRoot, RunFolder

plot = typer.Typer(no_args_is_help=True, help="Plot what a run has learned.")


@plot.command()
def views(
    run: RunFolder,
    out: Annotated[
        Path | None, typer.Option(help="Output file: PNG, PDF or SVG. [default: RUN/figures/views.png]")
    ] = None,
    sample: Annotated[int, typer.Option(min=0, help="Number of the sample in the validation part.")] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Random seed of the views.")] = 0,
    root: MovedRoot = None,
) -> None:
    """Plot a sample before and after the run's own views and every fixed augmentation.

    Of a learned view, the mask h and the gain g are plotted under the signal.
    """
    import tsrep

    path = tsrep.plot_views(run, out=out, sample=sample, seed=seed, root=root)
    typer.echo(f"views: {path}")


@plot.command("receptive-field")
def receptive_field(
    run: RunFolder,
    step: Annotated[int | None, typer.Option(min=1, help="Step of the output. [default: all]")] = None,
    compare: Annotated[
        Path | None, typer.Option(metavar="RUN2", help="Folder of another run to plot beside it.")
    ] = None,
    method: Annotated[
        str, typer.Option(help="Attribution method: gradient, or as a cross-check integrated or occlusion.")
    ] = "gradient",
    grad_of: Annotated[
        str,
        typer.Option(
            help="What the gradient is of: output, or loss as published (weighted by the residual)."
        ),
    ] = "output",
    windows: Annotated[int, typer.Option(min=1, help="Number of windows to average over.")] = 64,
    part: Annotated[str, typer.Option(help="Part of the data: train, validation or test.")] = "validation",
    period: Annotated[
        int | None, typer.Option(min=2, help="Period in steps, marked and scored. [default: the main season]")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Random seed of signs and scales.")] = 0,
    root: MovedRoot = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Output file: PNG, PDF or SVG. [default: RUN/figures/receptive-field.png and .pdf]"
        ),
    ] = None,
) -> None:
    """Plot which input steps each step of the output answers to, with its scores and the numbers beside.

    Of a run that forecasts it is the forecaster that is looked at, of a supervised one the classifier, of
    any other the encoder.
    """
    import tsrep

    options: dict[str, Any] = {"method": method, "grad_of": grad_of, "windows": windows, "part": part}
    path = tsrep.plot_receptive_field(
        run, step=step, compare=compare, period=period, seed=seed, root=root, out=out, **options
    )
    typer.echo(f"receptive field: {path}")
    typer.echo(f"scores: {path.with_suffix('.json')}")

"""Pictures of a run that are drawn on request: plot views, plot receptive-field."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

plot = typer.Typer(no_args_is_help=True, help="Draw what a run has learned.")

RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="Folder that fit made.")]
Root = Annotated[Path | None, typer.Option("--root", help="Folder of the data, if they have moved.")]


@plot.command()
def views(
    run: RunFolder,
    out: Annotated[
        Path | None, typer.Option("--out", help="PNG, PDF or SVG file. [default: RUN/figures/views.png]")
    ] = None,
    sample: Annotated[int, typer.Option("--sample", min=0, help="Which sample of the validation part.")] = 0,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the draws.")] = 0,
    root: Root = None,
) -> None:
    """Draw a sample before and after the run's own views and every fixed augmentation.

    Of a learned view, the mask h and the gain g are drawn under the signal.
    """
    import tsrep.api

    path = tsrep.api.plot_views(run, out=out, sample=sample, seed=seed, root=root)
    typer.echo(f"views: {path}")


@plot.command("receptive-field")
def receptive_field(
    run: RunFolder,
    step: Annotated[
        int | None, typer.Option("--step", min=1, help="One step of the output instead of all.")
    ] = None,
    compare: Annotated[
        Path | None, typer.Option("--compare", metavar="RUN2", help="Another run to draw beside it.")
    ] = None,
    method: Annotated[
        str, typer.Option("--method", help="gradient, or as a cross-check integrated or occlusion.")
    ] = "gradient",
    grad_of: Annotated[
        str, typer.Option("--grad-of", help="output, or loss as published: weighted by the residual.")
    ] = "output",
    windows: Annotated[int, typer.Option("--windows", min=1, help="How many to average over.")] = 64,
    part: Annotated[str, typer.Option("--part", help="train, validation or test.")] = "validation",
    period: Annotated[
        int | None,
        typer.Option("--period", min=2, help="Steps, to mark and to score. [default: the main season]"),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of random signs and scales.")] = 0,
    root: Root = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="PNG, PDF or SVG. [default: RUN/figures/receptive-field.png and .pdf]"),
    ] = None,
) -> None:
    """Draw which input steps each step of the output answers to, with its scores and the numbers beside.

    Of a run that forecasts it is the forecaster that is looked at, of a supervised one the classifier, of
    any other the encoder.
    """
    import tsrep.api

    options: dict[str, Any] = {"method": method, "grad_of": grad_of, "windows": windows, "part": part}
    path = tsrep.api.plot_receptive_field(
        run, step=step, compare=compare, period=period, seed=seed, root=root, out=out, **options
    )
    typer.echo(f"receptive field: {path}")
    typer.echo(f"scores: {path.with_suffix('.json')}")

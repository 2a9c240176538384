"""Pictures of a run that are drawn on request: plot views."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

plot = typer.Typer(no_args_is_help=True, help="Draw what a run has learned.")


@plot.callback()
def _group() -> None:
    """Keeps `plot views` a command of its own while it is the only one."""


@plot.command()
def views(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder that fit made.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="PNG, PDF or SVG file. [default: RUN/figures/views.png]")
    ] = None,
    sample: Annotated[int, typer.Option("--sample", min=0, help="Which sample of the validation part.")] = 0,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the draws.")] = 0,
    root: Annotated[
        Path | None, typer.Option("--root", help="Folder of the data, if they have moved.")
    ] = None,
) -> None:
    """Draw a sample before and after the run's own views and every fixed augmentation.

    Of a learned view, the mask h and the gain g are drawn under the signal.
    """
    import tsrep.api

    path = tsrep.api.plot_views(run, out=out, sample=sample, seed=seed, root=root)
    typer.echo(f"views: {path}")

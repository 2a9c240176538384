"""Figures of an encoder that are made on request: plot views, plot receptive-field, plot attribution."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tsrep.cli.options import (
    EncoderReference,
    MovedRoot,
    Overwrite,
    assignment,
    contract_options,
    named_dataset,
    refuse_without_dataset,
)
from tsrep.cli.usage import Commands
from tsrep.files import refuse_taken

plot = typer.Typer(cls=Commands, no_args_is_help=True, help="Plot what an encoder has learned.")


OtherDataset = Annotated[
    str | None,
    named_dataset("Name of other data, converted by the contract. [default: the run's own]"),
]
Setting = Annotated[list[str] | None, assignment("One setting of other data, such as dataset.rate=500.")]


@plot.command()
@contract_options
def views(
    encoder: EncoderReference,
    out: Annotated[
        Path | None, typer.Option(help="Output file: PNG, PDF or SVG. [default: RUN/figures/views.png]")
    ] = None,
    sample: Annotated[int, typer.Option(min=0, help="Number of the sample in the validation part.")] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Random seed of the views.")] = 0,
    dataset: OtherDataset = None,
    root: MovedRoot = None,
    assignments: Setting = None,
    overwrite: Overwrite = False,
    *,
    policies: Any,
) -> None:
    """Plot a sample before and after the run's own views and every fixed augmentation.

    Of a learned view, the mask h and the gain g are plotted under the signal.
    """
    import tsrep

    _refuse_taken(out, overwrite)
    other = _other(dataset, policies, assignments)
    path = tsrep.plot_views(encoder, out=out, sample=sample, seed=seed, root=root, **other)
    typer.echo(f"views: {path}")


@plot.command("receptive-field")
@contract_options
def receptive_field(
    encoder: EncoderReference,
    step: Annotated[int | None, typer.Option(min=1, help="Step of the output. [default: all]")] = None,
    compare: Annotated[
        str | None, typer.Option(metavar="ENCODER2", help="Another encoder to plot beside it.")
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
    dataset: OtherDataset = None,
    root: MovedRoot = None,
    assignments: Setting = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Output file: PNG, PDF or SVG. [default: RUN/figures/receptive-field.png and .pdf]"
        ),
    ] = None,
    overwrite: Overwrite = False,
    *,
    policies: Any,
) -> None:
    """Plot which input steps each step of the output answers to, with its scores and the numbers beside.

    Of a run that forecasts it is the forecaster that is looked at, of a supervised one the classifier, of
    any other the encoder.
    """
    import tsrep

    _refuse_taken(out, overwrite)
    options: dict[str, Any] = {"method": method, "grad_of": grad_of, "windows": windows, "part": part}
    options |= _other(dataset, policies, assignments)
    path = tsrep.plot_receptive_field(
        encoder, step=step, compare=compare, period=period, seed=seed, root=root, out=out, **options
    )
    typer.echo(f"receptive field: {path}")
    typer.echo(f"scores: {path.with_suffix('.json')}")


@plot.command()
@contract_options
def attribution(
    encoder: EncoderReference,
    recordings: Annotated[
        str | None,
        typer.Argument(
            metavar="RECORDINGS",
            help="Files or folders, as predict takes them. [default: the test part of the data of the run]",
        ),
    ] = None,
    record: Annotated[str | None, typer.Option(help="Name of one of several. [default: the first]")] = None,
    label: Annotated[
        str | None, typer.Option("--class", help="Class to look at. [default: the most probable]")
    ] = None,
    head: Annotated[str | None, typer.Option(help="Name of a kept head. [default: the best]")] = None,
    rate: Annotated[
        float | None, typer.Option(help="Sampling rate in Hz, where files do not say theirs.")
    ] = None,
    channels: Annotated[
        str | None, typer.Option(metavar="I,II,V1", help="Channels in order, where files do not name theirs.")
    ] = None,
    root: MovedRoot = None,
    out: Annotated[
        Path | None, typer.Option(help="Output file: PNG, PDF or SVG. [default: RUN/figures/attribution.png]")
    ] = None,
    overwrite: Overwrite = False,
    *,
    policies: Any,
) -> None:
    """Plot which leads and moments of a recording speak for a predicted class and which against it."""
    import tsrep

    _refuse_taken(out, overwrite)
    names = None if channels is None else tuple(name.strip() for name in channels.split(","))
    options = vars(policies) | {"head": head, "rate": rate, "channels": names, "root": root}
    path = tsrep.plot_attribution(encoder, recordings, out=out, record=record, label=label, **options)
    typer.echo(f"attribution: {path}")
    typer.echo(f"sums of the leads: {path.with_suffix('.json')}")
    typer.echo(f"all shares: {path.with_suffix('.npz')}")


def _refuse_taken(out: Path | None, overwrite: bool) -> None:
    """Refuse a file that the user names and that is there; figures of a run are made anew."""
    if out is not None:
        refuse_taken(out, overwrite=overwrite)


def _other(dataset: str | None, policies: Any, assignments: list[str] | None) -> dict[str, Any]:
    """What is said of other data; nothing where none are named."""
    if dataset is None:
        refuse_without_dataset(policies, set=assignments)
        return {}
    return {"dataset": dataset, "policies": policies, "assignments": assignments or ()}

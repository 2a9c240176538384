"""The command `evaluate`: score an encoder, on its own data or on others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from tsrep.cli.completion import names_of
from tsrep.cli.options import (
    EncoderReference,
    MovedRoot,
    Verbose,
    assignment,
    contract_options,
    given,
    named_dataset,
    refuse_without_dataset,
)
from tsrep.cli.show import print_summary
from tsrep.errors import ConfigError
from tsrep.registry import PROTOCOLS


@contract_options
def evaluate(
    encoder: EncoderReference,
    dataset: Annotated[
        str | None,
        named_dataset(
            "Name of other data, converted by the encoder's contract; see `tsrep list datasets`. "
            "[default: the run's own]"
        ),
    ] = None,
    root: MovedRoot = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the scores on other data. [default: runs/...]")
    ] = None,
    protocol: Annotated[
        list[str] | None,
        typer.Option(
            "--protocol",
            "-p",
            autocompletion=names_of(PROTOCOLS),
            help=f"Protocol: {', '.join(PROTOCOLS.names())}. Repeatable. [default: those of the run]",
        ),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(metavar="1.0,0.1,0.01", help="Fractions of the training labels; not for a series."),
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(
            min=1, help="Number of label draws and random initialisations beside one encoder. [default: 5]"
        ),
    ] = None,
    part: Annotated[
        str | None, typer.Option(help="Part to score: test or validation. [default: test where there is one]")
    ] = None,
    seen: Annotated[
        Literal["refuse", "leave-out", "keep"],
        typer.Option(help="Recordings that the encoder has seen: refused from 1 % on, else left out."),
    ] = "refuse",
    assignments: Annotated[
        list[str] | None, assignment("One setting of other data, such as dataset.rate=500.")
    ] = None,
    verbose: Verbose = False,
    *,
    policies: Any,
) -> None:
    """Score an encoder, all seeds of a run together, beside random initialisations and simple rules.

    On a run's own data scores are added to its folder, and what is scored again is replaced. With
    `--dataset` they have a folder of their own, and what the encoder came from is left alone.
    """
    from tsrep.api import scored
    from tsrep.training.interrupt import told_of_interruption

    if commas := [name for name in protocol or () if "," in name]:
        raise ConfigError(f"--protocol {commas[0]} names several; repeat --protocol for each")
    fractions = None if labels is None else labels.split(",")
    settings = given(protocols=protocol or None, labels=fractions, seeds=seeds, part=part, root=root)
    if dataset is None:
        refuse_without_dataset(policies, out=out, set=assignments, seen=None if seen == "refuse" else seen)
    else:
        settings |= {"out": out, "seen": seen, "policies": policies, "assignments": assignments or ()}
    typer.echo(f"evaluating {encoder}{f' on {dataset}' if dataset else ''}; reading the data")
    left = "no score was written; what is fine-tuned by now is kept for the same command with the same --out"
    with told_of_interruption(left):
        folder, _ = scored(encoder, dataset, **settings)
    print_summary(folder, verbose=verbose)

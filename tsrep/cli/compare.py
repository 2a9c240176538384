"""The command `compare`: encoders by data sets by fractions of labels, on one page."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Annotated, Any

import typer

from tsrep.cli.options import contract_options, given, named_dataset
from tsrep.errors import ConfigError
from tsrep.files import expanded


@contract_options
def compare(
    encoders: Annotated[
        list[str],
        typer.Argument(
            metavar="ENCODER... | TABLE.yaml",
            help="References as `tsrep encoder` takes them, or a table with encoders and data sets.",
        ),
    ],
    dataset: Annotated[
        list[str] | None,
        named_dataset("Data set to score on. Repeatable. [default: stored predictions of runs]"),
    ] = None,
    root: Annotated[
        list[Path] | None,
        typer.Option(help="Folder of the data, one for each --dataset in order. [default: the data cache]"),
    ] = None,
    protocol: Annotated[
        list[str] | None,
        typer.Option(
            "--protocol", "-p", help="Protocol; the first gives verdicts. Repeatable. [default: probe]"
        ),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(metavar="1.0,0.1,0.01", help="Fractions of the training labels. [default: 1.0]"),
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(min=1, help="Draws of labels, and random initialisations. [default: 5]")
    ] = None,
    primary: Annotated[
        str | None, typer.Option(help="Encoder whose gain on the first data set is the primary contrast.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, or cuda. [default: auto]")] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the page; cells in it are not scored again. [default: comparison]"),
    ] = None,
    *,
    policies: Any,
) -> None:
    """Compare encoders, each beside random initialisations of its own architecture.

    Signals are converted for each encoder by its contract, and differences corrected for their number by
    Holm. The folder gets comparison.html, comparison.csv, comparison.json and comparison.png.
    """
    from dataclasses import asdict

    from tsrep.report.compare import summary, write_comparison
    from tsrep.runs.compare.conduct import compare as conduct
    from tsrep.runs.compare.table import read_table, table_of
    from tsrep.training.interrupt import told_of_interruption

    changes = given(
        protocols=protocol or None,
        labels=None if labels is None else _fractions(labels),
        label_seeds=seeds,
        primary=primary,
        device=device,
    )
    chosen = asdict(policies)
    if any(chosen.values()):
        changes["policies"] = chosen
    if len(encoders) == 1 and encoders[0].endswith((".yaml", ".yml")):
        if dataset:
            raise ConfigError(f"{encoders[0]} names its data sets; leave --dataset out")
        table = read_table(Path(encoders[0]), changes)
    else:
        table = table_of({"encoders": encoders, "datasets": _datasets(dataset or (), root or ()), **changes})
    for warning in table.warnings:
        typer.echo(f"warning: {warning}", err=True)
    folder = out or Path("comparison")
    left = f"cells that are scored are kept in {folder}, and the same command goes on from there"
    with told_of_interruption(left):
        found = conduct(table, folder)
    typer.echo(summary(found))
    typer.echo(f"\n{write_comparison(found, folder)}")


def _datasets(names: Sequence[str], roots: Sequence[Path]) -> list[dict[str, Any]]:
    if len(roots) > len(names):
        raise ConfigError(
            f"--root {roots[len(names)]} belongs to no --dataset; give one root for each, in order"
        )
    pairs = zip_longest(names, roots)
    return [{"name": name, "root": root and expanded(root).resolve()} for name, root in pairs]


def _fractions(labels: str) -> list[float]:
    try:
        return [float(each) for each in labels.split(",")]
    except ValueError as error:
        raise ConfigError(f"--labels {labels} are no numbers; write them as 1.0,0.1") from error

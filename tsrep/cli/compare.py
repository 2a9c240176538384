"""The command `compare`: encoders by data sets by fractions of labels, on one page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tsrep.cli.options import contract_options, given
from tsrep.cli.tables import Encoders, Roots, asked_table, conduct_and_show, several_datasets
from tsrep.errors import ConfigError


@contract_options
def compare(
    encoders: Encoders,
    dataset: Annotated[
        list[str] | None,
        several_datasets("Data set to score on. Repeatable. [default: stored predictions of runs]"),
    ] = None,
    root: Roots = None,
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
    from tsrep.report.compare import summary, write_comparison
    from tsrep.runs.compare.conduct import compare as conduct

    changes = given(
        protocols=protocol or None,
        labels=None if labels is None else _fractions(labels),
        label_seeds=seeds,
        primary=primary,
        device=device,
    )
    table = asked_table(encoders, dataset, root, policies, changes)
    conduct_and_show(table, out or Path("comparison"), conduct, write_comparison, summary)


def _fractions(labels: str) -> list[float]:
    try:
        return [float(each) for each in labels.split(",")]
    except ValueError as error:
        raise ConfigError(f"--labels {labels} are no numbers; write them as 1.0,0.1") from error
